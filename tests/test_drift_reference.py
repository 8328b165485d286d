"""The formulas of the drift core against numbers that others computed, and against what theory promises."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from anchorwatch.drift.evidence import (
    ODDS,
    SHIFTS,
    accumulate,
    cusum,
    log_evidence,
    mean_ratios,
    normal_score,
    rate_ratios,
)
from anchorwatch.drift.innovation import MEMORY_DAYS, innovation
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.panel import Sums

ONE = np.ones(1)


class TestMixtures:
    """confseq (Howard et al.), test/uniform_boundaries_unittest.cpp: mixtures of the same likelihood ratios.

    Ours has six alternatives; with a dense grid and the weights of confseq's mixture it has to give confseq's value.
    """

    def best_rho(self, v, alpha):
        return v / (2 * np.log(1 / alpha) + np.log(1 + 2 * np.log(1 / alpha)))

    def log_mixture(self, s, v, rho, one_sided=False):
        """Log of the mixture over normal alternatives after v days that add up to s standard errors."""
        grid = np.linspace(0 if one_sided else -3, 3, 60_001)
        weight = stats.norm.pdf(grid, 0, 1 / np.sqrt(rho)) * (2 if one_sided else 1) * (grid[1] - grid[0])
        ratios = mean_ratios(np.full(1, s / v), grid)[0] * v
        ends = np.ones_like(grid)
        ends[[0, -1]] = 0.5
        return special.logsumexp(ratios, b=weight * ends)

    def test_two_sided_normal(self):
        rho = self.best_rho(100, 0.05)
        assert rho == pytest.approx(12.60056, abs=1e-5)
        assert self.log_mixture(10, 100, rho) == pytest.approx(-0.6510052, abs=1e-5)
        bound = optimize.brentq(lambda s: self.log_mixture(s, 100, rho) - np.log(20), 10, 60)
        assert bound == pytest.approx(30.35209, abs=1e-4)

    def test_one_sided_normal(self):
        rho = self.best_rho(100, 0.10)
        assert self.log_mixture(10, 100, rho, one_sided=True) == pytest.approx(-0.06502391, abs=1e-5)
        bound = optimize.brentq(lambda s: self.log_mixture(s, 100, rho, one_sided=True) - np.log(20), 10, 60)
        assert bound == pytest.approx(27.66071, abs=1e-4)

    def test_beta_binomial(self):
        g, h = 0.2, 0.8
        s, v, r = 10.0, 100.0, self.best_rho(100, 0.05) - g * h
        trials = v / (g * h)
        share = (s + trials * g) / trials
        p = np.linspace(1e-6, 1 - 1e-6, 200_001)
        odds = (p / (1 - p)) / (g / h)
        ratios, _ = rate_ratios(np.array([share]), np.array([g]), np.array([g * h / trials]), ONE, odds)
        weight = stats.beta.pdf(p, r / h, r / g) * (p[1] - p[0])
        assert special.logsumexp(ratios[0], b=weight) == pytest.approx(-0.6941012, abs=1e-5)


def test_a_mean_with_a_proxy_is_the_prediction_powered_one():
    """ppi-python 0.2.3, ppi_mean_pointestimate(y, x[:200], x[200:], lam=1) on these numbers: 0.35301164."""
    rng = np.random.default_rng(5)
    x = rng.normal(0, 1, 2000)
    y = x[:200] * 0.6 + rng.normal(0, 0.8, 200) + 0.3
    n, rest = np.full((1, 1), 200.0), 1800.0
    squares = np.full((1, 1), (y**2).sum())
    total = np.full((1, 1), y.sum())
    sums = Sums(n, n, total, n, total, squares, np.full((1, 1), x[:200].sum()), np.full((1, 1), rest),
                np.full((1, 1), x[200:].sum()))  # fmt: skip
    assert float((sums.mean - sums.proxy)[0, 0]) == pytest.approx(0.35301164, abs=1e-8)
    assert float(sums.dispersion[0, 0]) == pytest.approx(y.var(ddof=1))


@given(st.floats(0.001, 0.6), st.integers(5, 800), st.sampled_from([1.0, -1.0]))
def test_a_days_ratio_of_a_rate_is_one_on_average_if_nothing_changed(p, n, sign):
    """Exactly, over all counts: what makes it evidence."""
    counts = np.arange(n + 1)
    ratios, log_start = rate_ratios(
        counts / n, np.full(n + 1, p), np.full(n + 1, p * (1 - p) / n), np.full(n + 1, sign)
    )
    mean = special.logsumexp(stats.binom.logpmf(counts, n, p)[:, None] + ratios, axis=0)
    assert mean == pytest.approx(np.zeros(len(ODDS)), abs=1e-6)
    assert (log_start <= 0).all()


def test_a_days_ratio_of_a_mean_is_one_on_average_if_nothing_changed():
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    mean = (weights[:, None] * np.exp(mean_ratios(nodes))).sum(axis=0) / np.sqrt(2 * np.pi)
    assert mean == pytest.approx(np.ones(len(SHIFTS)), rel=1e-6)


def run_lengths(step, crossed, streams, days):
    """Mean run length: stream-days by alarms, each stream beginning anew after its alarm."""
    rng = np.random.default_rng(1)
    state, alarms = step(None, rng.standard_normal(streams)), 0
    for _ in range(days - 1):
        hit = crossed(state)
        alarms += int(hit.sum())
        state = step(np.where(hit[:, None] if state.ndim == 2 else hit, -np.inf, state), rng.standard_normal(streams))
    return streams * days / max(alarms, 1)


def test_the_average_run_length_of_the_detector_is_at_least_its_threshold():
    threshold, streams = 200.0, 4000

    def step(log_r, z):
        log_r = np.full((streams, len(SHIFTS)), -np.inf) if log_r is None else log_r
        return accumulate(log_r, mean_ratios(z), np.ones(streams, bool))

    length = run_lengths(step, lambda r: log_evidence(r) >= np.log(threshold), streams, 600)
    assert length >= threshold
    assert length == pytest.approx(2.55 * threshold, rel=0.08)  # what OVERSHOOT is about


def test_cusum_run_lengths_are_those_of_the_tables():
    """One-sided, k = 0.5, h = 5: 930 days in control (two-sided 465), 10.4 after a shift of one sigma.

    NIST/SEMATECH handbook 6.3.2.3 and Montgomery, Introduction to Statistical Quality Control.
    """
    streams, limit = 4000, 5.0
    for shift, days, expected in ((0.0, 1500, 930), (1.0, 300, 10.4)):

        def step(level, z, shift=shift):
            level = np.zeros(streams) if level is None else np.where(np.isinf(level), 0.0, level)
            return cusum(level, z + shift - 0.5)

        assert run_lengths(step, lambda level: level > limit, streams, days) == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("skew", [-0.5, -0.2, 0.0, 0.3])
def test_a_skewed_mean_gets_its_normal_score(skew):
    """Against scipy's gamma family (Pearson III), far into the tails."""
    z = np.array([-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.5])
    expected = stats.norm.ppf(stats.pearson3.cdf(z, skew))
    found = normal_score(z, np.ones_like(z), np.full_like(z, 1e9), np.full_like(z, skew))
    near = np.abs(expected) < 4.5
    assert found[near] == pytest.approx(expected[near], abs=0.03)
    assert near.sum() >= 5


