"""Which streams a night speaks of: not those that are gone, replaced by a new epoch, or the whole traffic again."""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.streams import Bools, Floats

RECENT_DAYS = 14
WEEK = 7


@dataclass(frozen=True, slots=True)
class Scope:
    """One entry a stream.

    Attributes:
        is_recent: It has data within the last 14 days.
        is_superseded: Its metric has data today in another epoch, and it has none: a new judge, rubric or
            evaluator version has taken over, and nothing is compared across.
        repeats_whole: A segment with the rows and sums of all traffic on each day of the last week.
    """

    is_recent: Bools
    is_superseded: Bools
    repeats_whole: Bools


def scope(panel: Panel, sums: Sums) -> Scope:
    """Tell it for the last of the days given."""
    rows = panel.per_stream(sums.rows)
    has_today = rows[:, -1] > 0
    by_epoch: dict[tuple[str, str], bool] = {}
    for stream, today in zip(panel.streams, has_today, strict=True):
        key = (stream.metric, stream.epoch)
        by_epoch[key] = by_epoch.get(key, False) or bool(today)
    alive = {metric for (metric, _), today in by_epoch.items() if today}
    superseded = np.array([s.metric in alive and not by_epoch[s.metric, s.epoch] for s in panel.streams], dtype=bool)
    is_whole = np.array([stream.is_whole for stream in panel.streams], dtype=bool)
    same = ~is_whole & (rows[:, -WEEK:].sum(axis=1) > 0)
    for own in (rows[:, -WEEK:], panel.per_stream(sums.wy)[:, -WEEK:]):
        whole = _of_whole(panel, own, is_whole)
        same &= (np.abs(own - whole) <= 1e-9 * np.abs(whole)).all(axis=1)
    return Scope(
        is_recent=rows[:, -RECENT_DAYS:].sum(axis=1) > 0,
        is_superseded=superseded,
        repeats_whole=same,
    )


def _of_whole(panel: Panel, days: Floats, is_whole: Bools) -> Floats:
    """Return for every stream the days of all traffic in its group; NaN where the group has none."""
    groups = int(panel.group.max(initial=-1)) + 1
    found = np.full((groups, days.shape[1]), np.nan)
    found[panel.group[is_whole]] = days[is_whole]
    of_whole: Floats = found[panel.group]
    return of_whole
