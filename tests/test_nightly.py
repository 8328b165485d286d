"""The invariants of the night, against a real Postgres and a judge over HTTP."""

from datetime import date, timedelta

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_nights import DAYS, clear, run, state, traffic
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.errors import ConfigError, QualityGateFailed, TransientError
from anchorwatch.settings import load_rules
from anchorwatch.steps import nightly
from anchorwatch.steps.derive import derive
from anchorwatch.steps.run import Run, pick_run_date
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise


@pytest.fixture
def stored(engine, settings):
    insert_requests(engine, traffic())
    initialise(engine, settings)
    return engine


def test_any_order_of_days_with_repeats_gives_equal_tables_and_pays_once(stored, settings, judge_server):
    days = [DAY + timedelta(days=n) for n in range(DAYS)]
    for day in days:
        run(stored, settings, day)
    expected, paid = state(stored), judge_server.calls
    assert expected["drift_findings"]
    assert expected["change_events"]

    @hypothesis_settings(max_examples=4, deadline=None, suppress_health_check=list(HealthCheck))
    @given(order=st.permutations(days), again=st.lists(st.sampled_from(days), max_size=3))
    def any_order(order, again):
        clear(stored)
        for number, day in enumerate([*order, *again]):
            run(stored, settings, day, run_id=f"r{number}")
        assert state(stored) == expected

    any_order()
    assert judge_server.calls == paid
    assert scalar(stored, "SELECT COUNT(*) FROM judge_calls WHERE NOT is_cached") == 0


def test_every_logged_row_is_in_the_ledger_once(stored, settings):
    for offset in range(3):
        run(stored, settings, DAY + timedelta(days=offset))
    with connect(stored) as connection:
        counts = dict(
            connection.execute(
                sa.text("SELECT COALESCE(status || ': ' || reason, status), COUNT(*) FROM samples GROUP BY 1")
            ).all()
        )  # fmt: skip
    assert counts == {"judged": 69, "not_applicable: no_response": 3}
    scored = "SELECT COUNT(*) FROM evaluations WHERE (value IS NULL) = (unscored_reason IS NULL)"
    assert scalar(stored, scored) == 0
    rows, evaluators = 72, 12
    check_rows = "SELECT COUNT(*) FROM evaluations WHERE judge_model IS NULL"
    assert scalar(stored, check_rows) == rows * evaluators
    reason = (
        "SELECT DISTINCT unscored_reason FROM evaluations JOIN samples USING (run_date, request_id) "
        "WHERE status = 'not_applicable'"
    )
    assert scalar(stored, reason) == "not_applicable: no_response"


def test_identical_rows_are_judged_once(engine, settings, judge_server):
    insert_requests(engine, [request_row(n) for n in range(30)])
    initialise(engine, settings)
    run(engine, settings, DAY)
    assert judge_server.calls == 1
    assert scalar(engine, "SELECT COUNT(*) FROM samples WHERE status = 'judged'") == 30


def test_a_ceiling_marks_the_rest_over_budget_and_keeps_the_estimate_weighted(stored, settings, judge_server):
    limited = settings.model_copy(update={"judge": settings.judge.model_copy(update={"max_rows_per_day": 8})})
    run(stored, limited, DAY)
    counts = dict(connection_rows(stored, "SELECT status, COUNT(*) FROM samples WHERE run_date = :d GROUP BY 1", d=DAY))
    assert counts == {"judged": 8, "over_budget": 15, "not_applicable": 1}
    weights = scalar(stored, "SELECT SUM(1 / (log_probability * judge_probability)) FROM samples WHERE is_selected")
    assert float(weights) == pytest.approx(23)


def connection_rows(engine, statement, **arguments):
    with connect(engine) as connection:
        return connection.execute(sa.text(statement), arguments).all()


def test_an_empty_day_succeeds_as_no_data(stored, settings):
    empty = DAY + timedelta(days=4)
    run(stored, settings, empty)
    assert scalar(stored, "SELECT status FROM day_partitions") == "no_data"
    assert scalar(stored, "SELECT status FROM runs") == "no_data"
    run(stored, settings, DAY + timedelta(days=3))
    run(stored, settings, DAY + timedelta(days=5))
    n_days = "SELECT n_days FROM rolling_metrics WHERE metric = 'flag_rate' AND segment_name = 'all' AND run_date = :d"
    assert scalar(stored, n_days, d=DAY + timedelta(days=5)) == 2


def test_a_day_with_one_row(engine, settings):
    insert_requests(engine, [request_row(1)])
    initialise(engine, settings)
    run(engine, settings, DAY)
    assert (
        scalar(engine, "SELECT value FROM daily_metrics WHERE metric = 'latency_p95' AND segment_name = 'all'") == 101
    )
    assert scalar(engine, "SELECT DISTINCT status FROM drift_findings WHERE kind = 'evidence'") == "not_enough_data"


