"""How large the change of a night is, and in which range: since its first day where there is evidence, else today's."""

from dataclasses import fields

import numpy as np

from anchorwatch.drift.interval import Side, change_interval, day_interval
from anchorwatch.drift.noise import Noise
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.reference import Reference
from anchorwatch.drift.streams import Bools, Floats, Ints


def side_of(panel: Panel, reference: Reference, sums: Sums, change: Floats, variance: Floats) -> Side:
    """Return the days of all streams as their changes are measured on.

    Args:
        sums: Of the same days as change and variance, small segments folded.
    """
    is_relative = panel.flags("is_relative")
    of_cells = is_relative[panel.cell_stream]
    mean, expected = sums.mean, reference.mean[:, None]
    known = (sums.rows > 1) & ~np.isnan(expected)
    spare = np.where(known, sums.rows - 1, 0)
    own, base = sums.dispersion, np.broadcast_to(reference.dispersion[:, None], mean.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        own = np.where(of_cells[:, None], own / mean**2, own)
        base = np.where(of_cells[:, None], base / expected**2, base)
    usable = known & np.isfinite(own) & np.isfinite(base)
    spare = np.where(usable, spare, 0)
    return Side(
        change=change,
        variance=variance,
        own=panel.per_stream(np.where(usable, spare * own, 0)),
        base=panel.per_stream(np.where(usable, spare * base, 0)),
        spare=panel.per_stream(spare),
        level=reference.level,
        rows=reference.rows,
        is_rate=panel.flags("is_rate"),
        is_relative=is_relative,
        repeats_rows=panel.flags("repeats_rows"),
    )


def measure(
    side: Side, noise: Noise, point: Floats, oldest: Ints, sign: Floats, telling: Bools
) -> tuple[Floats, Floats]:
    """Return the limits of the relative changes: since their first days where `telling`, else of the last day."""
    low, high = np.full(len(point), np.nan), np.full(len(point), np.nan)
    since, quiet = np.flatnonzero(telling & ~np.isnan(point)), np.flatnonzero(~telling & ~np.isnan(point))
    if len(since):
        low[since], high[since] = change_interval(
            side.of(since, slice(None)), _of(noise, since), point[since], oldest[since], sign[since]
        )
    if len(quiet):
        low[quiet], high[quiet] = day_interval(side.of(quiet, slice(-1, None)), _of(noise, quiet))
    return low, high


def _of(noise: Noise, streams: Ints) -> Noise:
    return Noise(*(getattr(noise, field.name)[streams] for field in fields(Noise)))
