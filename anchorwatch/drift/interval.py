"""The 95 % interval of a relative change: both sides with their own errors, and the first day not taken for known."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.effect import from_day_to_today, run_inflation
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.ratio import ratio_limits, wilson_limits
from anchorwatch.drift.streams import Bools, Floats, Ints

CONFIDENCE = 0.95
SMALL_CHANGES = 1.5
"""Prior density of a change of size d is d ** -1.5. An alarm picks out days that exaggerate a change; this takes back
as much as makes both ends miss equally often, on the tuning seeds of benchmarks/statistics/change.py."""
PRIOR_ROWS = 10.0
"""Rows that the baseline's dispersion counts for, beside the rows under test."""
STEPS = 40
FLOOR = 1e-18
"""Smallest variance: what never varied is taken to vary by one part in 10^9."""


@dataclass(frozen=True, slots=True)
class Side:
    """The days a change is measured on, against the baseline: streams x days, today last, or one entry a stream.

    Attributes:
        change: On the stream's scale; NaN without data.
        variance: Of sampling, at the baseline's dispersion.
        own, base: Variance of one row of the day itself, and of the baseline, each times `spare`; on the log scale
            relative to the mean squared.
        spare: Rows less one a cell: what tells a dispersion.
        level, rows: Baseline value, and the rows it rests on.
        is_rate, is_relative, repeats_rows: See MetricKind.
    """

    change: Floats
    variance: Floats
    own: Floats
    base: Floats
    spare: Floats
    level: Floats
    rows: Floats
    is_rate: Bools
    is_relative: Bools
    repeats_rows: Bools

    def of(self, streams: Ints, days: slice) -> "Side":
        """Return some of the streams and days."""
        return Side(
            change=self.change[streams, days],
            variance=self.variance[streams, days],
            own=self.own[streams, days],
            base=self.base[streams, days],
            spare=self.spare[streams, days],
            level=self.level[streams],
            rows=self.rows[streams],
            is_rate=self.is_rate[streams],
            is_relative=self.is_relative[streams],
            repeats_rows=self.repeats_rows[streams],
        )


@dataclass(frozen=True, slots=True)
class _Means:
    """Means from each day to today, streams x days.

    Attributes:
        value: In the metric's unit; on the log scale the change.
        variance: Of the value.
        quiet: What its variance is if nothing changed.
        rows: Of a rate: independent rows of the same variance; else 1.
    """

    value: Floats
    variance: Floats
    quiet: Floats
    rows: Floats