@given(st.floats(-6, 6), st.integers(3, 200))
def test_few_days_of_variance_cost_what_students_t_says(z, degrees):
    found = normal_score(np.array([z]), ONE, np.array([float(degrees)]), np.zeros(1))[0]
    # The skewness formula at 0 is exact to about 1e-3.
    assert found == pytest.approx(np.sign(z) * stats.norm.isf(stats.t.sf(abs(z), degrees)), abs=2e-3)


def test_surprises_are_white_and_as_large_as_they_say():
    """20,000 streams of an AR(1) process under sampling noise with an unknown constant level error."""
    rng = np.random.default_rng(2)
    streams, days, rho, process, sampling, level = 20_000, MEMORY_DAYS + 1, 0.6, 1.0, 0.7, 0.3
    disturbance = np.zeros((streams, days))
    disturbance[:, 0] = rng.normal(0, np.sqrt(process), streams)
    for day in range(1, days):
        disturbance[:, day] = rho * disturbance[:, day - 1] + rng.normal(0, np.sqrt(process * (1 - rho**2)), streams)
    values = (
        disturbance + rng.normal(0, np.sqrt(level), (streams, 1)) + rng.normal(0, np.sqrt(sampling), (streams, days))
    )
    each = np.ones(streams)
    noise = Noise(np.zeros((streams, 7)), 0 * each, process * each, rho * each, 0 * each, 0 * each, level * each, each)
    variance = np.full((streams, days), sampling)
    yesterday = innovation(values[:, :-1], variance[:, :-1], noise)
    today = innovation(values, variance, noise)
    assert today.surprise.var() == pytest.approx(today.variance[0], rel=0.03)
    assert np.corrcoef(yesterday.surprise, today.surprise)[0, 1] == pytest.approx(0, abs=0.03)
    # A missing yesterday is not seen as a zero.
    values[:, -2] = np.nan
    without = innovation(values, variance, noise)
    assert without.surprise.var() == pytest.approx(without.variance[0], rel=0.03)
    assert without.variance[0] > today.variance[0]
