"""The life of an alarm: it opens, gets worse, and closes when the stream is back."""

import numpy as np

from anchorwatch.drift.effect import estimate_effect
from anchorwatch.drift.evidence import cusum
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM, Reference, choose
from anchorwatch.drift.state import NEVER, QUIET, State
from anchorwatch.drift.streams import Bools, Floats, Ints

MUTE_DAYS = 14
BACK_TO_NORMAL = float(np.log(20))
"""An alarm closes when the days since speak 20 : 1 for the baseline against the level it fired on."""
BEYOND_DOUBT = 4.0
"""Standard errors by which an open alarm has to be worse than people were told, to be told again."""
DECIMALS = 9


def recover(state: State, change: Floats, variance: Floats, noise: Noise, oldest: int, today: int) -> Bools:
    """Close alarms whose stream is back: a CUSUM of the likelihood of the baseline against the level since the alarm.

    No single day counts for more than a third of what is needed.

    Args:
        change: Streams x days from column `oldest` to today; NaN without data.
        variance: Sampling variance, same shape.
    """
    watched = state.firing & ~np.isnan(change[:, -1]) & (state.since < today)
    run = _mean_since(change, variance, noise, state.first_day - oldest)
    state.change = np.where(watched, np.round(run, 12), state.change)
    long_run = variance[:, -1] + noise.process * (1 + noise.persistence) / (1 - noise.persistence)
    ratio = (state.change**2 - 2 * np.nan_to_num(change[:, -1]) * state.change) / (2 * np.maximum(long_run, 1e-300))
    added = cusum(state.recovery, np.minimum(ratio, BACK_TO_NORMAL / 3))
    state.recovery = np.where(watched, np.round(added, DECIMALS), state.recovery)
    recovered = watched & (state.recovery >= BACK_TO_NORMAL - 1e-6)
    state.close(recovered, today)
    return recovered


def _mean_since(change: Floats, variance: Floats, noise: Noise, first: Ints) -> Floats:
    """Return the mean change from a day on, by precision; 0 without data."""
    counts = ~np.isnan(change) & (np.arange(change.shape[1]) >= first[:, None])
    weight = np.where(counts, 1 / np.maximum(variance + noise.process[:, None], 1e-300), 0)
    total = weight.sum(axis=1)
    found = (weight * np.nan_to_num(change)).sum(axis=1)
    mean: Floats = np.divide(found, total, out=np.zeros_like(total), where=total > 0)
    return mean


def open_alarms(state: State, holds: Bools, change: Floats, first: Ints, today: int, allowed: Bools) -> Bools:
    """Open alarms, and raise the severity of open ones; return which are news."""
    worst = np.where(holds.any(axis=1), holds.shape[1] - 1 - np.argmax(holds[:, ::-1], axis=1), QUIET)
    opens = ~state.firing & allowed & (worst > QUIET) & (state.muted_until < today)
    worse = state.firing & (worst > state.severity)
    state.severity = np.where(opens | worse, worst, state.severity)
    state.since = np.where(opens, today, state.since)
    state.first_day = np.where(opens, first, state.first_day)
    rounded = np.round(np.nan_to_num(change), 12)
    state.change = np.where(opens, rounded, state.change)
    state.told = np.where(opens, rounded, state.told)
    state.muted_until = np.where(opens, today + MUTE_DAYS - 1, state.muted_until)
    state.firing = state.firing | opens
    return opens | worse


def worsen(state: State, change: Floats, variance: Floats, noise: Noise, sign: Floats, start: int, today: int) -> Ints:
    """Tell which open alarms are at least twice as bad as people were told, beyond doubt, and since which day."""
    excess = estimate_effect(change - state.told[:, None], variance, noise, sign, state.since + 1 - start)
    size = np.nan_to_num(excess.change) * sign
    worse = state.firing & (state.since < today) & (size >= np.abs(state.told)) & (size >= BEYOND_DOUBT * excess.error)
    state.told = np.where(worse, np.round(state.told + np.nan_to_num(excess.change), 12), state.told)
    state.worse_since = np.where(worse, excess.first + start, state.worse_since)
    return np.where(worse, excess.first + start, NEVER)


def freeze(panel: Panel, state: State, reference: Reference, noise: Noise, hold: Bools, today: int) -> None:
    """Keep tonight's baseline where an alarm opens, and forget it when its incident is out of every baseline's days."""
    starts = hold & ~state.frozen
    state.reference = choose(panel, starts, reference, state.reference)
    state.noise = choose(panel, starts, noise, state.noise)
    state.frozen = hold
    needed = hold | state.excluded[:, max(today - LONG_FROM, 0) :].any(axis=1)
    state.reference.n_days = np.where(needed, state.reference.n_days, 0)
