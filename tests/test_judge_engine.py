"""The judge's money and its claims, counted at the server."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from warehouse_rows import DAY, insert_requests, request_row, scalar, table_rows

from anchorwatch.judge_client import judge_endpoint
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import judge_shard
from anchorwatch.scoring.claims import Claims, Wish
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.steps.cache import prune, stats
from anchorwatch.steps.costs import summarise_costs
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise
from evaluators.context_window import GAP, fit_context

ROWS = 40


@pytest.fixture
def priced(settings):
    """The usual settings, at a dollar per million tokens."""
    prices = {settings.judge.model: {"input_usd_per_million_tokens": 1, "output_usd_per_million_tokens": 1}}
    return Settings.model_validate({**settings.model_dump(), "prices": prices})


@pytest.fixture
def two_days(engine, priced):
    rows = [
        request_row(n, DAY + timedelta(days=d), prompt=f"Question {n} of day {d}?")
        for d in range(2)
        for n in range(ROWS)
    ]
    insert_requests(engine, rows)
    initialise(engine, priced)
    return engine


def with_judge(settings, **changes):
    return settings.model_copy(update={"judge": settings.judge.model_copy(update=changes)})


def run(engine, settings, day=DAY, run_id="r1"):
    run_day(engine, settings, RuleBook(rules=[]), Run(run_id, day, "backfill"), DAY + timedelta(days=9))


def ledger(engine, day=DAY):
    with connect(engine) as connection:
        found = connection.execute(
            sa.text("SELECT status, reason, COUNT(*) FROM samples WHERE run_date = :day GROUP BY 1, 2"), {"day": day}
        )
        return {(row.status, row.reason): row.count for row in found}


class TestACeilingPerRun:
    # About ten rows of 380 tokens.
    ceiling = 0.004

    def test_stops_cleanly_and_a_later_run_pays_for_the_rest_alone(self, two_days, priced, judge_server):
        run(two_days, with_judge(priced, max_usd_per_run=self.ceiling, concurrency=4))
        calls = judge_server.calls
        assert 5 <= calls < ROWS
        assert ledger(two_days) == {
            ("judged", None): calls,
            ("over_budget", "over_budget: judge.max_usd_per_run"): ROWS - calls,
        }
        assert scalar(two_days, "SELECT SUM(cost_usd) FROM judge_calls") <= self.ceiling
        assert scalar(two_days, "SELECT status FROM runs") == "success"
        run(two_days, priced, run_id="r2")
        assert judge_server.calls == ROWS
        assert ledger(two_days) == {("judged", None): ROWS}

    def test_leaves_weights_that_stand_for_the_whole_traffic(self, two_days, priced):
        run(two_days, with_judge(priced, max_usd_per_run=self.ceiling))
        weights = scalar(
            two_days, "SELECT SUM(1 / (log_probability * judge_probability)) FROM samples WHERE is_selected"
        )
        assert float(weights) == pytest.approx(ROWS)
        # The cut is no failure of the judge.
        assert scalar(two_days, "SELECT MAX(value) FROM daily_metrics WHERE metric = 'unscored_rate'") == 0

    def test_takes_the_rows_in_hash_order_however_they_are_asked(self, two_days, priced):
        found = []
        for n, concurrency in enumerate((1, 16)):
            with connect(two_days) as connection:
                for table in ("judge_cache", "judge_calls", "judge_budget"):
                    connection.exec_driver_sql(f"DELETE FROM {table}")
            run(two_days, with_judge(priced, max_usd_per_run=self.ceiling, concurrency=concurrency), run_id=f"r{n}")
            with connect(two_days) as connection:
                judged = connection.execute(sa.text("SELECT request_id FROM samples WHERE status = 'judged'"))
                found.append(set(judged.scalars()))
        few, many = sorted(found, key=len)
        assert few <= many

    def test_of_nothing_asks_nothing(self, two_days, priced, judge_server):
        run(two_days, with_judge(priced, max_usd_per_run=0))
        assert judge_server.calls == 0
        assert ledger(two_days) == {("over_budget", "over_budget: judge.max_usd_per_run"): ROWS}

    def test_costs_nothing_for_what_is_cached(self, two_days, priced, judge_server):
        run(two_days, priced)
        run(two_days, with_judge(priced, max_usd_per_run=0), run_id="r2")
        assert ledger(two_days) == {("judged", None): ROWS}
        assert judge_server.calls == ROWS


def test_a_ceiling_per_month_counts_every_run(two_days, priced, judge_server):
    limited = with_judge(priced, max_usd_per_month=0.05)
    run(two_days, limited)
    assert judge_server.calls == ROWS
    run(two_days, limited, DAY + timedelta(days=1), "r2")
    assert ("over_budget", "over_budget: judge.max_usd_per_month") in ledger(two_days, DAY + timedelta(days=1))
    assert float(scalar(two_days, "SELECT MAX(spent_usd) FROM judge_budget WHERE scope LIKE 'month %'")) <= 0.05


def test_a_ceiling_needs_a_price(settings):
    with pytest.raises(ValueError, match="need a price for 'simulated-rule-judge-1'"):
        Settings.model_validate(
            {**settings.model_dump(), "judge": {"model": settings.judge.model, "max_usd_per_run": 1}}
        )


def test_two_workers_with_the_same_rows_ask_each_question_once(two_days, priced, judge_server):
    """Two runs of one day at the same time, each with every row of it."""
    parts = [Shard(f"run-{n}", DAY) for n in range(2)]
    with connect(two_days) as connection:
        for part in parts:
            draw_sample(connection, priced, part.run_id, DAY)
    met, totals = threading.Barrier(2, timeout=30), {}

    def judge(part):
        met.wait()
        endpoint = judge_endpoint(priced.judge)
        totals[part.run_id] = judge_shard(two_days, with_judge(priced, concurrency=4), endpoint, part)

    threads = [threading.Thread(target=judge, args=[part]) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert judge_server.calls == ROWS
    assert sum(total.paid for total in totals.values()) == ROWS
    assert [total.rows - total.unscored for total in totals.values()] == [ROWS, ROWS]
    assert scalar(two_days, "SELECT COUNT(*) FROM judge_claims") == 0


def test_a_claim_of_a_dead_worker_ends_with_its_lease(two_days, priced):
    dead = Claims(priced.judge, "dead", "r", DAY, lease_seconds=-1)
    alive = Claims(priced.judge, "alive", "r", DAY, lease_seconds=60)
    wish = [Wish("k", "r1", 0.0)]
    with connect(two_days) as connection:
        assert dead.take(connection, wish).granted == {"k"}
        assert alive.take(connection, wish).granted == {"k"}
        # A retry is the same holder, and goes on where its predecessor was killed.
        again = Claims(priced.judge, "alive", "r", DAY, lease_seconds=60)
        assert again.take(connection, wish).granted == {"k"}
        other = Claims(priced.judge, "other", "r", DAY, lease_seconds=60).take(connection, wish)
        assert (other.granted, other.held) == (set(), {"k": "alive"})


def test_money_in_flight_is_set_aside_and_a_dead_workers_is_not(two_days, priced):
    limited = with_judge(priced, max_usd_per_run=1.0).judge
    first = Claims(limited, "a", "r", DAY, lease_seconds=60)
    second = Claims(limited, "b", "r", DAY, lease_seconds=60)
    with connect(two_days) as connection:
        assert first.take(connection, [Wish("k1", "r1", 0.6)]).granted == {"k1"}
        assert second.take(connection, [Wish("k2", "r2", 0.6)]).refused == {"k2": "judge.max_usd_per_run"}
        connection.exec_driver_sql("UPDATE judge_claims SET lease_until = NOW() - INTERVAL '1 second'")
        assert second.take(connection, [Wish("k2", "r2", 0.6)]).granted == {"k2"}


def test_two_workers_at_once_cannot_reserve_the_same_money(two_days, priced):
    """Each could have all of it; together they get no more than there is."""
    limited = with_judge(priced, max_usd_per_month=1.0).judge
    met, granted = threading.Barrier(4, timeout=30), []

    def reserve(n):
        claims = Claims(limited, f"w{n}", f"r{n}", DAY, lease_seconds=60)
        met.wait()
        with connect(two_days) as connection:
            taken = claims.take(connection, [Wish(f"k{n}-{i}", "r1", 0.1) for i in range(10)])
            granted.extend(taken.granted)

    threads = [threading.Thread(target=reserve, args=[n]) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(granted) == 10


def test_costs_by_evaluator_and_segment_add_up_to_what_was_paid(two_days, priced):
    run(two_days, priced)
    paid = scalar(two_days, "SELECT SUM(cost_usd) FROM judge_calls")
    for segment in ("all", "query_type", "model"):
        found = scalar(
            two_days, "SELECT SUM(cost_usd) FROM bi_judge_cost_by_segment WHERE segment_name = :name", name=segment
        )
        assert float(found) == pytest.approx(paid)
    assert scalar(two_days, "SELECT COUNT(DISTINCT evaluator) FROM judge_costs") == 6
    before = table_rows(two_days, "judge_costs", drop=("cached",))
    run(two_days, priced, run_id="r2")
    assert table_rows(two_days, "judge_costs", drop=("cached",)) == before


def test_costs_scan_a_log_without_an_index_once_a_segment(engine, priced):
    with connect(engine) as connection:
        connection.exec_driver_sql(
            "CREATE TABLE own AS SELECT 'r' || n AS request_id, TIMESTAMPTZ '2026-03-10 10:00+00' AS requested_at, "
            "100.0 AS latency_ms, 'q' || n AS prompt, 'a' AS response, 'ok' AS status, 'm' AS model, "
            "'t' AS query_type, 'v' AS model_version, 'p' AS prompt_version FROM GENERATE_SERIES(1, 300) AS n"
        )
        connection.exec_driver_sql(
            "INSERT INTO judge_calls (run_id, run_date, request_id, cache_key, judge_model, is_cached, attempts, "
            "input_tokens, output_tokens, cost_usd, outcome, called_at, evaluators, mode, cached_input_tokens, "
            "is_estimated) SELECT 'r1', DATE '2026-03-10', 'r' || n, 'k' || n, 'm', FALSE, 1, 10, 1, 0.001, 'scored', "
            "NOW(), 'quality,safety', 'realtime', 0, FALSE FROM GENERATE_SERIES(1, 300) AS n"
        )
    own = priced.model_copy(update={"source": priced.source.model_copy(update={"table": "own"})})
    initialise(engine, own)
    before = scans(engine, "own")
    summarise_costs(engine, Run("r1", DAY, "cli"))
    assert scans(engine, "own") - before <= len(own.segments) + 1
    total = scalar(engine, "SELECT SUM(cost_usd) FROM judge_costs WHERE segment_name = 'all'")
    assert float(total) == pytest.approx(0.3)


def scans(engine, table):
    with engine.connect() as connection:
        connection.exec_driver_sql("SELECT pg_stat_force_next_flush()")
        connection.commit()
    return scalar(engine, "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = :table", table=table)


def test_the_cache_tells_what_it_holds_and_forgets_on_demand(two_days, priced, judge_server):
    for n in range(2):
        run(two_days, priced, run_id=f"r{n}")
    (row,) = stats(two_days)
    assert (row["answers"], row["reused"]) == (ROWS, ROWS)
    assert row["saved_usd"] == pytest.approx(scalar(two_days, "SELECT SUM(cost_usd) FROM judge_calls"))
    with connect(two_days) as connection:
        connection.exec_driver_sql(
            "UPDATE judge_cache SET created_at = NOW() - INTERVAL '40 days' WHERE cache_key IN "
            "(SELECT cache_key FROM judge_cache ORDER BY cache_key LIMIT 15)"
        )
    assert prune(two_days, 30, None, dry_run=True) == 15
    assert prune(two_days, 30, "another-model", dry_run=False) == 0
    assert prune(two_days, 30, None, dry_run=False) == 15
    run(two_days, priced, run_id="r3")
    assert judge_server.calls == ROWS + 15


def test_what_the_judge_did_not_see_is_on_the_row(engine, priced):
    long = [f"Passage {n}. " + "Filler words here. " * 40 for n in range(20)]
    long[13] = "Plan A costs 12 dollars."
    insert_requests(engine, [request_row(0, context=__import__("json").dumps(long)), request_row(1)])
    trimmed = with_judge(priced, max_context_chars=2000)
    initialise(engine, trimmed)
    run(engine, trimmed)
    rows = table_rows(
        engine, "(SELECT request_id, trimmed_chars, value FROM evaluations WHERE evaluator = 'quality') AS e"
    )
    (_, dropped, _), (_, none, _) = sorted(rows)
    assert dropped > 10_000
    assert none is None
    # The passage that supports the answer was among those kept.
    assert scalar(engine, "SELECT MIN(value) FROM evaluations WHERE evaluator = 'hallucination'") == 1


@given(st.lists(st.text(max_size=3000), max_size=12), st.text(max_size=200), st.integers(500, 6000))
def test_a_trimmed_context_fits_and_accounts_for_every_character(passages, answer, room):
    kept, dropped = fit_context(passages, answer, room)
    total = sum(map(len, passages))
    if dropped == 0:
        assert kept == tuple(passages)
    else:
        shown = sum(len(piece) for piece in kept if piece != GAP)
        assert shown <= room
        assert shown + dropped == total or GAP in "".join(passages)
        assert fit_context(passages, answer, room) == (kept, dropped)
