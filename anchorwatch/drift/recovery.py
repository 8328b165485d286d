"""Is a stream with an open alarm back? Asked of the days after the alarm, which were not chosen to look bad."""

import numpy as np

from anchorwatch.drift.effect import run_inflation
from anchorwatch.drift.evidence import cusum
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.state import State
from anchorwatch.drift.streams import Bools, Floats, Ints

BACK_TO_NORMAL = float(np.log(365))
"""An alarm closes when the days since some day speak 365 : 1 for the baseline against the levels it may have. A lasting
change as small as the rule asks for gets there no more than about once in as many days (Lorden, 1971)."""
LEAST_DAYS = 3
"""No single day counts for more than its part of what is needed."""
FORGET = 0.05
"""Part of the weight that is spread evenly over the levels every day: a level may change."""
WINDOW_DAYS, LEAST_WINDOW, SKIPPED = 28, 7, 3
"""The days right after the alarm may belong to the bad spell that it was, and are left out."""
FADED = ((14, 1.3), (19, 2.6), (30, 3.0), (45, 3.3))
"""From so many nights after the alarm on, the days since have to show it by so many standard errors to keep it open."""
TOO_SMALL = 3.0
"""Standard errors by which what is left must be below the change that the rule asks for."""
DECIMALS = 9


def recover(
    state: State, change: Floats, variance: Floats, noise: Noise, level: Floats, is_rate: Bools, least: Floats,
    sign: Floats, oldest: int, today: int,
) -> Bools:  # fmt: skip
    """Close alarms whose stream is back, by one of two tests; return which.

    The fast one is a CUSUM of the likelihood of the baseline against the alarm's level; since that is not known, six
    levels from the rule's smallest change to a quarter more than was told share the weight, and each counts by how
    well it foretold the days so far. The slow one takes the mean of the days after the alarm, 28 at most, with
    all its error: it closes what these days do not show, and what is surely smaller than the rule asks for.

    Args:
        change: Streams x days from column `oldest` to today; NaN without data.
        variance: Sampling variance, same shape.
        level: Baseline value.
        least: Smallest change that the rule asks for, >= 0, on the stream's scale.
    """
    watched = state.firing & ~np.isnan(change[:, -1]) & (state.since < today)
    at = np.flatnonzero(watched)
    recovered = np.zeros(len(watched), bool)
    if len(at):
        long_run = variance[at, -1] + (noise.process * (1 + noise.persistence) / (1 - noise.persistence))[at]
        _weigh(state, at, change[at, -1], long_run, np.where(is_rate, level, np.nan)[at], least[at])
        recovered[at] = state.recovery[at] >= BACK_TO_NORMAL - 1e-6
        since = np.maximum(state.since, state.worse_since)[at]
        recovered[at] |= _faded(change[at], variance[at], _Run(noise, at), sign[at], least[at], since - oldest)
    state.close(recovered, today)
    return recovered


def _weigh(state: State, at: Ints, x: Floats, variance: Floats, rate: Floats, least: Floats) -> None:
    """Add today to the evidence for the baseline, and to the weights of the levels."""
    from scipy import special

    told = state.told[at]
    smallest = np.clip(least, np.abs(told) / 8, np.abs(told))
    part = np.linspace(0, 1, state.log_level.shape[1])
    levels = np.sign(told)[:, None] * (smallest[:, None] + part * (1.25 * np.abs(told) - smallest)[:, None])
    # Log likelihood ratio of each level against the baseline.
    ratio = (x[:, None] * levels - levels**2 / 2) / np.maximum(variance, 1e-18)[:, None]
    quiet = np.clip(rate, 1e-6, 1 - 1e-6)[:, None]
    changed, y = np.clip(quiet + levels, 1e-6, 1 - 1e-6), np.clip(quiet + x[:, None], 0, 1)
    trials = quiet * (1 - quiet) / np.maximum(variance, 1e-18)[:, None]
    binomial = trials * (y * np.log(changed / quiet) + (1 - y) * np.log((1 - changed) / (1 - quiet)))
    ratio = np.clip(np.where(np.isnan(quiet), ratio, binomial), -500, 500)
    weight = special.softmax(state.log_level[at], axis=1)
    foretold = special.logsumexp(np.log(weight) + ratio, axis=1)
    added = cusum(state.recovery[at], np.minimum(-foretold, BACK_TO_NORMAL / LEAST_DAYS))
    state.recovery[at] = np.round(added, DECIMALS)
    after = special.softmax(np.log(weight) + ratio, axis=1)
    state.log_level[at] = np.round(np.log((1 - FORGET) * after + FORGET / len(part)), DECIMALS)


class _Run:
    """Noise of some streams, and what a mean over a run of days makes of it."""

    def __init__(self, noise: Noise, at: Ints) -> None:
        self.process, self.persistence, self.level = noise.process[at], noise.persistence[at], noise.level_variance[at]

    def mean(self, change: Floats, variance: Floats, counts: Bools) -> tuple[Floats, Floats, Floats]:
        """Return the mean by precision, its standard error with the baseline's, and the days; 0 days: NaN."""
        precision = 1 / np.maximum(variance + self.process[:, None], 1e-18)
        weight = np.where(counts, precision, 0)
        total = weight.sum(axis=1)
        days = counts.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = (weight * np.nan_to_num(change)).sum(axis=1) / total
            sampling = (weight**2 * np.where(counts, variance, 0)).sum(axis=1) / total**2
            noisy = self.process * (weight**2).sum(axis=1) / total**2
        run = run_inflation(self.persistence, np.maximum(days, 1))
        return mean, np.sqrt(sampling + noisy * run + self.level), days.astype(float)


def _faded(change: Floats, variance: Floats, run: _Run, sign: Floats, least: Floats, since: Ints) -> Bools:
    """Tell where the days after the alarm do not show it, or show that what is left is too small."""
    day = np.arange(change.shape[1])
    counts = ~np.isnan(change) & (day > since[:, None] + SKIPPED) & (day >= len(day) - WINDOW_DAYS)
    mean, error, days = run.mean(change, variance, counts)
    nights = len(day) - 1 - since
    needed = np.full(len(nights), -np.inf)
    for after, errors in FADED:
        needed = np.where(nights >= after, errors, needed)
    old = (nights >= FADED[0][0]) & (days >= LEAST_WINDOW)
    left = mean * sign
    found: Bools = old & ((left < needed * error) | (least - left > TOO_SMALL * error))
    return found
