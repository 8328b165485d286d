"""The five-minute job on a real warehouse: roll-ups, baselines, rules, and what becomes of incidents."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from health_world import BOOK, FORGET, NOW, SETTINGS, TABLES, row, traffic, with_history
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
from warehouse_rows import insert_requests, query_all, scalar, table_rows

from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.health.bounds import share_bounds
from anchorwatch.health.buckets import bucket_floor
from anchorwatch.settings import Settings
from anchorwatch.steps.health import fill, poll_providers, tick
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise


@pytest.fixture
def warehouse(engine):
    initialise(engine, SETTINGS)
    return engine


def look(engine, at, settings=SETTINGS, **options):
    return tick(engine, settings, BOOK, at, at, **options)


def incidents(engine):
    return query_all(engine, "SELECT rule_ids, severity, status FROM incidents ORDER BY incident_id")


def test_a_bucket_holds_weighted_sums_that_equal_a_plain_computation(warehouse):
    rows = [
        *traffic(NOW - timedelta(minutes=10), 10, errors=0.2),
        row(900, NOW - timedelta(minutes=3), app="search", latency_ms=None, cost_usd=None),
        row(901, NOW - timedelta(minutes=3), app=None, latency_ms=4000.0),
    ]
    insert_requests(warehouse, rows)
    look(warehouse, NOW)
    for segment, wanted in (("all", rows), ("chat", [one for one in rows if one["app"] == "chat"])):
        part = [one for one in wanted if one["requested_at"] >= NOW - timedelta(minutes=5)]
        w = [1.0 if one["status"] == "error" else 2.0 for one in part]
        errors = sum(weight for weight, one in zip(w, part, strict=True) if one["status"] == "error")
        with connect(warehouse) as connection:
            found = connection.exec_driver_sql(
                f"SELECT * FROM health_5min WHERE segment_value = '{segment}' AND bucket_start = '2026-03-10 13:55+00'"
            ).one()
        assert (found.n, float(found.requests)) == (len(part), sum(w))
        assert found.error_rate == pytest.approx(errors / sum(w))
        known = [(weight, one) for weight, one in zip(w, part, strict=True) if one["cost_usd"] is not None]
        cost = sum(weight * one["cost_usd"] for weight, one in known) / sum(weight for weight, _ in known)
        assert found.cost_per_request_usd == pytest.approx(cost)
        latency = np.array([one["latency_ms"] for one in part if one["latency_ms"] is not None])
        weights = [weight for weight, one in zip(w, part, strict=True) if one["latency_ms"] is not None]
        p50 = np.quantile(latency, 0.5, weights=weights, method="inverted_cdf")
        assert found.latency_p50_ms == pytest.approx(p50, rel=0.01)
    assert scalar(warehouse, "SELECT COUNT(*) FROM health_5min WHERE segment_value = '(none)'") == 1


def test_late_rows_reopen_the_last_buckets_and_ticks_in_any_number_leave_the_same(warehouse):
    rows = list(traffic(NOW - timedelta(minutes=60), 60, errors=0.3))
    late = rows[::7]
    insert_requests(warehouse, [one for one in rows if one not in late])
    for minutes in (30, 20, 15, 5):
        look(warehouse, NOW - timedelta(minutes=minutes))
    newer = [one for one in late if one["requested_at"] >= NOW - timedelta(minutes=35)]
    insert_requests(warehouse, newer)
    look(warehouse, NOW)
    several = table_rows(warehouse, "health_5min")
    with connect(warehouse) as connection:
        for table in (*TABLES, "health_watermarks"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    look(warehouse, NOW)
    assert [one for one in table_rows(warehouse, "health_5min") if one in several] == several
    assert look(warehouse, NOW).rows > 0
    assert [one for one in table_rows(warehouse, "health_5min") if one in several] == several


def test_after_a_long_pause_one_tick_reads_everything_since_the_watermark(warehouse):
    look(warehouse, NOW - timedelta(hours=20))
    insert_requests(warehouse, list(traffic(NOW - timedelta(hours=20), 20 * 60, a_minute=1, errors=1.0)))
    look(warehouse, NOW)
    assert scalar(warehouse, "SELECT COUNT(DISTINCT bucket_start) FROM health_5min") == 240


def test_an_outage_opens_one_incident_is_updated_and_recovers_with_hysteresis(warehouse):
    with_history(warehouse)
    start = NOW - timedelta(minutes=30)
    insert_requests(warehouse, list(traffic(start, 30, errors=0.005)))
    assert look(warehouse, NOW).firing == 0
    insert_requests(warehouse, list(traffic(NOW, 15, errors=0.4, latency_ms=150.0)))
    assert look(warehouse, NOW + timedelta(minutes=5)).firing == 0, "five minutes are not fifteen"
    done = look(warehouse, NOW + timedelta(minutes=15))
    assert done.news > 1
    assert incidents(warehouse) == [("error-rate", "page", "open")], "all traffic, app and model are one problem"
    assert scalar(warehouse, "SELECT COUNT(*) FROM alerts WHERE channel = 'pagerduty'") == 1
    title = scalar(warehouse, "SELECT title FROM incidents")
    for part in ("error_rate 26.2%", "surely between", "all traffic", "above 5.0%", "since 2026-03-10 14:00 UTC"):
        assert part in title, title
    examples = scalar(warehouse, "SELECT example_request_ids FROM health_findings WHERE segment_name = 'all'")
    failed = {one[0] for one in query_all(warehouse, "SELECT request_id FROM llm_requests WHERE status = 'error'")}
    assert len(examples) == 10
    assert set(examples) <= failed

    insert_requests(warehouse, list(traffic(NOW + timedelta(minutes=15), 20, errors=0.3, latency_ms=2000.0)))
    look(warehouse, NOW + timedelta(minutes=20))
    assert look(warehouse, NOW + timedelta(minutes=35)).news == 0, "latency has to hold for half an hour"
    insert_requests(warehouse, list(traffic(NOW + timedelta(minutes=35), 12, errors=0.3, latency_ms=2000.0)))
    look(warehouse, NOW + timedelta(minutes=45))
    assert incidents(warehouse) == [("error-rate,p99-latency", "page", "open")]
    pages = "FROM alerts WHERE channel = 'pagerduty'"
    assert query_all(warehouse, f"SELECT payload ->> 'event_action' {pages}") == [("trigger",), ("trigger",)]

    insert_requests(warehouse, list(traffic(NOW + timedelta(minutes=47), 48)))
    look(warehouse, NOW + timedelta(minutes=60))
    assert incidents(warehouse)[0][2] == "open"
    look(warehouse, NOW + timedelta(minutes=95))
    assert incidents(warehouse)[0][2] == "resolved"
    keys = query_all(warehouse, f"SELECT DISTINCT payload ->> 'dedup_key' {pages}")
    assert keys == [("anchorwatch:error-rate:2026-03-10T14:15",)]


def test_a_tick_repeated_says_nothing_twice_and_an_old_or_backfilled_one_nothing_at_all(warehouse):
    insert_requests(warehouse, list(traffic(NOW - timedelta(minutes=30), 30, errors=0.5)))
    look(warehouse, NOW, is_backfill=True)
    assert {one[2] for one in incidents(warehouse)} == {"suppressed"}
    with connect(warehouse) as connection:
        connection.exec_driver_sql(FORGET)
    tick(warehouse, SETTINGS, BOOK, NOW, NOW + timedelta(hours=4))
    assert {one[0] for one in query_all(warehouse, "SELECT status FROM alerts")} == {"suppressed_old"}
    with connect(warehouse) as connection:
        connection.exec_driver_sql(FORGET)
    for _ in range(3):
        look(warehouse, NOW)
    assert len(query_all(warehouse, "SELECT 1 FROM alerts")) == 2


def test_missing_traffic_is_told_where_there_used_to_be_some(warehouse):
    with_history(warehouse, a_minute=12)
    insert_requests(warehouse, list(traffic(NOW - timedelta(minutes=60), 60, 12)))
    assert look(warehouse, NOW).firing == 0
    assert look(warehouse, NOW + timedelta(minutes=15)).firing == 0
    look(warehouse, NOW + timedelta(minutes=30))
    assert incidents(warehouse) == [("missing-traffic", "page", "open")]
    insert_requests(warehouse, list(traffic(NOW + timedelta(minutes=30), 30)))
    look(warehouse, NOW + timedelta(minutes=60))
    assert incidents(warehouse)[0][2] == "resolved"


def test_little_traffic_that_is_missing_is_not_beyond_doubt(warehouse):
    with_history(warehouse)
    assert look(warehouse, NOW).firing == 0


def test_without_enough_history_nothing_is_compared(warehouse):
    insert_requests(warehouse, list(traffic(NOW - timedelta(minutes=60), 60, latency_ms=9000.0)))
    assert look(warehouse, NOW).firing == 0
    assert table_rows(warehouse, "health_baselines") == []


def test_the_hour_of_the_day_stands_in_while_there_are_fewer_than_two_weeks(warehouse):
    for days in range(1, 4):
        insert_requests(warehouse, list(traffic(NOW - timedelta(days=days, hours=1), 60, seed=days)))
    fill(warehouse, SETTINGS, NOW.date() - timedelta(days=3), NOW.date() - timedelta(days=1))
    look(warehouse, NOW)
    assert query_all(warehouse, "SELECT DISTINCT kind, n_hours FROM health_baselines") == [("hour_of_day", 3)]


def test_late_nightly_results_are_told_after_the_hours_of_the_rule(warehouse):
    with connect(warehouse) as connection:
        connection.exec_driver_sql(
            "INSERT INTO day_partitions (run_date, status, rows_in, content_hash, is_corrected) "
            "VALUES ('2026-03-08', 'ok', 1, 'x', FALSE)"
        )
    assert look(warehouse, datetime(2026, 3, 10, 6, 0, tzinfo=UTC)).firing == 0
    look(warehouse, datetime(2026, 3, 10, 6, 5, tzinfo=UTC))
    assert incidents(warehouse) == [("stale-results", "slack", "open")]
    assert "30 hours old" in scalar(warehouse, "SELECT title FROM incidents")


def page(*found):
    return {"page": {"name": "x"}, "incidents": list(found)}


OPEN = {"id": "abc", "name": "Elevated <!channel> errors\n", "status": "investigating", "impact": "major",
        "created_at": "2026-03-10T13:00:00Z", "shortlink": "https://stspg.example/abc"}  # fmt: skip


def test_provider_incidents_are_stored_told_and_shown_beside_findings(warehouse):
    answer = {"body": page(OPEN)}

    async def incidents_json(request):
        import json

        body = answer["body"]
        return Response(body if isinstance(body, str) else json.dumps(body), status_code=answer.get("status", 200))

    port = free_port(0)
    app = Starlette(routes=[Route("/api/v2/incidents.json", incidents_json)])
    providers = [{"name": "Prov", "url": f"http://127.0.0.1:{port}"}, {"name": "Dead", "url": "http://127.0.0.1:9"}]
    settings = Settings.model_validate({**SETTINGS.model_dump(exclude_unset=True), "providers": providers})
    with ServerThread(app, port):
        (problem,) = poll_providers(warehouse, settings, NOW)
        assert "status page of Dead: ConnectError" in problem
        look(warehouse, NOW, settings)
        assert incidents(warehouse) == [("provider", "slack", "open")]
        payload = str(query_all(warehouse, "SELECT payload FROM alerts"))
        assert "&lt;!channel&gt; errors" in payload
        insert_requests(warehouse, list(traffic(NOW, 30, errors=0.5)))
        look(warehouse, NOW + timedelta(minutes=30), settings)
        page_payload = str(query_all(warehouse, "SELECT payload FROM alerts WHERE channel = 'pagerduty'"))
        assert "Prov said" in page_payload
        for broken in ("<html>", '{"incidents": [{"id": 1}]}', '{"incidents": 7}'):
            answer["body"] = broken
            assert len(poll_providers(warehouse, settings, NOW)) == 2
        answer.update(body=page(), status=500)
        assert len(poll_providers(warehouse, settings, NOW)) == 2
        look(warehouse, NOW + timedelta(minutes=35), settings)
        assert incidents(warehouse)[0] == ("provider", "slack", "open"), "a page that cannot be read says nothing"
        answer.update(body=page({**OPEN, "status": "resolved", "resolved_at": "2026-03-10T14:36:00Z"}), status=200)
        poll_providers(warehouse, settings, NOW + timedelta(minutes=37))
        look(warehouse, NOW + timedelta(minutes=40), settings)
    assert incidents(warehouse)[0] == ("provider", "slack", "resolved")


@given(st.integers(1, 400), st.floats(0.001, 0.2), st.integers(0, 10_000))
def test_bounds_hold_the_estimate_and_narrow_with_the_level(n, rate, seed):
    rng = np.random.default_rng(seed)
    weights = np.where(rng.random(n) < rate, 1.0, 10.0)
    failed = weights == 1.0
    sums = (weights[failed].sum(), (weights[failed] ** 2).sum(), weights.sum(), (weights**2).sum(), n)
    share = sums[0] / sums[2]
    loose, strict = share_bounds(*sums, 0.05), share_bounds(*sums, 1e-6)
    assert 0 <= strict[0] <= loose[0] <= share + 1e-9
    assert share - 1e-9 <= loose[1] <= strict[1] <= 1


def test_at_the_limit_itself_the_budget_holds_in_simulation():
    """Errors at exactly 5 % in a log of all errors and a tenth of the rest: bounds at 1 % are passed in about 1 %."""
    rng = np.random.default_rng(7)
    alpha, looks, passed = 0.01, 20_000, 0
    for _ in range(looks):
        failed = rng.binomial(1200, 0.05)
        logged = rng.binomial(1200 - failed, 0.1)
        whole, squares = failed + 10 * logged, failed + 100 * logged
        passed += share_bounds(failed, failed, whole, squares, failed + logged, alpha)[0] > 0.05
    assert passed / looks < 1.5 * alpha


def test_buckets_are_those_of_utc_whatever_the_time_zone_of_a_moment():
    from zoneinfo import ZoneInfo

    local = datetime(2026, 3, 29, 3, 7, tzinfo=ZoneInfo("Europe/Berlin"))
    assert bucket_floor(local) == datetime(2026, 3, 29, 1, 5, tzinfo=UTC)
    assert date(2026, 3, 29) == bucket_floor(local).date()
