"""What a stream is compared with: the baseline days, the mean of every cell on them, and the frozen mix."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from anchorwatch.drift.mix import Mix
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.streams import Bools, Floats, Ints

LONG_FROM, LONG_TO = 69, 14
"""The long baseline is [d - 69, d - 14]: 56 days that end two weeks before the day under test."""
MIN_LONG_DAYS = 14
MIN_DAYS = 7
SMALLEST = 1e-6
"""Change factor that a value of 0 counts as on the log scale."""
LARGEST_SKEW = 2.0
"""Beyond it the normal score of a skewed mean is no good approximation any more."""

LONG, COLD_START = 0, 1
REASONS = ("long", "cold_start")


@dataclass(slots=True)
class Reference:
    """The baseline of every stream, and of every cell within it; a stream without one has n_days 0.

    Attributes:
        share: Cell -> share of the stream's traffic on the baseline days: the frozen mix.
        mean: Cell -> mean on the baseline days, in the metric's unit; NaN for a cell without rows there.
        dispersion: Cell -> variance of one observation within a day.
        mix_share, mix_below: Part -> see Mix: what the query types of a percentile are weighted by.
        mix_middle, mix_spread: Stream -> see Mix.
        level: Stream -> sum of share x mean: the baseline value.
        n_days: Stream -> baseline days with data.
        rows: Stream -> scored rows on them.
        first: Stream -> first baseline day, as a column of the panel.
        last: Stream -> last baseline day.
        reason: Stream -> index into REASONS.
    """

    share: Floats
    mean: Floats
    dispersion: Floats
    mix_share: Floats
    mix_below: Floats
    mix_middle: Floats
    mix_spread: Floats
    level: Floats
    n_days: Ints
    rows: Floats
    first: Ints
    last: Ints
    reason: Ints

    @property
    def mix(self) -> Mix:
        """What percentiles are weighted by."""
        return Mix(self.mix_share, self.mix_below, self.mix_middle, self.mix_spread)


def baseline_days(has_data: Bools, excluded: Bools, today: int) -> tuple[Bools, Ints]:
    """Choose the baseline days of every stream among the columns before today, at most 69.

    The long window first. Before it holds 14 days, all days up to yesterday (cold start); none where
    fewer than 7 have data.

    Args:
        has_data: Streams x columns [today - 69, today).
        excluded: As above; days of an incident, or before a new normal.

    Returns:
        Mask of the same shape, and the reason per stream.
    """
    usable = has_data & ~excluded
    long = usable.copy()
    long[:, max(usable.shape[1] - LONG_TO + 1, 0) :] = False
    is_long = long.sum(axis=1) >= MIN_LONG_DAYS
    chosen = np.where(is_long[:, None], long, usable)
    chosen[chosen.sum(axis=1) < MIN_DAYS] = False
    return chosen, np.where(is_long, LONG, COLD_START)


def make_reference(panel: Panel, past: Sums, mix: Mix, chosen: Bools, reason: Ints, first_column: int) -> Reference:
    """Return the baseline over the chosen days.

    Args:
        past: Sums of the columns that `chosen` covers, percentiles at the baseline's mix.
        first_column: Column of the panel that the first of them is.
    """
    used = chosen[panel.cell_stream] & (past.rows > 0)
    total = {name: np.where(used, getattr(past, name), 0).sum(axis=1) for name in ("rows", "w", "wy", "traffic")}
    mean = np.divide(total["wy"], total["w"], out=np.full(len(used), np.nan), where=total["w"] > 0)
    traffic = np.where(np.isnan(mean), 0, total["traffic"])
    share = traffic / np.maximum(_spread(panel, panel.per_stream(traffic)), np.finfo(float).tiny)
    days = np.arange(chosen.shape[1])
    is_any = chosen.any(axis=1)
    return Reference(
        share=share,
        mean=mean,
        dispersion=_dispersion(panel, past, used, mean, total["rows"]),
        mix_share=mix.share,
        mix_below=mix.below,
        mix_middle=mix.middle,
        mix_spread=mix.spread,
        level=panel.per_stream(share * np.nan_to_num(mean)),
        n_days=chosen.sum(axis=1),
        rows=panel.per_stream(total["rows"]),
        first=first_column + np.where(is_any, np.argmax(chosen, axis=1), 0),
        last=first_column + np.where(is_any, (chosen * days).max(axis=1, initial=0), 0),
        reason=reason,
    )


def _spread(panel: Panel, streams: Floats) -> Floats:
    return streams[panel.cell_stream]


def _dispersion(panel: Panel, past: Sums, used: Bools, mean: Floats, rows: Floats) -> Floats:
    """Pool the variance within cells over the baseline days, never with the day under test.

    A rate's follows from its mean. A cell without two rows on any day borrows from its stream. What
    never varied is not certain never to: half an observation at the middle of [0, 1] is added.
    """
    weight = np.where(used, np.maximum(past.rows - 1, 0), 0)
    spread, degrees = (weight * past.dispersion).sum(axis=1), weight.sum(axis=1)
    whole = _spread(panel, panel.per_stream(spread) / np.maximum(panel.per_stream(degrees), 1))
    found = np.where(degrees > 0, spread / np.maximum(degrees, 1), whole)
    is_rate = panel.flags("is_rate")[panel.cell_stream]
    rate = (rows * np.nan_to_num(mean) + 0.5) / (rows + 1)
    bounded = ~panel.flags("is_relative")[panel.cell_stream]
    floor = np.where(bounded, 0.125 / (rows + 1), 0)
    return np.where(is_rate, rate * (1 - rate), np.maximum(found, floor))


@dataclass(frozen=True, slots=True)
class Residuals:
    """Days against the baseline at its mix, in arrays of shape (streams, days), on the stream's scale.

    Attributes:
        change: Difference, or log of the factor, from the baseline; NaN on days without data.
        variance: Its sampling variance.
        proxy: The luck of the draw in the cheap proxy, at the same mix.
        rows: Scored rows.
        skew: Skewness of today's (the last day's) sampling error, one entry a stream; of metrics in [0, 1].
    """

    change: Floats
    variance: Floats
    proxy: Floats
    rows: Floats
    skew: Floats

    @property
    def has_data(self) -> Bools:
        """Days with a value."""
        return ~np.isnan(self.change)


def residuals(panel: Panel, reference: Reference, sums: Sums) -> Residuals:
    """Compare days with the baseline, cell by cell, weighted by the baseline's mix.

    A cell without rows on a day, or without a baseline, says nothing about change and is left out of
    both sides: traffic that moves between cells is no change.
    """
    there = (sums.rows > 0) & ~np.isnan(reference.mean)[:, None]
    share = np.where(there, reference.share[:, None], 0)
    present = panel.per_stream(share)
    known = present > 0
    difference = panel.per_stream(share * np.where(there, sums.mean - reference.mean[:, None], 0))
    level = panel.per_stream(share * np.nan_to_num(reference.mean)[:, None])
    effective = np.where(there, sums.effective, 1)
    variance = panel.per_stream(share**2 * reference.dispersion[:, None] / effective)
    proxy = panel.per_stream(share * np.where(there, sums.proxy, 0))
    relative = panel.flags("is_relative")[:, None]
    scale = np.where(relative, level, present)
    with np.errstate(divide="ignore", invalid="ignore"):
        change = difference / scale
        change = np.where(relative, np.log(np.maximum(1 + change, SMALLEST)), change)
        usable = known & (scale > 0)
        return Residuals(
            change=np.where(usable, change, np.nan),
            variance=np.where(usable, variance / scale**2, np.nan),
            proxy=np.where(usable, proxy / scale, 0.0),
            rows=panel.per_stream(sums.rows),
            skew=_skew(panel, reference, share, sums) if sums.w.shape[1] else np.zeros(len(panel.streams)),
        )


def _skew(panel: Panel, reference: Reference, share: Floats, sums: Sums) -> Floats:
    """Return the skewness of the last day's weighted mean, each cell that of a beta with its mean and spread."""
    # What was always 0 or 1 is not certain to be: half an observation more than was seen.
    seen = reference.rows[panel.cell_stream] * reference.share
    mean = np.clip((seen * np.nan_to_num(reference.mean) + 0.5) / (seen + 1), 1e-6, 1 - 1e-6)
    spread = np.maximum(reference.dispersion, 1e-12)
    size = np.maximum(mean * (1 - mean) / spread - 1, 0)
    one = 2 * (1 - 2 * mean) * np.sqrt(size + 1) / ((size + 2) * np.sqrt(mean * (1 - mean)))
    n = np.maximum(sums.effective[:, -1], 1e-12)
    third = panel.per_stream(share[:, -1] ** 3 * one * spread**1.5 / n**2)
    second = panel.per_stream(share[:, -1] ** 2 * spread / n)
    skew = np.divide(third, second**1.5, out=np.zeros_like(third), where=second > 0)
    # A score on another scale than [0, 1], from a file, has no known skewness.
    bounded = (reference.level >= 0) & (reference.level <= 1)
    return np.where(bounded, np.clip(skew, -LARGEST_SKEW, LARGEST_SKEW), 0)


_OF_CELLS = frozenset({"share", "mean", "dispersion"})
_OF_PARTS = frozenset({"mix_share", "mix_below"})


def choose(panel: Panel, mask: Bools, yes: Any, no: Any) -> Any:
    """Return a Reference or Noise with the streams of `yes` where the mask holds, else those of `no`."""
    merged = {}
    for field in fields(no):
        a, b = getattr(yes, field.name), getattr(no, field.name)
        where = mask[panel.cell_stream] if field.name in _OF_CELLS else mask
        if field.name in _OF_PARTS:
            where = mask[panel.part_stream]
        merged[field.name] = np.where(where.reshape(-1, *[1] * (b.ndim - 1)), a, b)
    return type(no)(**merged)
