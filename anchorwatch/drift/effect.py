"""How large is the change, and since when? The most likely start within the last days, and the mean since."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.noise import Noise
from anchorwatch.drift.streams import Floats, Ints

LOOK_BACK_DAYS = 28


@dataclass(frozen=True, slots=True)
class Effect:
    """Of one night, one entry a stream, on its scale.

    Attributes:
        first: Index of the estimated first day of the change, in the days given.
        change: Mean change from that day to today, weighted by precision; NaN without data.
        error: Its standard error, the baseline's included, if the start were known; see interval for what is shown.
    """

    first: Ints
    change: Floats
    error: Floats


def estimate_effect(change: Floats, variance: Floats, noise: Noise, sign: Floats, oldest: Ints) -> Effect:
    """Find the start that explains the days best, by a generalised likelihood ratio.

    Of all starts s, the one whose days s..today are together furthest from the baseline in the watched
    direction, in standard errors.

    Args:
        change: Streams x the last days, today last; NaN without data.
        variance: Sampling variance, same shape.
        oldest: Per stream, the first index that may be a start.
    """
    seen = ~np.isnan(change)
    precision = np.where(seen, 1 / np.maximum(variance + noise.process[:, None], 1e-300), 0)
    weight = from_day_to_today(precision)
    total = from_day_to_today(precision * np.nan_to_num(change))
    statistic = np.divide(sign[:, None] * total, np.sqrt(weight), out=np.full_like(total, -np.inf), where=weight > 0)
    day = np.arange(change.shape[1])
    statistic[(day < oldest[:, None]) | ~seen] = -np.inf
    # The latest of equal starts: argmax finds the first one of the reversed days.
    first = change.shape[1] - 1 - np.argmax(statistic[:, ::-1], axis=1)
    at = np.arange(len(first))
    chosen, summed = weight[at, first], total[at, first]
    none = np.full(len(first), np.nan)
    days = change.shape[1] - first
    inflation = _inflation(noise, days, chosen / days)
    sampling = np.divide(1, chosen, out=none.copy(), where=chosen > 0)
    return Effect(
        first=first,
        change=np.divide(summed, chosen, out=none.copy(), where=chosen > 0),
        error=np.sqrt(sampling * inflation + noise.level_variance),
    )


def from_day_to_today(days: Floats) -> Floats:
    """Return the sum from each day to the last one."""
    return np.cumsum(days[:, ::-1], axis=1)[:, ::-1]


def run_inflation(persistence: Floats, days: Floats | Ints) -> Floats:
    """Return how much persistence inflates the variance of the mean of a run of days.

    For a mean of n days of an AR(1) process it is (1 + r)/(1 - r) - 2 r (1 - r^n) / (n (1 - r)^2).
    """
    rho = persistence
    inflation: Floats = (1 + rho) / (1 - rho) - 2 * rho * (1 - rho**days) / (days * (1 - rho) ** 2)
    return inflation


def _inflation(noise: Noise, days: Ints, precision: Floats) -> Floats:
    """Return the inflation of a mean of days, of whose variance a part is their own noise; sampling does not persist.

    Args:
        precision: Mean of 1 / variance over the days.
    """
    share = np.clip(noise.process * precision, 0, 1)
    inflation: Floats = 1 + share * (run_inflation(noise.persistence, days) - 1)
    return inflation
