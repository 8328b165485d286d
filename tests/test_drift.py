from datetime import date, timedelta

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from anchorwatch.drift import replace_findings
from anchorwatch.drift.baseline import Baseline
from anchorwatch.drift.evidence import exact_rate_p, weigh
from anchorwatch.drift.night import MetricKind
from anchorwatch.metrics import replace_rolling
from anchorwatch.settings import Rule, RuleBook
from anchorwatch.warehouse import connect, copy_rows

START = date(2026, 1, 1)
RATE = MetricKind(is_relative=False, is_rate=True)
SCORE = MetricKind(is_relative=False, is_rate=False)
COST = MetricKind(is_relative=True, is_rate=False)
KINDS = {"quality": SCORE, "error_rate": RATE, "cost_per_request": COST, "refusal_rate": RATE}


def rule(**values):
    base = {"id": "r", "metric": "quality", "severity": "slack", "family": "f", "window_days": 1, "change": -0.1}
    return Rule.model_validate({**base, **values})


def store(engine, metric, days, segment=("all", "all"), epoch="e", sd=0.25):
    """Write daily_metrics: one (value, n) or None a day, n rows of weight 1 with this spread."""
    rows = []
    for offset, day in enumerate(days):
        if day is not None:
            value, n = day
            counts = (n, n, n * value, n, n * value, n * (value**2 + sd**2))
            row = (START + timedelta(days=offset), metric, *segment, epoch, value, *counts, sd**2 / n)
            rows.append(row)
    sums = (
        "n",
        "sum_weights",
        "weighted_sum",
        "sum_squared_weights",
        "squared_weighted_sum",
        "squared_weighted_squares",
    )
    names = ("run_date", "metric", "segment_name", "segment_value", "epoch", "value", *sums, "variance")
    with connect(engine) as connection:
        copy_rows(connection, "daily_metrics", names, rows)


def detect(engine, rules, days, first=0, alpha=0.05):
    dates = [START + timedelta(days=n) for n in range(first, days)]
    with connect(engine) as connection:
        for day in dates:
            replace_rolling(connection, day)
        replace_findings(connection, RuleBook(rules=rules, alpha=alpha), KINDS, dates)
        statement = (
            "SELECT * FROM drift_findings ORDER BY run_date, rule_id, metric, segment_name, segment_value, epoch"
        )
        return connection.execute(sa.text(statement)).all()


def noisy(rng, days, mean=0.8, n=500, sd=0.25, day_sd=0.008):
    return [(float(mean + rng.normal(0, day_sd) + rng.normal(0, sd / np.sqrt(n))), n) for _ in range(days)]


def test_a_drop_fires_on_its_day_and_names_its_first_day(engine):
    rng = np.random.default_rng(1)
    store(engine, "quality", noisy(rng, 40) + noisy(rng, 5, mean=0.6))
    found = detect(engine, [rule(change=-0.2)], 45)
    firing = [f for f in found if f.status == "firing"]
    assert [f.run_date for f in firing] == [START + timedelta(days=n) for n in range(40, 45)]
    assert {f.first_day for f in firing} == {START + timedelta(days=40)}
    assert {f.firing_since for f in firing} == {START + timedelta(days=40)}
    assert firing[0].change == pytest.approx(-0.25, abs=0.03)
    assert firing[0].ci_low < firing[0].change < firing[0].ci_high < 0


def test_evidence_without_effect_and_effect_without_evidence_are_quiet(engine):
    rng = np.random.default_rng(2)
    store(engine, "quality", noisy(rng, 40, n=20_000, day_sd=0.0005) + noisy(rng, 1, 0.77, 20_000))
    store(engine, "quality", [*noisy(rng, 40, n=40, day_sd=0.05), (0.71, 40)], ("model", "small"))
    last = [f for f in detect(engine, [rule(change=-0.1)], 41) if f.run_date == START + timedelta(days=40)]
    whole, small = last
    assert (whole.status, whole.p_value < whole.p_threshold, whole.change > -0.1) == ("ok", True, True)
    assert (small.status, small.p_value > small.p_threshold, small.change < -0.1) == ("ok", True, True)


def test_false_alarms_stay_within_the_budget_on_noise(engine):
    """20 segments, 160 nights, no drift: alpha 0.05 a night, so 8 nights with an alarm are expected at most.

    The rule has no effect size, which would only make it quieter.
    """
    rng = np.random.default_rng(3)
    for n in range(20):
        store(engine, "quality", noisy(rng, 160), ("model", f"m{n:02d}"))
    store(engine, "quality", noisy(rng, 160, n=10_000), ("all", "all"))
    found = detect(engine, [rule(change=None, direction="both")], 160)
    nights = {f.run_date for f in found if f.status == "firing" and f.firing_since == f.run_date}
    assert len(nights) <= stats.binom.ppf(0.999, 160, 0.05)


@pytest.mark.parametrize(
    ("days", "n", "reason"),
    [
        pytest.param([(0.8, 500)] * 6 + [(0.4, 500)], None, "fewer than 7 baseline days", id="six-days"),
        pytest.param([(0.8, 500)] * 20 + [(0.4, 3)], 3, "rows under test, 30 needed", id="few-rows"),
        pytest.param([(0.8, 500)] * 20 + [None], None, "no rows on this day", id="no-rows"),
    ],
)
def test_not_enough_data_is_an_answer_with_a_reason(engine, days, n, reason):
    if n is not None:
        days = [(0.8, 4)] * 20 + [(0.4, n)]
    store(engine, "quality", days)
    last = detect(engine, [rule()], len(days))[-1]
    assert last.status == "not_enough_data"
    assert reason in last.reason


