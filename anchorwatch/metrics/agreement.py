"""How well scores agree with labels: tables, kappa, AUROC, each with its interval."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_DRAWS = 4000
_SEED = 7
_PRIOR = 0.5
"""Jeffreys' prior: a table with an empty cell does not make an interval of no width."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval; None where it cannot be said."""

    value: float | None
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        if self.value is None:
            return "-"
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True, slots=True)
class Confusion:
    """A table of two verdicts by two labels; the bad one is what is to be found.

    Attributes:
        hits: Bad by the label and by the score.
        misses: Bad by the label alone.
        false_alarms: Bad by the score alone.
        passes: Good by both.
    """

    hits: int
    misses: int
    false_alarms: int
    passes: int


def confusion(bad_by_score: Sequence[bool], bad_by_label: Sequence[bool]) -> Confusion:
    """Count a table."""
    score, label = np.asarray(bad_by_score, bool), np.asarray(bad_by_label, bool)
    cells = (score & label, ~score & label, score & ~label, ~score & ~label)
    return Confusion(*(int(cell.sum()) for cell in cells))


def measures(table: Confusion) -> dict[str, Estimate]:
    """Return sensitivity, specificity, balanced accuracy, F1, Cohen's kappa and accuracy with intervals.

    Intervals: the middle 95 % of the Dirichlet posterior of the table's four shares under Jeffreys' prior.
    """
    counts = np.array([table.hits, table.misses, table.false_alarms, table.passes])
    if counts.sum() == 0:
        return {name: Estimate(None) for name in _NAMES}
    draws = np.random.default_rng(_SEED).dirichlet(counts + _PRIOR, _DRAWS)
    at = _of_shares(counts[None, :] / counts.sum())
    spread = _of_shares(draws)
    found = {}
    for name in _NAMES:
        value = at[name][0]
        if not np.isfinite(value):
            found[name] = Estimate(None)
            continue
        low, high = np.quantile(spread[name], [0.025, 0.975])
        found[name] = Estimate(float(value), float(min(low, value)), float(max(high, value)))
    return found


_NAMES = ("sensitivity", "specificity", "balanced_accuracy", "f1", "kappa", "accuracy")


def _of_shares(shares: Floats) -> dict[str, Floats]:
    hits, misses, alarms, passes = shares.T
    with np.errstate(divide="ignore", invalid="ignore"):
        sensitivity, specificity = hits / (hits + misses), passes / (passes + alarms)
        accuracy = hits + passes
        chance = (hits + misses) * (hits + alarms) + (passes + alarms) * (passes + misses)
        return {
            "sensitivity": sensitivity,
            "specificity": specificity,
            "balanced_accuracy": (sensitivity + specificity) / 2,
            "f1": 2 * hits / (2 * hits + misses + alarms),
            # Cohen 1960; without any variation on either side there is nothing to agree about.
            "kappa": (accuracy - chance) / (1 - chance),
            "accuracy": accuracy,
        }


def auroc(badness: Sequence[float], bad_by_label: Sequence[bool]) -> Estimate:
    """Return the probability that a bad row scores worse than a good one, ties counting half.

    Interval: DeLong, DeLong & Clarke-Pearson 1988, on the logit scale; where the classes do not overlap, the
    exact bound for the smaller class.

    Args:
        badness: 1 - score.
    """
    from scipy.stats import rankdata

    x, bad = np.asarray(badness, float), np.asarray(bad_by_label, bool)
    n_bad, n_good = int(bad.sum()), int((~bad).sum())
    if not n_bad or not n_good:
        return Estimate(None)
    ranks = rankdata(x)
    area = float((ranks[bad].sum() - n_bad * (n_bad + 1) / 2) / (n_bad * n_good))
    placed_bad = (ranks[bad] - rankdata(x[bad])) / n_good
    placed_good = 1 - (ranks[~bad] - rankdata(x[~bad])) / n_bad
    variance = _variance(placed_bad) / n_bad + _variance(placed_good) / n_good
    if area in (0.0, 1.0):
        bound = 0.025 ** (1 / min(n_bad, n_good))
        return Estimate(area, bound if area == 1 else 0.0, 1.0 if area == 1 else 1 - bound)
    error = 1.959964 * np.sqrt(variance) / (area * (1 - area))
    logit = np.log(area / (1 - area))
    low, high = 1 / (1 + np.exp(-(logit - error))), 1 / (1 + np.exp(-(logit + error)))
    return Estimate(area, float(low), float(high))


def _variance(values: Floats) -> float:
    return float(values.var(ddof=1)) if len(values) > 1 else 0.25


def weighted_share(is_so: Sequence[bool], weights: Sequence[float]) -> Estimate:
    """Return the weighted share of rows for which something is so; Jeffreys' interval at Kish's effective number."""
    from scipy.stats import beta

    if not len(is_so):
        return Estimate(None)
    so, w = np.asarray(is_so, float), np.asarray(weights, float)
    value, n = float(so @ w / w.sum()), float(w.sum() ** 2 / (w**2).sum())
    low, high = beta.ppf((0.025, 0.975), value * n + _PRIOR, (1 - value) * n + _PRIOR)
    return Estimate(value, float(min(low, value)), float(max(high, value)))


def share(part: int, n: int) -> Estimate:
    """Return a plain share with Wilson's interval."""
    from scipy.stats import binomtest

    if not n:
        return Estimate(None)
    found = binomtest(part, n).proportion_ci(method="wilson")
    return Estimate(part / n, float(found.low), float(found.high))


def weighted_kappa(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Return Cohen's kappa of two gradings with quadratic weights (Cohen 1968), with a bootstrap interval.

    For two values it is the plain kappa, with the interval of `measures`.
    """
    from scipy.stats import bootstrap

    a, b = np.asarray(first, float), np.asarray(second, float)
    if len(a) < 2 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return Estimate(None)
    if np.isin(a, (0.0, 1.0)).all() and np.isin(b, (0.0, 1.0)).all():
        return measures(confusion((a == 0).tolist(), (b == 0).tolist()))["kappa"]
    value = float(_quadratic_kappa(a, b))
    if len(a) < 5:
        return Estimate(value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # gradings that are all equal have no interval, and it says so
        found = bootstrap(
            (a, b), _quadratic_kappa, paired=True, vectorized=True, n_resamples=1000, method="percentile",
            rng=np.random.default_rng(_SEED),
        ).confidence_interval  # fmt: skip
    low, high = (float(end) if np.isfinite(end) else None for end in (found.low, found.high))
    return Estimate(value, low, high)


def _quadratic_kappa(a: Any, b: Any, axis: int = -1) -> Any:
    """With quadratic weights, kappa is 1 - E(a - b)^2 / E(a - b')^2 with b' independent of a."""
    observed = ((a - b) ** 2).mean(axis=axis)
    expected = a.var(axis=axis) + b.var(axis=axis) + (a.mean(axis=axis) - b.mean(axis=axis)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return 1 - observed / expected


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Return Spearman's correlation with Fisher's interval (Bonett & Wright 2000)."""
    from scipy.stats import spearmanr

    a, b = np.asarray(first, float), np.asarray(second, float)
    if len(a) < 4 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return Estimate(None)
    rho = float(spearmanr(a, b).statistic)
    if abs(rho) >= 1:
        return Estimate(rho)
    error = 1.959964 * np.sqrt((1 + rho**2 / 2) / (len(a) - 3))
    return Estimate(rho, float(np.tanh(np.arctanh(rho) - error)), float(np.tanh(np.arctanh(rho) + error)))
