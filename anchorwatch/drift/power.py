"""What could be found: nights until a sudden change of a size is found, simulated with a stream's own noise."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.evidence import NOTHING, SHIFTS, accumulate, log_evidence, mean_ratios
from anchorwatch.drift.innovation import MEMORY_DAYS, innovation
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.streams import Floats

NIGHTS = 30
QUIET_NIGHTS = 20
PATHS = 200


@dataclass(frozen=True, slots=True)
class Delay:
    """Median and 90th percentile of nights, one entry a stream; infinite beyond 30 nights."""

    median: Floats
    p90: Floats


def simulate_delay(change: Floats, variance: Floats, noise: Noise, log_threshold: Floats, seed: int = 7) -> Delay:
    """Simulate a sudden change and count nights until the evidence suffices.

    Args:
        change: Per stream, the watched way, on its scale.
        variance: Sampling variance of a day like today.
    """
    rng = np.random.default_rng(seed)
    means = _mean_surprises(change, variance, noise)
    streams = len(change)
    log_r = np.full((streams * PATHS, len(SHIFTS)), NOTHING)
    everyone = np.ones(len(log_r), bool)
    found = np.full((streams, PATHS), np.inf)
    for night in range(-QUIET_NIGHTS, NIGHTS):
        z = rng.standard_normal((streams, PATHS)) + (means[:, night, None] if night >= 0 else 0)
        log_r = accumulate(log_r, mean_ratios(z.reshape(-1)), everyone)
        if night >= 0:
            crossed = log_evidence(log_r).reshape(streams, PATHS) >= log_threshold[:, None]
            found = np.where(crossed & np.isinf(found), night + 1, found)
    ordered = np.sort(found, axis=1)
    return Delay(ordered[:, PATHS // 2], ordered[:, int(PATHS * 0.9)])


def _mean_surprises(change: Floats, variance: Floats, noise: Noise) -> Floats:
    """Return the mean standard score of each night after the change: the filter takes some of it for noise."""
    means = np.zeros((len(change), NIGHTS))
    for night in range(NIGHTS):
        days = np.zeros((len(change), MEMORY_DAYS))
        days[:, -min(night + 1, MEMORY_DAYS) :] = change[:, None]
        found = innovation(days, np.repeat(variance[:, None], MEMORY_DAYS, axis=1), noise)
        means[:, night] = found.surprise / np.sqrt(np.maximum(found.variance, 1e-300))
    return means