def change_interval(
    side: Side, noise: Noise, point: Floats, oldest: Ints, sign: Floats
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return the limits of the relative change that began on one of the days; NaN where the baseline may be 0.

    Every day from `oldest` on may be the first. Each gives an estimate of the value since; it counts by how well it
    explains the days (its marginal likelihood; before, all first days are equally likely). The limits of the value
    are quantiles of that mixture; those of the ratio follow from them and from the baseline's.

    Args:
        point: The estimate that is shown, on the stream's scale; the interval holds it.
        sign: +1 where a rise is watched, -1 for a fall.
    """
    means = _means(side, noise)
    weight = _weights(side, means, oldest, sign)
    low, high = _mixture_limits(side, means, weight, SMALL_CHANGES)
    return _relative(side, noise, point, low, high)


def day_interval(side: Side, noise: Noise) -> tuple[Floats, Floats]:
    """Return the limits of the relative change of the one day there is; NaN where the baseline may be 0."""
    low, high = _mixture_limits(side, _means(side, noise), np.ones_like(side.change), 0.0)
    return _relative(side, noise, side.change[:, -1], low, high)


def _means(side: Side, noise: Noise) -> _Means:
    """Estimate the value from each day on, and its variance at the dispersion of those days themselves.

    A rate's variance follows from its value. Day-to-day noise grows with the value, that of a rate with p (1 - p).
    """
    seen, process = ~np.isnan(side.change), noise.process[:, None]
    weight = np.where(seen, 1 / np.maximum(side.variance + process, FLOOR), 0)
    total = np.maximum(from_day_to_today(weight), FLOOR)
    mean = from_day_to_today(weight * np.nan_to_num(side.change)) / total
    known = np.where(seen, side.variance, 0)
    # The same rows every day: more days say nothing of other rows.
    repeated = from_day_to_today(weight * known) / total
    sampling = np.where(side.repeats_rows[:, None], repeated, from_day_to_today(weight**2 * known) / total**2)
    days = np.maximum(from_day_to_today(seen.astype(float)), 1)
    noisy = process * from_day_to_today(weight**2) / total**2 * run_inflation(noise.persistence[:, None], days)
    student = _student(noise.degrees)[:, None] ** 2
    level = side.level[:, None]
    value = np.where(side.is_relative[:, None], mean, level + mean)
    grown = np.where(side.is_relative[:, None] | (level == 0), 1, value / np.where(level == 0, 1, level))
    variance = sampling * _dispersion_ratio(side) + noisy * grown**2
    is_rate = side.is_rate[:, None]
    quiet = _baseline_rate(side)[:, None]
    rows = quiet * (1 - quiet) / np.maximum(sampling, FLOOR)
    # A rate of 0 or 1 is not certain to be: half an event more than was seen.
    rate = (rows * np.clip(level + mean, 0, 1) + 0.5) / (rows + 1)
    growth = rate * (1 - rate) / (quiet * (1 - quiet))
    variance = np.where(is_rate, sampling * growth + noisy * growth**2, variance)
    variance = np.maximum(variance * student, FLOOR)
    return _Means(
        value=np.where(is_rate, np.clip(value, 0, 1), value),
        variance=variance,
        quiet=np.maximum(sampling + noisy, FLOOR),
        rows=np.where(is_rate, rate * (1 - rate) / variance, 1.0),
    )


def _baseline_rate(side: Side) -> Floats:
    shrunk = (side.rows * side.level + 0.5) / (side.rows + 1)
    return np.clip(np.where(side.is_rate, shrunk, 0.5), 1e-9, 1 - 1e-9)


def _dispersion_ratio(side: Side) -> Floats:
    own, base = from_day_to_today(side.own), from_day_to_today(side.base)
    spare = np.maximum(side.spare.sum(axis=1, keepdims=True), FLOOR)
    prior = PRIOR_ROWS * side.base.sum(axis=1, keepdims=True) / spare
    ratio: Floats = np.divide(own + prior, base + prior, out=np.ones_like(own), where=base + prior > 0)
    return ratio


def _student(degrees: Floats) -> Floats:
    """Return how much wider Student's interval is than a normal one."""
    from scipy import special

    wider: Floats = special.stdtrit(np.maximum(degrees, 2), (1 + CONFIDENCE) / 2) / _z()
    return wider


def _z() -> float:
    from scipy import special

    return float(special.ndtri((1 + CONFIDENCE) / 2))


def _weights(side: Side, means: _Means, oldest: Ints, sign: Floats) -> Floats:
    """Return the probability of each first day; the log likelihood ratio of a rate is the binomial one."""
    from scipy import special

    rate, quiet = means.value, _baseline_rate(side)[:, None]
    rows = quiet * (1 - quiet) / means.quiet
    of_rate = rows * (special.rel_entr(rate, quiet) + special.rel_entr(1 - rate, 1 - quiet))
    change = _change(side, means)
    ratio = np.where(side.is_rate[:, None], of_rate, change**2 / (2 * means.quiet))
    day = np.arange(side.change.shape[1])
    possible = (day >= oldest[:, None]) & ~np.isnan(side.change)
    towards = possible & (sign[:, None] * change > 0)
    possible = np.where(towards.any(axis=1, keepdims=True), towards, possible)
    log_weight = np.where(possible, ratio + 0.5 * np.log(means.quiet), -1e300)
    weight = np.where(possible, np.exp(log_weight - log_weight.max(axis=1, keepdims=True)), 0)
    found: Floats = weight / np.maximum(weight.sum(axis=1, keepdims=True), FLOOR)
    return found


def _change(side: Side, means: _Means) -> Floats:
    return means.value - np.where(side.is_relative, 0, side.level)[:, None]


def _mixture_limits(side: Side, means: _Means, weight: Floats, power: float) -> tuple[Floats, Floats]:
    """Return quantiles of the mixture over first days of confidence distributions of the value, by bisection.

    Args:
        power: Of the prior density size ** -power; its mode is the estimate less power x variance / size.
    """
    change = _change(side, means)
    size = np.maximum(np.abs(change), FLOOR)
    middle = means.value - np.sign(change) * np.minimum(power * means.variance / size, 0.5 * size)
    error = np.sqrt(means.variance)
    counts = weight > 1e-12
    lowest = np.where(counts, middle - 9 * error, np.inf).min(axis=1, initial=np.inf)
    highest = np.where(counts, middle + 9 * error, -np.inf).max(axis=1, initial=-np.inf)
    lowest, highest = np.where(side.is_rate, 1e-12, lowest), np.where(side.is_rate, 1 - 1e-12, highest)
    limits = []
    for level in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2):
        low, high = lowest.copy(), highest.copy()
        for _ in range(STEPS):
            at = (low + high) / 2
            # A rate's error goes with the limit that is asked about, as Wilson's does.
            spread = np.sqrt(np.maximum(at * (1 - at), 0)[:, None] / means.rows)
            below = _below(at, middle, np.where(side.is_rate[:, None], spread, error), weight, counts) < level
            low, high = np.where(below, at, low), np.where(below, high, at)
        limits.append((low + high) / 2)
    return limits[0], limits[1]


