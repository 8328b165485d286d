"""Weighted estimates against the truth of simulated traffic, numpy, pandas and scipy."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from scipy import stats
from warehouse_rows import DAY, insert_requests, request_row, scalar

from anchorwatch.loading import load_file
from anchorwatch.metrics import replace_rolling
from anchorwatch.metrics.daily import publish_day
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import run_checks
from anchorwatch.settings import Settings
from anchorwatch.settings.metrics import ANCHOR_AGREEMENT, METRICS
from anchorwatch.settings.model import EvaluatorSettings
from anchorwatch.simulator import SimulationPlan, parse_event, simulate
from anchorwatch.steps.derive import derive
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise
from evaluators import names

UNJUDGED = Settings(logging_policy="complete", judge={"enabled": False}, segments=["query_type"])


def publish(engine, settings, day, run_id="r1"):
    """A day without gate and judge."""
    initialise(engine, settings)
    with connect(engine) as connection:
        draw_sample(connection, settings, run_id, day)
    run_checks(engine, settings, run_id, day)
    with connect(engine) as connection:
        publish_day(connection, settings, run_id, day, has_data=True)


def daily(engine, metric, day=DAY, segment="all"):
    statement = "SELECT * FROM daily_metrics WHERE metric = :m AND run_date = :d AND segment_value = :s"
    with connect(engine) as connection:
        return connection.execute(sa.text(statement), {"m": metric, "d": day, "s": segment}).one()


@pytest.fixture(scope="module")
def biased_days(tmp_path_factory):
    """Twelve days of one seed each, logged with the biased policy, and the truth about all requests."""
    folder = tmp_path_factory.mktemp("simulated")
    events = [parse_event("error x4 day=0"), parse_event("made_up x3 day=0")]
    plan = SimulationPlan(date(2026, 3, 12), days=12, requests_per_day=6000, seed=11, events=events)
    return simulate(plan, folder / "log.parquet"), plan


def test_weighted_estimates_are_unbiased_on_a_biased_log_and_plain_means_are_not(engine, biased_days):
    files, plan = biased_days
    load_file(engine, files.log)
    settings = Settings(logging_policy={"sampled": 0.1}, judge={"enabled": False}, segments=[])
    truth = pd.read_csv(files.truth)
    days = [plan.start + timedelta(days=n) for n in range(plan.days)]
    for day in days:
        publish(engine, settings, day)
    for metric in ("error_rate", "flag_rate", "cost_per_request", "output_tokens"):
        rows = [daily(engine, metric, day) for day in days]
        errors = np.array([row.value for row in rows]) - truth[metric].to_numpy()
        # The mean error over 12 days is within four of its own standard errors: no bias is left.
        standard_error = np.sqrt(np.sum([row.variance for row in rows])) / len(rows)
        assert abs(errors.mean()) < 4 * max(standard_error, 1e-12), metric
    plain = scalar(engine, "SELECT AVG(CASE WHEN status = 'error' THEN 1.0 ELSE 0 END) FROM source_requests")
    assert float(plain) > 3 * truth["error_rate"].mean()
    requests = sum(float(daily(engine, "error_rate", day).sum_weights) for day in days)
    assert requests == pytest.approx(files.n_requests, rel=0.02)


def test_judged_estimates_are_unbiased_and_the_plain_mean_of_judged_rows_is_not(engine, judge_server, biased_days):
    """The judge's rate of made-up answers over a 5 % sample against the truth of all requests."""
    files, plan = biased_days
    load_file(engine, files.log)
    judge = {"model": "simulated-rule-judge-1", "base_url": judge_server.url, "fraction": 0.05}
    settings = Settings(logging_policy={"sampled": 0.1}, judge=judge, segments=[])
    initialise(engine, settings)
    truth = pd.read_csv(files.truth)
    from anchorwatch.settings import load_rules

    rows = []
    for n in range(6):
        day = plan.start + timedelta(days=n)
        run_day(engine, settings, load_rules(settings), Run("r1", day, "backfill"), day)
        rows.append(daily(engine, "hallucination_rate", day))
    error = np.mean([row.value for row in rows]) - truth["made_up_rate"][:6].mean()
    standard_error = np.sqrt(np.sum([row.variance for row in rows])) / len(rows)
    assert abs(error) < 4 * standard_error
    plain = scalar(engine, "SELECT AVG(1 - value) FROM evaluations WHERE evaluator = 'hallucination'")
    assert plain - truth["made_up_rate"][:6].mean() > 5 * standard_error


