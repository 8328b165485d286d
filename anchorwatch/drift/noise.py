"""How much a stream moves when nothing changed: weekdays, day-to-day noise, its persistence, and the proxy."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.reference import Residuals
from anchorwatch.drift.streams import Bools, Floats, Ints

WEEK = 7
MIN_WEEKDAY_DAYS = 21
MIN_PROXY_DAYS = 21
MAX_PERSISTENCE = 0.8
PRIOR_PERSISTENCE, PRIOR_DAYS = 0.5, 4.0
"""What persistence is taken for where the days cannot tell it, and how much evidence that is worth."""
MAX_PROXY_GAIN = 0.95


@dataclass(slots=True)
class Noise:
    """The noise model of every stream, on its scale.

    Attributes:
        weekday: Streams x 7 (Monday first): shrunk effect of the weekday; 0 below three weeks.
        weekday_variance: Stream -> variance of those effects' errors.
        process: Stream -> variance of a day's own disturbance, beyond sampling.
        persistence: Stream -> its correlation from one day to the next, in [0, 0.8].
        slope: Stream -> change of the value per unit of the proxy's luck; 0 without a useful proxy.
        gain: Stream -> share of the sampling variance that the proxy takes away.
        level_variance: Stream -> variance of the baseline value itself.
        degrees: Stream -> degrees of freedom of the variance of a day.
    """

    weekday: Floats
    weekday_variance: Floats
    process: Floats
    persistence: Floats
    slope: Floats
    gain: Floats
    level_variance: Floats
    degrees: Floats

    def adjusted(self, days: Residuals, weekdays: Ints) -> tuple[Floats, Floats]:
        """Return changes without weekday and luck of the draw, and their sampling variance."""
        change = days.change - self.weekday[:, weekdays] - self.slope[:, None] * days.proxy
        return change, days.variance * (1 - self.gain[:, None])


def estimate_noise(
    past: Residuals, chosen: Bools, weekdays: Ints, group: Ints, is_whole: Bools, level: Floats, is_small: Bools
) -> Noise:
    """Estimate the noise from the baseline days.

    Day-to-day noise and its persistence are pooled over the segments of a group, relative to their
    level, since a single segment has too few days to tell them from sampling noise. `all` keeps its own
    variance: its noise is the part that segments share.

    Args:
        past: Residuals of the columns that `chosen` covers.
        weekdays: Weekday of every column, Monday is 0.
        level: Baseline value per stream; what the noise is relative to on a linear scale, 1 on the log scale.
        is_small: Streams that are not watched on their own; they say nothing about the others.
    """
    used = chosen & past.has_data
    n = np.maximum(used.sum(axis=1), 1)
    change, variance = np.where(used, past.change, 0), np.where(used, past.variance, 0)
    slope, gain = _proxy(change, np.where(used, past.proxy, 0), used, variance)
    change = np.where(used, change - slope[:, None] * np.where(used, past.proxy, 0), 0)
    variance = variance * (1 - gain[:, None])
    size = np.maximum(np.abs(level), 1e-12)
    weekday, shrink, weekday_variance = _weekday(change, used, weekdays, group, is_whole, size)
    left = np.where(used, change - weekday[:, weekdays], 0)
    free = np.maximum(n - 1 - 6 * shrink, 1)
    total = (left**2).sum(axis=1) / free
    sampling = variance.sum(axis=1) / n
    process, persistence = _pooled(left, used, total, sampling, shrink, n, group, is_whole, size, ~is_small)
    inflation = (1 + persistence) / (1 - persistence)
    whole = sampling + process
    degrees = np.maximum(free, 1) * whole / np.maximum(process, 1e-300)
    return Noise(
        weekday=weekday,
        weekday_variance=weekday_variance,
        process=process,
        persistence=persistence,
        slope=slope,
        gain=gain,
        level_variance=(sampling + process * inflation) / n,
        degrees=np.clip(degrees, 1, 1e6),
    )


def _proxy(change: Floats, proxy: Floats, used: Bools, variance: Floats) -> tuple[Floats, Floats]:
    """Regress the days' changes on the luck of the draw in the proxy; a slope near its error is shrunk to 0."""
    n = used.sum(axis=1)
    centred = np.where(used, change - (change.sum(axis=1) / np.maximum(n, 1))[:, None], 0)
    sxx, sxy, syy = (proxy**2).sum(axis=1), (proxy * centred).sum(axis=1), (centred**2).sum(axis=1)
    usable = (n >= MIN_PROXY_DAYS) & (sxx > 0)
    slope = np.where(usable, sxy / np.where(sxx > 0, sxx, 1), 0)
    left = np.maximum(syy - slope * sxy, 0) / np.maximum(n - 2, 1)
    f = np.divide(slope**2 * sxx, left, out=np.full(len(n), 0.0), where=left > 0)
    slope = slope * np.clip(1 - 1 / np.maximum(f, 1e-9), 0, 1)
    explained = slope**2 * sxx / np.maximum(variance.sum(axis=1), 1e-300)
    return slope, np.where(usable, np.clip(explained, 0, MAX_PROXY_GAIN), 0)