def test_hostile_rows_end_scored_or_with_a_reason(engine, settings, judge_server):
    texts = [
        "<script>alert(1)</script>", "'; DROP TABLE samples; --", "{{ 7 * 7 }}{% for x in y %}", "%s %(x)s $1 :name",
        "\U0001f6a2 \u202e", "\\", "NULL", "x" * 5_000_000,
    ]  # fmt: skip
    insert_requests(engine, [request_row(n, prompt=text, response=text) for n, text in enumerate(texts)])
    initialise(engine, settings)
    run(engine, settings, DAY)
    ledger = connection_rows(engine, "SELECT status, reason, COUNT(*) FROM samples GROUP BY 1, 2 ORDER BY 1")
    assert ledger == [("failed", "input_too_long", 1), ("judged", None, 7)]


def test_no_logged_text_is_stored_by_default(engine, settings):
    secret = "The launch code is 8841-ZULU."
    rows = [
        request_row(n, prompt=secret, response=f"{secret} I cannot help. 555 times", context='["x"]') for n in range(25)
    ]
    insert_requests(engine, rows)
    initialise(engine, settings)
    run(engine, settings, DAY)
    with connect(engine) as connection:
        for table in sa.inspect(connection).get_table_names():
            if table != "llm_requests":
                found = connection.execute(
                    sa.text(f"SELECT COUNT(*) FROM {table} AS t WHERE t::text LIKE '%8841-ZULU%'")
                )
                assert found.scalar_one() == 0, table


def test_a_dead_judge_is_a_clear_error_and_publishes_nothing(stored, settings, judge_server):
    dead = settings.model_copy(
        update={"judge": settings.judge.model_copy(update={"base_url": "http://127.0.0.1:9/v1"})}
    )
    with pytest.raises(TransientError, match=r"judge at http://127.0.0.1:9/v1 does not answer"):
        run(stored, dead, DAY)
    assert scalar(stored, "SELECT COUNT(*) FROM day_partitions") == 0
    assert scalar(stored, "SELECT status FROM runs") == "failed"
    run(stored, settings, DAY)
    assert scalar(stored, "SELECT status FROM runs") == "success"


def test_a_judge_that_talks_nonsense_stops_the_day_with_the_reason(stored, settings, judge_server):
    from starlette.responses import PlainTextResponse

    nonsense = PlainTextResponse("<html>hello</html>")
    judge_server.fault = lambda number, body: nonsense
    with pytest.raises(ConfigError, match=r"none of the first 20 rows a verdict .*check judge\.base_url"):
        run(stored, settings, DAY)
    third = [f"Question {n} of" for n in range(0, 24, 3)]
    judge_server.fault = lambda number, body: (
        None if any(row in body["messages"][-1]["content"] for row in third) else nonsense
    )
    with pytest.raises(QualityGateFailed, match="too many rows chosen for the judge have no score"):
        run(stored, settings, DAY)
    assert scalar(stored, "SELECT COUNT(*) FROM samples") == 0


def test_an_unchanged_day_derives_nothing_and_a_new_rule_everything(stored, settings):
    run(stored, settings, DAY)
    run(stored, settings, DAY + timedelta(days=1))
    book = load_rules(settings)
    assert derive(stored, book) == []
    assert derive(stored, book.model_copy(update={"false_alarms_per_quarter": 2.0})) == [DAY, DAY + timedelta(days=1)]


def test_a_run_cannot_publish_a_sample_that_is_gone(stored, settings):
    run(stored, settings, DAY)
    with pytest.raises(TransientError, match="start the day again"):
        nightly.publish(stored, settings, Run("ghost", DAY, "backfill"), rows=24)
    assert scalar(stored, "SELECT COUNT(*) FROM samples") == 24


class TestPickRunDate:
    from datetime import UTC, datetime

    now = datetime(2026, 3, 11, 3, 0, tzinfo=UTC)

    def test_a_scheduled_run_is_about_the_day_its_interval_starts_on(self):
        assert pick_run_date(None, self.now - timedelta(days=1), self.now) == date(2026, 3, 10)
        assert pick_run_date(None, self.now - timedelta(days=9), self.now) == date(2026, 3, 2)

    @pytest.mark.parametrize("hour", [0, 3, 23])
    def test_a_manual_run_means_yesterday_at_any_hour_or_what_it_says(self, hour):
        assert pick_run_date(None, None, self.now.replace(hour=hour)) == date(2026, 3, 10)
        assert pick_run_date("2026-01-02", None, self.now.replace(hour=hour)) == date(2026, 1, 2)

    @pytest.mark.parametrize("wanted", ["2026-03-11", "2027-01-01", "tomorrow"])
    def test_a_day_that_is_not_over_is_an_error(self, wanted):
        with pytest.raises(ConfigError, match="run_date"):
            pick_run_date(wanted, None, self.now)


def test_pages_of_a_shard_cover_every_chosen_row_once(stored, settings):
    from anchorwatch.sampling import draw_sample
    from anchorwatch.scoring.interactions import Shard, chosen_page

    with connect(stored) as connection:
        draw_sample(connection, settings, "r", DAY)
        seen = []
        for shard in range(3):
            after = 0
            part = Shard("r", DAY, shard, 3)
            while (page := chosen_page(connection, part, after=after, page_rows=2)).interactions:
                seen += [interaction.request_id for interaction in page.interactions]
                after = page.last_rank
    assert len(seen) == len(set(seen)) == 23
