"""The interval of a change against independent formulas, brute force, and simulated truth."""

import numpy as np
import pytest
from drift_panels import ALL, book, panel_of, rates, rule, run, scores
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from anchorwatch.drift.effect import run_inflation
from anchorwatch.drift.interval import Side, change_interval, day_interval
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.ratio import ratio_limits, wilson_limits

Z = stats.norm.ppf(0.975)


def noise_of(streams, level_variance=0.0, process=0.0):
    each = np.ones(streams)
    return Noise(np.zeros((streams, 7)), 0 * each, process * each, 0 * each, 0 * each, 0 * each,
                 level_variance * each, 1e6 * each)  # fmt: skip


def side_of(change, variance, level, *, is_rate=False, is_relative=False, repeats=False, rows=1e9):
    change = np.atleast_2d(np.asarray(change, float))
    full, each = np.ones_like(change), np.ones(len(change))
    flags = (np.full(len(change), flag) for flag in (is_rate, is_relative, repeats))
    return Side(change, variance * full, 0.01 * 1e9 * full, 0.01 * 1e9 * full, 1e9 * full, level * each,
                rows * each, *flags)  # fmt: skip


@given(st.integers(0, 60), st.integers(1, 2000))
def test_limits_of_a_rate_are_wilsons(k, more):
    n = k + more
    expected = stats.binomtest(k, n).proportion_ci(method="wilson")
    found = wilson_limits(np.array([k / n]), np.array([float(n)]), Z)
    assert [limit[0] for limit in found] == pytest.approx([expected.low, expected.high], abs=1e-9)


@given(st.floats(0.1, 5), st.floats(0.01, 0.9), st.floats(0.5, 5), st.floats(0.01, 0.9))
def test_the_ratio_of_two_normal_estimates_has_fiellers_limits(top, a, base, b):
    """The roots of (top - r base)^2 = z^2 (v_top + r^2 v_base), as numpy finds them."""
    half_top, half_base = a * top, b * base
    expected = np.sort(np.roots([base**2 - half_base**2, -2 * top * base, top**2 - half_top**2]).real)
    arguments = (top, top - half_top, top + half_top, base, base - half_base, base + half_base)
    found = ratio_limits(*(np.array([one]) for one in arguments))
    assert [limit[0] for limit in found] == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_a_ratio_to_what_may_be_0_has_no_upper_limit():
    one = np.ones(1)
    low, high = ratio_limits(2 * one, 1.5 * one, 2.5 * one, one, 0 * one, 2 * one)
    assert (low[0] > 0, high[0]) == (True, np.inf)


@given(st.floats(0, 0.9), st.integers(1, 30))
def test_the_inflation_of_a_mean_is_that_of_the_whole_covariance_matrix(rho, days):
    covariance = rho ** np.abs(np.subtract.outer(np.arange(days), np.arange(days)))
    assert float(run_inflation(np.array(rho), days)) == pytest.approx(covariance.mean() * days)


@pytest.mark.parametrize(("events", "n", "quiet"), [(0, 40, 0.2), (16, 45, 0.07), (300, 2000, 0.1), (40, 40, 0.6)])
def test_a_day_of_a_rate_has_wilsons_limits_at_its_own_value_and_not_the_baselines(events, n, quiet):
    side = side_of(events / n - quiet, quiet * (1 - quiet) / n, quiet, is_rate=True)
    low, high = day_interval(side, noise_of(1))
    expected = stats.binomtest(events, n).proportion_ci(method="wilson")
    assert low[0] == pytest.approx(expected.low / quiet - 1, abs=2e-4)
    assert high[0] == pytest.approx(expected.high / quiet - 1, abs=2e-4)


def test_the_baselines_error_grows_with_the_change():
    """A fivefold rate against a baseline known to 10 %: Fieller, not the difference over the baseline."""
    side = side_of(0.28, 1e-12, 0.07)
    low, high = day_interval(side, noise_of(1, level_variance=0.007**2))
    assert low[0] == pytest.approx(0.35 / (0.07 + Z * 0.007) - 1, abs=1e-3)
    assert high[0] == pytest.approx(0.35 / (0.07 - Z * 0.007) - 1, abs=1e-3)


