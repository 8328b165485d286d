"""The stored days of every stream, as arrays over calendar days; a missing day is NaN."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, NamedTuple

import numpy as np
import sqlalchemy as sa

from anchorwatch.warehouse import query

Floats = np.ndarray[Any, np.dtype[np.float64]]


class Stream(NamedTuple):
    """One line that is watched: a metric in a segment, in one epoch."""

    metric: str
    segment_name: str
    segment_value: str
    epoch: str


@dataclass(frozen=True, slots=True)
class Series:
    """A stream over calendar days; all arrays have one entry a day.

    Attributes:
        value: Estimate of the day or, in a rolling series, of the 7 days that end on it.
        n: Unweighted rows, 0 on a missing day.
        weight: Estimated production requests, 0 on a missing day.
        variance: Sampling variance of the value.
    """

    value: Floats
    n: Floats
    weight: Floats
    variance: Floats


@dataclass(frozen=True, slots=True)
class History:
    """All streams from `start` on, daily and rolling."""

    start: date
    daily: dict[Stream, Series]
    rolling: dict[Stream, Series]

    def index(self, day: date) -> int:
        """Return the position of a day in the arrays."""
        return (day - self.start).days


def load_history(connection: sa.Connection, start: date, end: date, metrics: list[str]) -> History:
    """Read both tables for these metrics and days, ends included."""
    arguments = {"start": start, "end": end, "metrics": metrics}
    read = {
        table: _series(connection.execute(query("drift_findings", table), arguments), start, end)
        for table in ("daily", "rolling")
    }
    return History(start, read["daily"], read["rolling"])


def _series(rows: Any, start: date, end: date) -> dict[Stream, Series]:
    days = (end - start + timedelta(days=1)).days
    found: dict[Stream, Series] = {}
    for row in rows:
        stream = Stream(row.metric, row.segment_name, row.segment_value, row.epoch)
        if stream not in found:
            nothing = np.full(days, np.nan)
            found[stream] = Series(nothing.copy(), np.zeros(days), np.zeros(days), nothing.copy())
        at, series = (row.run_date - start).days, found[stream]
        if row.value is not None:
            series.value[at] = row.value
            series.n[at] = row.n
            series.weight[at] = float(row.sum_weights)
            series.variance[at] = np.nan if row.variance is None else row.variance
    return found