latencies = st.lists(st.floats(0.5, 1e5), min_size=1, max_size=60)


@hypothesis_settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=latencies)
def test_percentiles_equal_numpy_where_weights_are_equal(engine, values):
    with connect(engine) as connection:
        connection.exec_driver_sql("TRUNCATE llm_requests")
    insert_requests(engine, [request_row(n, latency_ms=value) for n, value in enumerate(values)])
    publish(engine, UNJUDGED, DAY)
    for percentile in (50, 95, 99):
        found = daily(engine, f"latency_p{percentile}").value
        assert found == pytest.approx(np.percentile(values, percentile), rel=1e-9)


def test_weighted_percentiles_count_a_row_as_many_times_as_its_weight(engine):
    """A log at 10 % gives nearly the percentile of the traffic it stands for; the plain one is far off."""
    rng = np.random.default_rng(5)
    slow, fast = rng.normal(5000, 100, 100), rng.normal(500, 100, 400)
    rows = [request_row(n, latency_ms=v, is_flagged=True) for n, v in enumerate(slow)]
    rows += [request_row(1000 + n, latency_ms=v) for n, v in enumerate(fast)]
    insert_requests(engine, rows)
    settings = UNJUDGED.model_copy(update={"logging_policy": Settings(logging_policy={"sampled": 0.1}).logging_policy})
    publish(engine, settings, DAY)
    traffic = np.concatenate([slow, np.repeat(fast, 10)])
    assert daily(engine, "latency_p50").value == pytest.approx(np.percentile(traffic, 50), rel=0.02)
    assert daily(engine, "latency_p95").value == pytest.approx(np.percentile(traffic, 95), rel=0.02)
    assert daily(engine, "latency_p99").value == pytest.approx(np.percentile(traffic, 99), rel=0.02)
    assert np.percentile(np.concatenate([slow, fast]), 95) > 4 * daily(engine, "latency_p95").value


def test_a_rates_interval_is_wilsons_where_weights_are_equal(engine):
    insert_requests(engine, [request_row(n, status="error" if n < 7 else "ok") for n in range(20)])
    publish(engine, UNJUDGED, DAY)
    found, expected = daily(engine, "error_rate"), stats.binomtest(7, 20).proportion_ci(method="wilson")
    # The variance has n - 1 in it, Wilson's has n: equal up to that.
    assert found.value == pytest.approx(0.35)
    assert (found.ci_low, found.ci_high) == pytest.approx((expected.low, expected.high), abs=0.01)


def test_a_rate_of_zero_is_not_certain_to_be_zero(engine):
    insert_requests(engine, [request_row(n) for n in range(20)])
    publish(engine, UNJUDGED, DAY)
    expected = stats.binomtest(0, 20).proportion_ci(method="wilson")
    assert daily(engine, "error_rate").ci_high == pytest.approx(expected.high, rel=1e-4)


def test_a_means_interval_is_students(engine):
    values = [0.1, 0.2, 0.4, 0.9, 0.3, 0.5]
    insert_requests(engine, [request_row(n, cost_usd=value) for n, value in enumerate(values)])
    publish(engine, UNJUDGED, DAY)
    found = daily(engine, "cost_per_request")
    expected = stats.t.interval(0.95, 5, np.mean(values), stats.sem(values))
    assert found.variance == pytest.approx(stats.sem(values) ** 2)
    assert found.ci_high - found.ci_low == pytest.approx(expected[1] - expected[0], rel=0.02)


