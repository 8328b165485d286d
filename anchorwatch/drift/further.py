"""A further change on top of an open alarm's, with evidence of its own."""

from dataclasses import fields
from typing import NamedTuple

import numpy as np

from anchorwatch.drift.effect import estimate_effect
from anchorwatch.drift.evidence import NOTHING, accumulate, log_evidence, mean_ratios, normal_score, rate_ratios
from anchorwatch.drift.innovation import innovation
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.state import NEVER, State
from anchorwatch.drift.streams import Bools, Floats, Ints

DECIMALS = 9


class Worse(NamedTuple):
    """Which open alarms became worse tonight, one entry a stream.

    Attributes:
        first: Column of the first day of the further change; NEVER where nothing became worse.
        is_double: Whether the further change is as large as what was there before.
    """

    first: Ints
    is_double: Bools


def worsen(
    state: State, change: Floats, variance: Floats, noise: Noise, level: Floats, is_rate: Bools, sign: Floats,
    needed: Floats, least: Floats, start: int, today: int,
) -> Worse:  # fmt: skip
    """Add today to the evidence that open alarms have become worse; return which have, and since when.

    The detector of a quiet stream, against the level since the alarm's change began instead of the baseline: what
    today is beyond what the days since then led to expect. It needs the same evidence, and a further change as large
    as the rule asks of a first one.

    Args:
        change: Streams x the last days, today last; NaN without data.
        needed: Log evidence of the least severe rule.
        least: Its smallest change, on the stream's scale.
        start: Column of the first of the days.
    """
    found, is_double = np.full(len(sign), NEVER), np.zeros(len(sign), bool)
    at = np.flatnonzero(state.firing & (state.since < today) & ~np.isnan(change[:, -1]))
    if not len(at):
        return Worse(found, is_double)
    own = Noise(*(getattr(noise, field.name)[at] for field in fields(Noise)))
    began = np.maximum(state.first_day, state.worse_since)[at] - start
    day = np.arange(change.shape[1])
    since = np.where(day >= began[:, None], change[at], np.nan)
    _add(state, at, since, variance[at], own, np.where(is_rate, level, np.nan)[at], sign[at])
    before = _mean(since[:, :-1], variance[at, :-1] + own.process[:, None])
    known = np.where(np.isnan(before), state.told[at], before)
    told_on = np.maximum(state.since, state.worse_since)[at] + 1 - start
    excess = estimate_effect(change[at] - known[:, None], variance[at], own, sign[at], told_on)
    size = np.nan_to_num(excess.change) * sign[at]
    worse = (log_evidence(state.log_more[at]) >= needed[at]) & (size >= np.maximum(least[at], 1e-12))
    which = at[worse]
    found[which] = excess.first[worse] + start
    is_double[which] = size[worse] >= np.abs(known[worse])
    state.told[which] = np.round(known[worse] + excess.change[worse], 12)
    state.worse_since[which] = found[which]
    state.log_level[which] = state.recovery[which] = 0.0
    state.log_more[which] = NOTHING
    return Worse(found, is_double)


def _add(state: State, at: Ints, since: Floats, variance: Floats, noise: Noise, rate: Floats, sign: Floats) -> None:
    """Filter the level out of the days since the change began; it is not known before the first of them."""
    unknown = np.maximum(noise.level_variance, state.told[at] ** 2)
    diffuse = Noise(**{f.name: getattr(noise, f.name) for f in fields(Noise)} | {"level_variance": unknown})
    found = innovation(since, variance, diffuse)
    z = sign * normal_score(np.nan_to_num(found.surprise), found.variance, noise.degrees, np.zeros(len(at)))
    expected = np.clip(np.nan_to_num(rate) + found.expected, 1e-3, 1 - 1e-3)
    of_rate, log_start = rate_ratios(expected + np.nan_to_num(found.surprise), expected, found.variance, sign)
    rates = ~np.isnan(rate)[:, None]
    ratios = np.where(rates, of_rate, mean_ratios(z))
    added = accumulate(state.log_more[at], ratios, np.ones(len(at), bool), np.where(rates, log_start, 0.0))
    state.log_more[at] = np.round(added, DECIMALS)


def _mean(change: Floats, variance: Floats) -> Floats:
    weight = np.where(np.isnan(change), 0, 1 / np.maximum(variance, 1e-18))
    total = weight.sum(axis=1)
    mean: Floats = np.divide(
        (weight * np.nan_to_num(change)).sum(axis=1), total, out=np.full(len(total), np.nan), where=total > 0
    )
    return mean