def test_the_first_day_is_not_taken_for_known():
    """Against a posterior that is integrated numerically over sizes and first days, the prior in size included."""
    days = np.array([0.01, -0.02, -0.03, -0.05, -0.07])
    variance, level = 0.02**2, 0.8
    size = np.linspace(-0.2, -1e-4, 40_001)
    total = np.zeros_like(size)
    for first in range(5):
        means = np.where(np.arange(5)[:, None] >= first, size, 0.0)
        total += np.exp(stats.norm.logpdf(days[:, None], means, np.sqrt(variance)).sum(axis=0)) * np.abs(size) ** -1.5
    mass = integrate.cumulative_trapezoid(np.where(size < -0.01, total, 0), size, initial=0)
    expected = [size[np.searchsorted(mass, part * mass[-1])] / level for part in (0.025, 0.975)]
    low, high = change_interval(
        side_of(days, variance, level), noise_of(1), np.array([-0.05]), np.array([0]), np.array([-1.0])
    )
    assert low[0] == pytest.approx(expected[0], abs=0.01)
    assert high[0] == pytest.approx(expected[1], abs=0.01)


def test_the_same_rows_every_day_do_not_add_up():
    days = np.full((1, 10), -0.4)
    widths = []
    for repeats in (False, True):
        side = side_of(days, 0.01, 0.9, repeats=repeats)
        low, high = change_interval(side, noise_of(1), np.array([-0.4]), np.array([0]), np.array([-1.0]))
        widths.append(high[0] - low[0])
    assert widths[1] > 2.5 * widths[0]


def test_anchors_that_never_moved_have_an_interval():
    """Fifty anchors that always agreed, and of which nine agree since the judge changed."""
    from anchorwatch.steps.derive import metric_kinds

    rules = book(rule(id="judge-anchors", metric="judge_anchor_agreement", change=-0.05, family="judge"))
    spread = float(np.sqrt(0.18 * 0.82 / 50))
    days = [(50, 1.0, 0.0)] * 40 + [(50, 0.18, spread)] * 6
    panel = panel_of({ALL: days}, rules, "judge_anchor_agreement")
    panel.kinds[:] = [metric_kinds()["judge_anchor_agreement"]] * len(panel.kinds)
    last = run(panel, rules)[-1]
    assert last.status == "firing"
    assert last.change == pytest.approx(-0.82)
    assert last.ci_low < -0.90
    assert last.ci_high > -0.74


@pytest.mark.parametrize(("before", "after", "n"), [(0.07, 0.35, 45), (0.3, 0.15, 60)])
def test_the_interval_holds_the_truth(before, after, n):
    """Simulated: 100 segments whose rate changes on day 60; at the alarm, and on the last night."""
    rng, streams, days = np.random.default_rng(31), 100, 72
    made = {("model", f"m{k}"): rates(rng, 60, before, n) + rates(rng, days - 60, after, n) for k in range(streams)}
    direction = "rise" if after > before else "fall"
    rules = book(rule(id="r", metric="error_rate", direction=direction), per_quarter=50.0)
    found = [f for f in run(panel_of(made, rules, "error_rate"), rules, first=60) if f.status == "firing"]
    truth = after / before - 1
    for nights in ([f for f in found if f.firing_since == f.run_date], [f for f in found if f.tested_days >= 8]):
        held = [f.ci_low <= truth <= f.ci_high for f in nights]
        assert len(held) >= 90
        assert 0.88 <= np.mean(held) <= 1.0
    outside = [f for f in found if not f.ci_low <= f.change <= f.ci_high]
    assert outside == []


def test_a_constant_amount_has_an_interval_of_no_width():
    rules = book(rule(id="r", metric="cost_per_request", change=0.1))
    found = run(panel_of({ALL: [(100, 0.01, 0.0)] * 30}, rules, "cost_per_request"), rules)
    assert found[-1].ci_low == pytest.approx(0, abs=1e-6)
    assert found[-1].ci_high == pytest.approx(0, abs=1e-6)


def test_scores_near_a_baseline_of_0_have_no_interval_rather_than_a_wrong_one():
    r = np.random.default_rng(4)
    found = run(panel_of({ALL: scores(r, 30, mean=0.001, n=20)}, book()), book())
    assert found[-1].ci_low is None
    assert found[-1].ci_high is None
