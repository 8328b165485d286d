"""Today's surprise: what a stream did beyond what its own noise of the last days led to expect."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.noise import Noise
from anchorwatch.drift.streams import Floats

MEMORY_DAYS = 14
"""Days the filter runs over: those that are not in the baseline."""


@dataclass(frozen=True, slots=True)
class Innovation:
    """Of today, one entry a stream, on its scale.

    Attributes:
        expected: Disturbance expected from the last days.
        surprise: Today's change minus that; NaN without data today.
        variance: Of the surprise: sampling, the day's own noise, the baseline's and the weekday's error.
    """

    expected: Floats
    surprise: Floats
    variance: Floats


def innovation(change: Floats, variance: Floats, noise: Noise) -> Innovation:
    """Filter two things that are not today's news out of it (Kalman, 1960): day-to-day noise, and the baseline's error.

    Day-to-day noise is an AR(1) process, the baseline's error a constant, both seen through sampling
    noise. What is left is independent from day to day if nothing changed, which evidence that adds up
    over days needs. Dividing by the long-run variance instead, as if every day were as bad as the worst
    run of days, loses a day on sudden changes.

    Args:
        change: Streams x the last days, today last; NaN without data.
        variance: Sampling variance, same shape.
    """
    rho = noise.persistence
    noisy, offset = np.zeros_like(rho), np.zeros_like(rho)
    p_noisy, p_both, p_offset = noise.process.copy(), np.zeros_like(rho), noise.level_variance.copy()
    for day in range(change.shape[1]):
        seen = ~np.isnan(change[:, day])
        surprise = change[:, day] - noisy - offset
        total = p_noisy + 2 * p_both + p_offset + np.where(seen, variance[:, day], 0) + noise.weekday_variance
        if day == change.shape[1] - 1:
            break
        usable = seen & (total > 0)
        known = np.where(usable, total, 1)
        k_noisy = np.where(usable, (p_noisy + p_both) / known, 0)
        k_offset = np.where(usable, (p_both + p_offset) / known, 0)
        news = np.where(usable, surprise, 0)
        noisy, offset = rho * (noisy + k_noisy * news), offset + k_offset * news
        p_noisy, p_both, p_offset = (
            rho**2 * (p_noisy - k_noisy * (p_noisy + p_both)) + noise.process * (1 - rho**2),
            rho * (p_both - k_noisy * (p_both + p_offset)),
            p_offset - k_offset * (p_both + p_offset),
        )
    return Innovation(noisy + offset, surprise, total)
