"""Batch mode: the same tables as in real time, nothing sent twice, nothing lost."""

from decimal import Decimal

import pytest
from warehouse_rows import DAY, insert_requests, request_row, scalar, table_rows

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.judge_client.batch_api import BatchUnsupported
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import batch_records, judge_shard
from anchorwatch.scoring.batch_answers import _Storing
from anchorwatch.scoring.batch_ledger import UNANSWERED_TRIES
from anchorwatch.scoring.batch_waits import BatchCancelled
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import Settings
from anchorwatch.steps import batch_mode
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

ROWS = 30
PART = Shard("run-1", DAY)


@pytest.fixture
def batch_settings(settings):
    prices = {settings.judge.model: {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}}
    judge = {**settings.judge.model_dump(), "mode": "batch", "batch": {"poll_seconds": 0.01}}
    return Settings.model_validate({**settings.model_dump(), "judge": judge, "prices": prices})


@pytest.fixture
def day(engine, batch_settings):
    """A day of different questions, sampled by one run."""
    answers = ["It is 7.", "Thank you for asking!", "It is 9."]
    insert_requests(
        engine,
        [
            request_row(n, prompt=f"Question {n}: what is it?", context='["It is 7."]', response=answers[n % 3])
            for n in range(ROWS)
        ],
    )
    initialise(engine, batch_settings)
    with connect(engine) as connection:
        draw_sample(connection, batch_settings, PART.run_id, DAY)
    return engine


def send(engine, settings, part=PART, *, is_first=True):
    """Send what is open; return the batches to wait for."""
    return batch_mode.advance(engine, settings, judge_endpoint(settings.judge), part, is_first=is_first).batches


def finish(engine, settings, part=PART):
    """Wait for what was sent, send what is still open, and judge."""
    endpoint = judge_endpoint(settings.judge)
    unasked = batch_mode.judge_by_batches(engine, settings, endpoint, part)
    return judge_shard(engine, settings, endpoint, part, unasked=unasked)


def scores(engine):
    return table_rows(engine, "work_evaluations")


