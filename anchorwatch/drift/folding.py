"""Segments too small to be watched on their own are watched together, as `other`."""

from dataclasses import dataclass, fields

import numpy as np

from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.streams import Bools, Floats


@dataclass(frozen=True, slots=True)
class Folded:
    """One entry a stream.

    Attributes:
        sums: Of all cells and days, small streams added to `other`.
        is_small: Too few rows a day to be tested.
        is_folded: Which of those are part of `other`.
        mean_rows: Scored rows on a mean day with data.
    """

    sums: Sums
    is_small: Bools
    is_folded: Bools
    mean_rows: Floats


def fold_small(panel: Panel, sums: Sums) -> Folded:
    """Add the cells of small streams to `other` of their segment, for the days given.

    A stream is small when its mean day among those with data, today left out, has fewer rows than its
    metric needs. Membership follows from these days alone, so a night comes out the same whenever it is
    computed. A percentile cannot be added up, and is not folded.
    """
    least = np.array([kind.min_rows_a_day for kind in panel.kinds])
    rows = _mean_rows(panel, sums)
    foldable = np.array([kind.quantile is None for kind in panel.kinds], dtype=bool)
    moves = (rows < least) & (rows > 0) & foldable
    moved = moves[panel.cell_stream] & (panel.fold_into >= 0)
    folded = np.zeros(len(panel.streams), bool)
    folded[panel.cell_stream[moved]] = True
    if moved.any():
        sums = sums.copy()
        for field in fields(sums):
            array = getattr(sums, field.name)
            np.add.at(array, panel.fold_into[moved], array[moved])
    after = _mean_rows(panel, sums)
    return Folded(sums, folded | (after < least), folded, np.where(folded, rows, after))


def _mean_rows(panel: Panel, sums: Sums) -> Floats:
    """Return the rows of a mean day with data before today; today's where there is none."""
    rows = panel.per_stream(sums.rows)
    earlier = rows[:, :-1]
    n_days = (earlier > 0).sum(axis=1)
    mean: Floats = np.where(n_days > 0, earlier.sum(axis=1) / np.maximum(n_days, 1), rows[:, -1])
    return mean