def test_cold_start_begins_after_seven_days(engine):
    store(engine, "quality", [(0.8 + 0.001 * (n % 3), 500) for n in range(7)] + [(0.5, 500)])
    assert detect(engine, [rule()], 8)[-1].status == "firing"


def test_few_rows_a_day_are_tested_on_a_week(engine):
    store(engine, "quality", [(0.8 + 0.01 * (n % 3), 10) for n in range(30)])
    last = detect(engine, [rule()], 30)[-1]
    assert (last.status, last.tested_days, last.n) == ("ok", 7, 70)


def test_the_baseline_does_not_absorb_the_drop_while_it_lasts(engine):
    rng = np.random.default_rng(4)
    store(engine, "quality", noisy(rng, 30) + noisy(rng, 25, mean=0.6))
    found = [f for f in detect(engine, [rule(change=-0.2)], 55) if f.run_date >= START + timedelta(days=30)]
    assert {f.status for f in found} == {"firing"}
    assert all(f.baseline_value == pytest.approx(0.8, abs=0.02) for f in found)


def test_a_pause_shorter_than_the_cooldown_does_not_alert_again(engine):
    rng = np.random.default_rng(5)
    days = (
        noisy(rng, 30) + noisy(rng, 2, 0.6) + noisy(rng, 2) + noisy(rng, 1, 0.6) + noisy(rng, 10) + noisy(rng, 1, 0.6)
    )
    store(engine, "quality", days)
    firing = [f for f in detect(engine, [rule(change=-0.2)], len(days)) if f.status == "firing"]
    assert [(f.run_date - START).days for f in firing] == [30, 31, 34, 45]
    assert [(f.firing_since - START).days for f in firing] == [30, 30, 30, 45]


def test_different_epochs_are_never_compared(engine):
    store(engine, "quality", [(0.8 + 0.001 * (n % 3), 500) for n in range(30)], epoch="old judge")
    store(engine, "quality", [None] * 30 + [(0.4, 500)] * 3, epoch="new judge")
    found = detect(engine, [rule()], 33)
    assert not [f for f in found if f.status == "firing"]
    assert [f.status for f in found if f.epoch == "new judge"] == ["not_enough_data"] * 3


def test_a_segment_that_is_the_whole_traffic_is_not_tested_twice(engine):
    days = [(0.8, 500)] * 20
    store(engine, "quality", days)
    store(engine, "quality", days, ("model", "only"))
    store(engine, "quality", [(0.8, 100)] * 20, ("app", "part"))
    assert {f.segment_name for f in detect(engine, [rule()], 20)} == {"all", "app"}


def test_a_rise_from_zero_has_no_relative_change_and_fires(engine):
    store(engine, "error_rate", [(0.0, 100)] * 20 + [(0.3, 100)], epoch="", sd=0.0)
    last = detect(engine, [rule(metric="error_rate", change=None, direction="rise")], 21)[-1]
    assert (last.status, last.change, last.baseline_value) == ("firing", None, 0.0)


def test_two_events_against_none_are_no_evidence(engine):
    store(engine, "error_rate", [(0.0, 20)] * 21 + [(0.1, 20)], epoch="", sd=0.0)
    last = detect(engine, [rule(metric="error_rate", change=None, direction="rise")], 22)[-1]
    assert last.status == "ok"
    assert last.p_value > 0.05


def test_amounts_are_compared_by_factor(engine):
    store(
        engine,
        "cost_per_request",
        [(0.010 + 0.0001 * (n % 3), 300) for n in range(30)] + [(0.02, 300)],
        epoch="",
        sd=0.002,
    )
    last = detect(engine, [rule(metric="cost_per_request", change=0.15)], 31)[-1]
    assert last.status == "firing"
    assert last.change == pytest.approx(0.98, abs=0.02)


@given(st.floats(-3, 3), st.integers(7, 60))
def test_the_p_value_is_students(z, days):
    baseline = Baseline(np.arange(days), 0.5, 1.0, 1000.0, "long")
    error = np.sqrt(1 / 50 + 1 / 1000)
    found = weigh(0.5 + z * error, 50, baseline, is_rate=False)
    assert found.z == pytest.approx(z, abs=1e-9)
    assert found.p_value == pytest.approx(2 * stats.t.sf(abs(z), days - 1), abs=1e-9)
    low, high = stats.t.interval(0.95, days - 1, z * error, error)
    assert found.ci == pytest.approx((low, high), abs=1e-9)


@given(st.integers(0, 30), st.integers(30, 200), st.integers(0, 60), st.integers(60, 2000))
def test_the_exact_p_is_close_to_fishers_and_cautious(tested, n, before, base_n):
    """Fisher's is exact for proportions; ours is exact for rare events, and larger elsewhere."""
    ours = exact_rate_p(tested / n, n, before / base_n, base_n)
    fisher = stats.fisher_exact([[tested, n - tested], [before, base_n - before]])[1]
    assert 0 <= ours <= 1
    assert ours >= 0.5 * fisher