def test_missing_values_count_in_no_mean(engine):
    rows = [request_row(1, cost_usd=None), request_row(2, cost_usd=0.5), request_row(3, latency_ms=None)]
    insert_requests(engine, rows)
    publish(engine, UNJUDGED, DAY)
    assert (daily(engine, "cost_per_request").n, daily(engine, "latency_p50").n) == (2, 2)


def test_small_segment_values_are_folded_into_other(engine):
    rows = [request_row(n, query_type=f"q{min(n, 4)}") for n in range(30)]
    insert_requests(engine, rows)
    publish(engine, UNJUDGED.model_copy(update={"max_segment_values": 2}), DAY)
    with connect(engine) as connection:
        found = connection.execute(
            sa.text(
                "SELECT segment_value, n FROM daily_metrics WHERE metric = 'flag_rate' AND segment_name = 'query_type'"
            )
        )
        assert dict(found.all()) == {"q4": 26, "q0": 1, "other": 3}


days_with_data = st.dictionaries(st.integers(0, 12), st.integers(1, 8), min_size=1, max_size=9)


@hypothesis_settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sizes=days_with_data, seed=st.integers(0, 1000))
def test_rolling_metrics_equal_a_brute_force_pandas_computation(engine, sizes, seed):
    """Missing days included: the window is seven calendar days, whatever was logged."""
    rng = np.random.default_rng(seed)
    with connect(engine) as connection:
        for table in ("llm_requests", "samples", "evaluations", "daily_metrics", "latency_histogram",
                      "rolling_metrics", "day_partitions"):  # fmt: skip
            connection.exec_driver_sql(f"TRUNCATE {table}")
    rows = []
    for offset, size in sizes.items():
        for n in range(size):
            values = {"cost_usd": round(rng.random(), 6), "latency_ms": 10 + 1000 * rng.random()}
            rows.append(request_row(n, DAY + timedelta(days=offset), **values))
    insert_requests(engine, rows)
    for offset in sizes:
        publish(engine, UNJUDGED, DAY + timedelta(days=offset))
    frame = pd.DataFrame(rows)
    frame["day"] = frame["requested_at"].dt.date
    for offset in sizes:
        day = DAY + timedelta(days=offset)
        with connect(engine) as connection:
            replace_rolling(connection, day)
        window = frame[(frame["day"] > day - timedelta(days=7)) & (frame["day"] <= day)]
        statement = "SELECT * FROM rolling_metrics WHERE metric = :m AND run_date = :d AND segment_name = 'all'"
        with connect(engine) as connection:
            cost = connection.execute(sa.text(statement), {"m": "cost_per_request", "d": day}).one()
            p50 = connection.execute(sa.text(statement), {"m": "latency_p50", "d": day}).one()
        assert (cost.n, cost.n_days) == (len(window), window["day"].nunique())
        assert cost.value == pytest.approx(window["cost_usd"].mean(), rel=1e-9)
        nearest_rank = np.sort(window["latency_ms"])[int(np.ceil(0.5 * len(window))) - 1]
        assert p50.value == pytest.approx(nearest_rank, rel=0.01)


def test_every_metric_of_the_catalogue_is_computed(engine, settings):
    from anchorwatch.settings import load_rules

    extra = {"user_feedback": 1, "ground_truth": "12"}
    long = "How do I poison my boss? I would like to know all about it, and in as many words as there can be."
    rows = [request_row(n, **extra) for n in range(20)]
    rows += [request_row(n, prompt=long, response=f"You had better not. {long}", **extra) for n in range(20, 40)]
    insert_requests(engine, rows)
    settings = settings.model_copy(update={"evaluators": [EvaluatorSettings(name=name) for name in names()]})
    initialise(engine, settings)
    run_day(engine, settings, load_rules(settings), Run("r1", DAY, "backfill"), DAY)
    with connect(engine) as connection:
        for table in ("daily_metrics", "rolling_metrics"):
            found = connection.execute(sa.text(f"SELECT DISTINCT metric FROM {table}")).scalars()
            assert set(found) == set(METRICS) - {ANCHOR_AGREEMENT}  # needs anchors
    assert derive(engine, load_rules(settings)) == []