def test_both_modes_end_in_the_same_scores_and_batch_costs_half(day, batch_settings, judge_server):
    totals = finish(day, batch_settings)
    assert (totals.rows, totals.paid, totals.unscored, judge_server.calls) == (ROWS, 0, 0, 0)
    by_batch = scores(day)
    cost = scalar(day, "SELECT SUM(cost_usd) FROM judge_calls WHERE mode = 'batch' AND NOT is_cached")
    assert scalar(day, "SELECT COUNT(*) FROM judge_calls") == ROWS
    with connect(day) as connection:
        for table in ("judge_cache", "judge_calls"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    judge_shard(day, batch_settings, judge_endpoint(batch_settings.judge), PART)
    assert judge_server.calls == ROWS
    assert scores(day) == by_batch
    assert scalar(day, "SELECT SUM(cost_usd) FROM judge_calls") == pytest.approx(2 * cost)


def test_files_stay_within_the_limits(day, batch_settings, judge_server):
    limits = batch_settings.judge.batch.model_copy(update={"max_requests_per_file": 8})
    judge = batch_settings.judge.model_copy(update={"batch": limits})
    batches = send(day, batch_settings.model_copy(update={"judge": judge}))
    assert sorted(batch["request_counts"]["total"] for batch in judge_server.batches.created) == [6, 8, 8, 8]
    assert sorted(batch.requests for batch in batches) == [6, 8, 8, 8]
    finish(day, batch_settings)
    assert judge_server.calls == 0


def test_bytes_stay_within_the_limits_too(day, batch_settings, judge_server):
    limits = batch_settings.judge.batch.model_copy(update={"max_bytes_per_file": 12_000})
    judge = batch_settings.judge.model_copy(update={"batch": limits})
    send(day, batch_settings.model_copy(update={"judge": judge}))
    sizes = [len(data) for data in judge_server.batches.files.values()]
    assert len(sizes) > 2
    assert max(sizes) <= 12_000
    assert sum(batch["request_counts"]["total"] for batch in judge_server.batches.created) == ROWS


def test_what_does_not_come_back_goes_into_another_batch(day, batch_settings, judge_server):
    fates = ["answered", "expired", "failed", "missing", "answered"]
    judge_server.batches.fate = lambda number, line: (
        fates[number % 5] if len(judge_server.batches.created) == 1 else "answered"
    )
    totals = finish(day, batch_settings)
    assert (totals.paid, totals.cached, totals.unscored, judge_server.calls) == (0, ROWS, 0, 0)
    assert table_rows(day, "(SELECT api_status, requests, answered FROM judge_batches) AS b") == [
        ("completed", 18, 18),
        ("expired", 30, 12),
    ]
    assert scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE NOT is_cached AND mode = 'batch'") == ROWS
    assert scalar(day, "SELECT COUNT(*) FROM judge_claims") == 0


def test_what_never_comes_back_is_unscored_and_nothing_is_asked_in_real_time(day, batch_settings, judge_server):
    fates = ["answered", "expired", "failed", "missing"]
    judge_server.batches.fate = lambda number, line: fates[int(line["custom_id"], 16) % 4]
    totals = finish(day, batch_settings)
    assert (totals.rows, judge_server.calls, len(judge_server.batches.created)) == (ROWS, 0, UNANSWERED_TRIES)
    assert totals.reasons.keys() == {"judge_batch_unanswered", "judge_unavailable"}
    answered = scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE NOT is_cached")
    assert totals.unscored == ROWS - answered > 0
    # Judged again, the same task may ask again.
    with connect(day) as connection:
        batch_records.close(connection, PART)
    judge_server.batches.fate = lambda number, line: "answered"
    assert finish(day, batch_settings).unscored == 0


def test_a_retry_goes_on_waiting_for_the_same_batch(day, batch_settings, judge_server):
    judge_server.batches.is_held = True
    first = send(day, batch_settings)
    assert [batch.batch_id for batch in send(day, batch_settings)] == [batch.batch_id for batch in first]
    assert len(judge_server.batches.created) == 1


def test_a_kill_before_the_id_was_stored_finds_the_batch_by_its_metadata(day, batch_settings, judge_server):
    judge_server.batches.is_held = True
    send(day, batch_settings)
    with connect(day) as connection:
        connection.exec_driver_sql("UPDATE judge_batches SET status = 'submitting', batch_id = NULL")
    batches = send(day, batch_settings)
    assert [batch.batch_id for batch in batches] == ["batch_1"]
    judge_server.batches.is_held = False
    finish(day, batch_settings)
    assert (len(judge_server.batches.created), judge_server.calls) == (1, 0)


def test_a_kill_before_anything_was_sent_starts_over(day, batch_settings, judge_server):
    with connect(day) as connection:
        lost = batch_records.open_batch(connection, PART, "m")
        connection.exec_driver_sql(
            "INSERT INTO judge_claims SELECT 'k' || n, %s, 's', 'r', 0, NOW() + INTERVAL '1 day' "
            "FROM GENERATE_SERIES(1, 3) AS n",
            (lost.holder,),
        )
    (batch,) = send(day, batch_settings)
    assert batch.requests == ROWS
    assert scalar(day, "SELECT status FROM judge_batches WHERE batch_key = :key", key=lost.batch_key) == "abandoned"
    assert scalar(day, "SELECT COUNT(*) FROM judge_claims WHERE holder = :holder", holder=lost.holder) == 0


def test_storing_the_answers_may_be_killed_and_done_again(day, batch_settings, judge_server, monkeypatch):
    monkeypatch.setattr("anchorwatch.scoring.batch_answers.LINES_AT_ONCE", 10)
    store, blocks = _Storing._store_block, []

    def killed_after_two(*arguments):
        blocks.append(1)
        if len(blocks) == 3:
            raise KeyboardInterrupt
        return store(*arguments)

    monkeypatch.setattr(_Storing, "_store_block", killed_after_two)
    with pytest.raises(KeyboardInterrupt):
        finish(day, batch_settings)
    assert scalar(day, "SELECT COUNT(*) FROM judge_cache") == 20
    totals = finish(day, batch_settings)
    assert (totals.paid, totals.unscored, judge_server.calls) == (0, 0, 0)
    assert scalar(day, "SELECT COUNT(*) FROM judge_calls WHERE NOT is_cached") == ROWS
    assert len(judge_server.batches.created) == 1


def test_another_run_waits_for_the_batch_that_asks_its_questions(day, batch_settings, judge_server):
    judge_server.batches.is_held = True
    send(day, batch_settings)
    other = Shard("run-2", DAY)
    with connect(day) as connection:
        draw_sample(connection, batch_settings, other.run_id, DAY)
    assert [batch.batch_id for batch in send(day, batch_settings, other)] == ["batch_1"]
    # In real time it says so, instead of asking again or waiting for a day.
    endpoint = judge_endpoint(batch_settings.judge)
    with pytest.raises(TransientError, match="in a batch that is not finished"):
        judge_shard(day, batch_settings, endpoint, other)
    assert (len(judge_server.batches.created), judge_server.calls) == (1, 0)


def test_a_batch_that_takes_too_long_fails_and_is_kept(day, batch_settings, judge_server):
    judge_server.batches.is_held = True
    limits = batch_settings.judge.batch.model_copy(update={"max_wait_hours": 1e-6})
    judge = batch_settings.judge.model_copy(update={"batch": limits})
    send(day, batch_settings)
    with pytest.raises(TransientError, match="clear the task to go on waiting"):
        finish(day, batch_settings.model_copy(update={"judge": judge}))
    judge_server.batches.is_held = False
    assert finish(day, batch_settings).unscored == 0
    assert (len(judge_server.batches.created), judge_server.calls) == (1, 0)


def test_a_run_is_told_of_a_cancelled_batch_and_the_next_one_sends_the_rest(day, batch_settings, judge_server):
    judge_server.batches.is_held = True
    send(day, batch_settings)
    batch_mode.cancel_batch(day, batch_settings, judge_endpoint(batch_settings.judge), "batch_1")
    with pytest.raises(BatchCancelled, match=r"batch_1 was cancelled.*Run the day again"):
        send(day, batch_settings, is_first=False)
    judge_server.batches.is_held = False
    totals = finish(day, batch_settings)
    assert (totals.paid, totals.unscored, judge_server.calls) == (0, 0, 0)
    assert len(judge_server.batches.created) == 2
    with pytest.raises(ConfigError, match="no batch batch_9 is waiting"):
        batch_mode.cancel_batch(day, batch_settings, judge_endpoint(batch_settings.judge), "batch_9")


def test_an_endpoint_without_batches(day, batch_settings, capsys):
    with pytest.raises(BatchUnsupported, match=r"set judge\.mode: realtime"):
        send(day, batch_settings.model_copy(update={"judge": without_batches(batch_settings)}))
    endpoint = judge_endpoint(without_batches(batch_settings))
    auto = batch_settings.model_copy(
        update={"judge": without_batches(batch_settings).model_copy(update={"mode": "auto"})}
    )
    assert batch_mode.judge_by_batches(day, auto, endpoint, PART) is None
    assert "no Batch API" in capsys.readouterr().out
    assert scalar(day, "SELECT COUNT(*) FROM judge_claims") == 0


def without_batches(settings):
    """Point at a path of the server that has no batches."""
    return settings.judge.model_copy(update={"base_url": settings.judge.base_url + "/nowhere", "max_retries": 0})


def test_auto_is_batch_for_days_that_cannot_alert_any_more(batch_settings):
    from datetime import timedelta

    auto = batch_settings.model_copy(update={"judge": batch_settings.judge.model_copy(update={"mode": "auto"})})
    today = DAY + timedelta(days=3)
    assert batch_mode.wants_batch(auto, DAY, today)
    assert not batch_mode.wants_batch(auto, DAY + timedelta(days=2), today)


def test_a_ceiling_bounds_what_is_sent(day, batch_settings, judge_server):
    judge = batch_settings.judge.model_copy(update={"max_usd_per_run": 0.003})
    capped = batch_settings.model_copy(update={"judge": judge})
    (batch,) = send(day, capped)
    assert 0 < batch.requests < ROWS
    reserved = scalar(day, "SELECT SUM(reserved_usd) FROM judge_claims")
    assert Decimal(0) < reserved <= Decimal("0.003")
    totals = finish(day, capped)
    assert totals.reasons.keys() == {"over_budget: judge.max_usd_per_run"}
    assert scalar(day, "SELECT SUM(cost_usd) FROM judge_calls") <= 0.003
