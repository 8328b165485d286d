"""What a stream is compared with: which days, their mean, and how much one day differs from the next."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from anchorwatch.drift.history import Series
from anchorwatch.settings import Rule

LONG_FROM, LONG_TO = 69, 14
"""The long baseline is [d - 69, d - 14]: 56 days that end two weeks before the day under test."""
MIN_LONG_DAYS = 14
MIN_DAYS = 7
WEEK = 7

Scale = Literal["log", "linear"]
Days = np.ndarray[Any, np.dtype[np.int64]]
"""Positions in the arrays of a `Series`."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The days a stream is compared with.

    Attributes:
        days: Positions of the baseline days that have data.
        mean: Weighted mean, on the scale.
        dispersion: Variance of one observation on the scale, from the spread of the days and at least
            what sampling alone gives: a value that rests on n rows has the variance dispersion / n.
        n: Rows of the baseline.
        reason: long, cold_start, frozen or week_before.
    """

    days: Days
    mean: float
    dispersion: float
    n: float
    reason: str

    @property
    def n_days(self) -> int:
        """Days with data."""
        return len(self.days)


def choose_days(series: Series, day: int, tested_days: int, frozen_before: int | None) -> tuple[Days, str]:
    """Choose the baseline days; none where fewer than 7 have data.

    The long window first. Before it holds 14 days, all days before the tested window (cold start).
    While the stream is firing, only days before the change: a baseline must not absorb what it is
    there to show.
    """
    limit = day - tested_days if frozen_before is None else min(day - tested_days, frozen_before - 1)
    days = _with_data(series, day - LONG_FROM, min(day - LONG_TO, limit))
    if len(days) >= MIN_LONG_DAYS:
        return days, "long" if frozen_before is None else "frozen"
    days = _with_data(series, day - LONG_FROM, limit)
    reason = "cold_start" if frozen_before is None else "frozen"
    return (days, reason) if len(days) >= MIN_DAYS else (days[:0], reason)


def _with_data(series: Series, first: int, last: int) -> Days:
    first = max(first, 0)
    window = np.arange(first, max(last, first - 1) + 1, dtype=np.int64)
    return window[series.n[window] > 0]


def make_baseline(
    rule: Rule, daily: Series, rolling: Series, day: int, tested_days: int, scale: Scale, is_quantile: bool,
    is_rate: bool, frozen_before: int | None,
) -> Baseline | None:  # fmt: skip
    """Return the baseline of one stream and night, or None where there is not enough data."""
    days, reason = choose_days(daily, day, tested_days, frozen_before)
    if len(days) == 0:
        return None
    dispersion = _dispersion(daily, days, scale, is_rate)
    if rule.against == "week_before":
        return _week_before(daily, rolling, day, days, dispersion, scale)
    if is_quantile:
        mean = _mean_of_windows(rolling, days, scale)
    else:
        mean = _on_scale(float(np.average(daily.value[days], weights=daily.weight[days])), scale)
    if mean is None or dispersion is None:
        return None
    return Baseline(days, mean, dispersion, float(daily.n[days].sum()), reason)


def _week_before(
    daily: Series, rolling: Series, day: int, days: Days, dispersion: float | None, scale: Scale
) -> Baseline | None:
    """Compare with the 7 days before the tested 7; their spread comes from the whole baseline."""
    before = day - WEEK
    week = np.arange(before - WEEK + 1, before + 1, dtype=np.int64)
    if before < WEEK - 1 or dispersion is None or (daily.n[week] > 0).sum() < WEEK:
        return None
    mean = _on_scale(float(rolling.value[before]), scale)
    if mean is None:
        return None
    return Baseline(week, mean, dispersion, float(daily.n[week].sum()), "week_before")


def _mean_of_windows(rolling: Series, days: Days, scale: Scale) -> float | None:
    """Return the mean 7-day quantile of the windows inside the baseline.

    A 7-day percentile is not the mean of daily ones (a small day's p95 is nearly its maximum), so it is
    compared with percentiles of 7 days.
    """
    first = int(days[0])
    inside = [int(d) for d in days if d - WEEK + 1 >= first and rolling.n[int(d)] > 0]
    values = [value for d in inside if (value := _on_scale(float(rolling.value[d]), scale)) is not None]
    return float(np.mean(values)) if values else None


def _dispersion(daily: Series, days: Days, scale: Scale, is_rate: bool) -> float | None:
    value, n, variance = daily.value[days], daily.n[days], daily.variance[days]
    if scale == "log":
        positive = value > 0
        value, n, variance = value[positive], n[positive], variance[positive]
        variance = variance / value**2
        value = np.log(value)
    if len(value) < MIN_DAYS:
        return None
    centre = np.average(value, weights=n)
    between_days = float((n * (value - centre) ** 2).sum() / (len(value) - 1))
    known = ~np.isnan(variance)
    within_days = float(np.average((n * variance)[known], weights=n[known])) if known.any() else 0.0
    floor = 0.0
    if is_rate:
        # A rate that was always 0 is not certain to be 0: half an observation more than was seen.
        rate = (float((n * value).sum()) + 0.5) / (float(n.sum()) + 1)
        floor = rate * (1 - rate)
    return max(between_days, within_days, floor)


def _on_scale(value: float, scale: Scale) -> float | None:
    if scale == "linear":
        return value if np.isfinite(value) else None
    return float(np.log(value)) if value > 0 else None