def _below(at: Floats, middle: Floats, error: Floats, weight: Floats, counts: Bools) -> Floats:
    from scipy import special

    z = np.where(counts, (at[:, None] - middle) / np.maximum(error, FLOOR), 0)
    found: Floats = (weight * special.ndtr(z)).sum(axis=1)
    return found


def _relative(side: Side, noise: Noise, point: Floats, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Return the limits of value / baseline - 1, from those of the value and the baseline's own error."""
    variance = noise.level_variance + np.where(side.repeats_rows, np.nan_to_num(side.variance[:, -1]), 0)
    half = _z() * np.sqrt(variance)
    value = np.where(side.is_relative, point, side.level + point)
    value = np.where(side.is_rate, np.clip(value, 0, 1), value)
    low, high = np.fmin(low, value), np.fmax(high, value)
    rate = _baseline_rate(side)
    limits = wilson_limits(np.clip(side.level, 0, 1), rate * (1 - rate) / np.maximum(variance, FLOOR), _z())
    base_low = np.where(side.is_rate, limits[0], side.level - half)
    base_high = np.where(side.is_rate, limits[1], side.level + half)
    # The ratio to a baseline below 0 is that of the mirrored values.
    mirrored = side.level < 0
    top = (np.where(mirrored, -a, b) for a, b in ((value, value), (high, low), (low, high)))
    base = (np.where(mirrored, -a, b) for a, b in ((side.level,) * 2, (base_high, base_low), (base_low, base_high)))
    linear_low, linear_high = ratio_limits(*top, *base)
    with np.errstate(over="ignore", invalid="ignore"):
        log_low = np.expm1(point - np.sqrt((point - low) ** 2 + half**2))
        log_high = np.expm1(point + np.sqrt((high - point) ** 2 + half**2))
    known = side.is_relative | ((side.level != 0) & np.isfinite(linear_high))
    found_low = np.where(side.is_relative, log_low, linear_low - 1)
    found_high = np.where(side.is_relative, log_high, linear_high - 1)
    return np.where(known, found_low, np.nan), np.where(known, found_high, np.nan)