def _weekday(
    change: Floats, used: Bools, weekdays: Ints, group: Ints, is_whole: Bools, size: Floats
) -> tuple[Floats, Floats, Floats]:
    """Return the effect of each weekday, how much of its own data a stream's effect is, and its error's variance.

    Shrunk twice by 1 - noise / variance: the effect on all traffic towards 0, and what a segment has of
    its own towards that. One segment's eight Mondays say little, those of all traffic say more.
    """
    columns = [weekdays == day for day in range(WEEK)]
    count, n = np.stack([used[:, days].sum(axis=1) for days in columns], axis=1), used.sum(axis=1)
    centred = np.where(used, change - (change.sum(axis=1) / np.maximum(n, 1))[:, None], 0)
    sums = np.stack([centred[:, days].sum(axis=1) for days in columns], axis=1)
    effect = np.where(count > 0, sums / np.maximum(count, 1), 0)
    left = np.where(used, centred - effect[:, weekdays], 0)
    noise = (left**2).sum(axis=1) / np.maximum(n - WEEK, 1) * WEEK / np.maximum(n, 1) / size**2
    usable = (n >= MIN_WEEKDAY_DAYS) & (count > 1).all(axis=1)
    precision = np.where(usable & (noise > 0), 1 / np.maximum(noise, 1e-12), 0)
    relative, groups = effect / size[:, None], int(group.max(initial=-1)) + 1

    def total(values: Floats, mask: Bools) -> Floats:
        summed: Floats = np.bincount(group, np.where(mask, values, 0), groups).astype(float)
        return summed

    has_whole = total(precision, is_whole)[group] > 0
    speaks = is_whole | ~has_whole
    weights = total(precision, speaks)
    shared = np.stack([total(precision * relative[:, day], speaks) for day in range(WEEK)], axis=1)
    shared = np.divide(shared, weights[:, None], out=np.zeros_like(shared), where=weights[:, None] > 0)
    error = np.divide(1, weights, out=np.zeros_like(weights), where=weights > 0)
    trust = _shrink(error, (shared**2).sum(axis=1) / (WEEK - 1))
    shared *= trust[:, None]
    own = relative - shared[group]
    spread = total(precision * (own**2).sum(axis=1) / (WEEK - 1), ~speaks)
    keep = np.where(usable & ~speaks, _shrink(total(precision * noise, ~speaks), spread)[group], 0)
    found = np.where(usable[:, None], shared[group] + keep[:, None] * own, 0)
    share = np.where(usable, np.where(speaks, trust[group], keep), 0)
    variance = np.where(usable, (trust**2 * error)[group] + keep**2 * noise, 0) * (WEEK - 1) / WEEK
    return found * size[:, None], share, variance * size**2


def _shrink(noise: Floats, spread: Floats) -> Floats:
    shrink: Floats = np.clip(1 - np.divide(noise, spread, out=np.ones_like(noise), where=spread > 0), 0, 1)
    return shrink


def _pooled(
    left: Floats, used: Bools, total: Floats, sampling: Floats, shrink: Floats, n: Ints, group: Ints,
    is_whole: Bools, size: Floats, speaks: Bools,
) -> tuple[Floats, Floats]:  # fmt: skip
    """Return process variance and persistence per stream; see `estimate_noise` for what is pooled."""
    groups = int(group.max(initial=-1)) + 1
    # By what a stream really varies, so that one wild segment, or one whose sampling error is not known,
    # does not speak for all.
    spread = np.maximum(np.maximum(total, sampling) / size**2, 1e-8)
    precision = np.where((n > 2) & speaks, n / spread**2, 0)
    pairs = used[:, 1:] & used[:, :-1]
    lag = np.where(pairs, left[:, 1:] * left[:, :-1], 0).sum(axis=1) / np.maximum(pairs.sum(axis=1), 1)
    excess, lag = (total - sampling) / size**2, lag / size**2

    pool_weight = np.maximum(np.bincount(group, precision, groups), 1e-300)[group]

    def pool(value: Floats, mask: Bools) -> Floats:
        weight = np.where(mask, precision, 0)
        top = np.bincount(group, weight * value, groups)
        return np.divide(top, np.bincount(group, weight, groups), out=np.zeros(groups), where=top != 0)[group]

    everyone = np.ones_like(is_whole)
    parts, variance = pool(excess, ~is_whole), np.maximum(pool(excess, everyone), 1e-300)
    # What the pooled variance is known to: the persistence is a ratio of two such numbers.
    known = variance**2 / np.maximum(pool(precision * (total / size**2) ** 2 / n, everyone) / pool_weight, 1e-300)
    rho = np.zeros(len(n))
    for _ in range(3):
        # The mean was taken from the same days, which hides some of the persistence and of the variance.
        long_run = sampling / size**2 + np.maximum(variance, 0) * (1 + rho) / (1 - rho)
        hidden = pool((1 - shrink) * long_run / n, everyone)
        ratio = np.divide(pool(lag, everyone) + hidden, variance, out=np.zeros(len(n)), where=variance > 1e-15)
        found = np.clip(ratio, 0, 1)
        rho = np.clip((found * known + PRIOR_PERSISTENCE * PRIOR_DAYS) / (known + PRIOR_DAYS), 0, MAX_PERSISTENCE)
    # A segment that is clearly noisier than the pool keeps what is beyond doubt of its own.
    doubtless = excess - 2 * total / size**2 * np.sqrt(2 / n)
    own = np.maximum(np.where(is_whole, excess, np.maximum(parts, doubtless)), 0)
    seen = np.clip(1 - 2 * rho / (1 - rho) / n, 0.5, 1)
    return own * size**2 / seen, np.where(own > 0, rho, 0)
