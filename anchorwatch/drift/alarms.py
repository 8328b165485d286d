"""The life of an alarm: it opens and gets more severe. Recovery closes it; further tells what comes on top."""

import numpy as np

from anchorwatch.drift.noise import Noise
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import LONG_FROM, Reference, choose
from anchorwatch.drift.state import QUIET, State
from anchorwatch.drift.streams import Bools, Floats, Ints

MUTE_DAYS = 14


def open_alarms(state: State, holds: Bools, change: Floats, first: Ints, today: int, allowed: Bools) -> Bools:
    """Open alarms, and raise the severity of open ones; return which are news."""
    worst = np.where(holds.any(axis=1), holds.shape[1] - 1 - np.argmax(holds[:, ::-1], axis=1), QUIET)
    opens = ~state.firing & allowed & (worst > QUIET) & (state.muted_until < today)
    worse = state.firing & (worst > state.severity)
    state.severity = np.where(opens | worse, worst, state.severity)
    state.since = np.where(opens, today, state.since)
    state.first_day = np.where(opens, first, state.first_day)
    state.told = np.where(opens, np.round(np.nan_to_num(change), 12), state.told)
    state.muted_until = np.where(opens, today + MUTE_DAYS - 1, state.muted_until)
    state.firing = state.firing | opens
    return opens | worse


def freeze(panel: Panel, state: State, reference: Reference, noise: Noise, hold: Bools, today: int) -> None:
    """Keep tonight's baseline where an alarm opens, and forget it when its incident is out of every baseline's days."""
    starts = hold & ~state.frozen
    state.reference = choose(panel, starts, reference, state.reference)
    state.noise = choose(panel, starts, noise, state.noise)
    state.frozen = hold
    needed = hold | state.excluded[:, max(today - LONG_FROM, 0) :].any(axis=1)
    state.reference.n_days = np.where(needed, state.reference.n_days, 0)
