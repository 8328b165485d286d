"""Intervals that corrections are built of: of one weighted mean, and of a sum of several estimates."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PRIOR_EVENTS = 5.0
"""How many events the variance of equal weights is worth beside that of the weights seen."""


@dataclass(frozen=True, slots=True)
class Part:
    """An estimate with its own 95 % interval, of which a sum is made."""

    value: float
    low: float
    high: float

    def times(self, factor: float) -> "Part":
        """Return the part of `factor` times the estimate."""
        ends = sorted((factor * self.low, factor * self.high))
        return Part(factor * self.value, ends[0], ends[1])


def mover(parts: Sequence[Part], correlation: Floats | None = None) -> tuple[float, float]:
    """Return the interval of a sum of estimates from theirs: MOVER (Zou & Donner 2008, Statist. Med. 27, 1693).

    Each part's distance to its own limit stands for 1.96 standard errors on that side, so that skewed parts make a
    skewed sum.

    Args:
        correlation: Of the estimates; independent without it (Zou 2008, Am. J. Epidemiol. 168, 212).
    """
    value = sum(part.value for part in parts)
    down = np.array([part.value - part.low for part in parts])
    up = np.array([part.high - part.value for part in parts])
    between = np.eye(len(parts)) if correlation is None else correlation
    return value - math.sqrt(max(down @ between @ down, 0.0)), value + math.sqrt(max(up @ between @ up, 0.0))


def wilson(value: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's interval (1927) of a mean in [0, 1] whose variance is value (1 - value) / n."""
    middle = (value + z * z / (2 * n)) / (1 + z * z / n)
    reach = z / (1 + z * z / n) * math.sqrt(max(value * (1 - value), 0.0) / n + (z / (2 * n)) ** 2)
    return max(0.0, middle - reach), min(1.0, middle + reach)


def jeffreys(value: float, n: float) -> tuple[float, float]:
    """Return Jeffreys' interval of a rate, closed at 0 and 1 where it is one of them (Brown, Cai & DasGupta 2001)."""
    from scipy.special import betaincinv

    bad, good = n * value + 0.5, n * (1 - value) + 0.5
    low = float(betaincinv(bad, good, 0.025)) if value > 0 else 0.0
    high = float(betaincinv(bad, good, 0.975)) if value < 1 else 1.0
    return low, high


@cache
def _t(tenths: int) -> float:
    from scipy.stats import t

    return float(t.ppf(0.975, tenths / 10))


def t_quantile(degrees: float) -> float:
    """Return the 97.5 % quantile of Student's t, degrees of freedom to one decimal and not below 1."""
    return _t(round(10 * min(max(degrees, 1.0), 1e6)))


def kish(weights: Floats) -> float:
    """Return the effective number of weighted rows, sum(w)^2 / sum(w^2) (Kish 1965); 0 without rows."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def small_sample(rows: float) -> float:
    """Return what a variance around the rows' own mean is too small by, n / (n - 1) at Kish's n, at most 2."""
    return rows / (rows - 1) if rows > 2 else 2.0


def weighted_mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """Return a Hajek mean and its variance (Saerndal, Swensson & Wretman 1992, 5.7)."""
    share = weights / weights.sum()
    mean = float(share @ values)
    return mean, small_sample(kish(weights)) * float(share**2 @ (values - mean) ** 2)


def steadied(values: Floats, weights: Floats, n_events: float) -> tuple[float, float]:
    """Return a Hajek mean and its variance, which holds with few events too.

    With few events the variance of the weights seen is too small as often as not, since a rare row of great weight
    is missing; so it is averaged with (weighted spread) / (Kish's effective n), which counts as five events.

    Args:
        n_events: Rows that differ from what most rows are.
    """
    mean, own = weighted_mean(values, weights)
    share, rows = weights / weights.sum(), kish(weights)
    equal = small_sample(rows) * float(share @ (values - mean) ** 2) / rows
    return mean, (n_events * own + PRIOR_EVENTS * equal) / (n_events + PRIOR_EVENTS)


def effective_n(value: float, variance: float, rows: float) -> float:
    """Return the n of `wilson` and `jeffreys` for a mean in [0, 1]; `rows` where its variance says nothing."""
    found = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else rows
    return min(max(found, 1.0), 1e9)


def effective_rate_n(rate: float, variance: float, n: int, rows: float) -> float:
    """Return the n of `jeffreys` for a weighted rate.

    Its variance is joined with that of equal weights as in `steadied`, and its own error counts as by Korn &
    Graubard 1998 (Survey Methodology 24): n times the squared ratio of Student's quantiles at n - 1 and at `rows` - 1.
    """
    events = n * min(rate, 1 - rate)
    joined = (events * variance + PRIOR_EVENTS * rate * (1 - rate) / max(rows, 1.0)) / (events + PRIOR_EVENTS)
    return effective_n(rate, joined, rows) * (t_quantile(n - 1) / t_quantile(rows - 1)) ** 2
