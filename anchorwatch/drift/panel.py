"""The stored days of all streams as arrays: sums by cell and calendar day, which add up over cells."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import numpy as np

from anchorwatch.drift.histograms import Histograms
from anchorwatch.drift.streams import Bools, Floats, Ints, MetricKind, Stream

FOLDED = "other"


@dataclass(frozen=True, slots=True)
class Sums:
    """Weighted sums of one day, in arrays of shape (cells, days); 0 where there is nothing.

    A cell is a query type within a stream. Sums of disjoint cells add up.

    Attributes:
        rows: Scored rows, unweighted.
        w: Sum of their weights.
        wy: Sum of weight x value.
        ww: Sum of weight^2.
        wwy: Sum of weight^2 x value.
        wwyy: Sum of weight^2 x value^2.
        wx: Sum of weight x proxy over the scored rows; NaN where there is no proxy.
        traffic: Estimated production requests of the cell, from all logged rows.
        traffic_x: Sum of traffic x proxy over all logged rows; NaN where there is no proxy.
    """

    rows: Floats
    w: Floats
    wy: Floats
    ww: Floats
    wwy: Floats
    wwyy: Floats
    wx: Floats
    traffic: Floats
    traffic_x: Floats

    @classmethod
    def zeros(cls, cells: int, days: int) -> "Sums":
        """Return sums of nothing."""
        return cls(*(np.zeros((cells, days)) for _ in fields(cls)))

    def columns(self, window: slice) -> "Sums":
        """Return some of the days; nothing is copied."""
        return Sums(*(getattr(self, field.name)[:, window] for field in fields(self)))

    def copy(self) -> "Sums":
        """Return sums that may be changed."""
        return Sums(*(getattr(self, field.name).copy() for field in fields(self)))

    @property
    def mean(self) -> Floats:
        """Hajek mean; NaN where a cell has no rows."""
        return np.divide(self.wy, self.w, out=np.full_like(self.w, np.nan), where=self.w > 0)

    @property
    def effective(self) -> Floats:
        """Kish's effective number of rows: (sum w)^2 / sum w^2; 0 where there are none."""
        return np.divide(self.w**2, self.ww, out=np.zeros_like(self.w), where=self.ww > 0)

    @property
    def dispersion(self) -> Floats:
        """Variance of one observation within the cell and day, >= 0; 0 where there are fewer than 2 rows."""
        mean = np.nan_to_num(self.mean)
        spread = np.maximum(self.wwyy - 2 * mean * self.wwy + mean**2 * self.ww, 0)
        factor = np.divide(self.rows, self.rows - 1, out=np.zeros_like(spread), where=self.rows > 1)
        variance: Floats = np.divide(spread * factor, self.ww, out=np.zeros_like(spread), where=self.ww > 0)
        return variance

    @property
    def proxy(self) -> Floats:
        """Mean proxy of the scored rows minus that of all logged rows: the luck of the draw; 0 without one."""
        scored = np.divide(self.wx, self.w, out=np.zeros_like(self.w), where=self.w > 0)
        everyone = np.divide(self.traffic_x, self.traffic, out=np.zeros_like(self.w), where=self.traffic > 0)
        luck: Floats = np.nan_to_num(np.where((self.w > 0) & (self.traffic > 0), scored - everyone, 0.0))
        return luck


@dataclass(frozen=True, slots=True)
class Panel:
    """All streams over calendar days.

    Attributes:
        start: Day of column 0.
        streams: One per row of every stream array.
        kinds: One per stream.
        group: Stream -> group; streams of a group (metric, epoch and direction) share their noise model
            and their part of the budget.
        cell_stream: Cell -> stream, ascending; every stream has at least one cell.
        cell_names: One per cell.
        fold_into: Cell -> the cell of the stream `other` it is added to while its stream is too small; -1: none.
        sums: Of all cells and days.
        histograms: Latency by query type, for percentiles; None where only their values are known.
    """

    start: date
    streams: Sequence[Stream]
    kinds: Sequence[MetricKind]
    group: Ints
    cell_stream: Ints
    cell_names: Sequence[str]
    fold_into: Ints
    sums: Sums
    histograms: Histograms | None = None

    @property
    def days(self) -> int:
        """Calendar days, with and without data."""
        return int(self.sums.w.shape[1])

    @property
    def first_cell(self) -> Ints:
        """First cell of every stream."""
        return np.searchsorted(self.cell_stream, np.arange(len(self.streams)))

    @property
    def part_stream(self) -> Ints:
        """Stream of every part of the histograms."""
        return np.zeros(0, dtype=np.int64) if self.histograms is None else self.histograms.stream

    def day(self, column: int) -> date:
        """Return the day of a column."""
        return self.start + timedelta(days=int(column))

    def column(self, day: date) -> int:
        """Return the column of a day."""
        return (day - self.start).days

    def per_stream(self, cells: Floats) -> Floats:
        """Add up an array over the cells of each stream."""
        result: Floats = np.add.reduceat(cells, self.first_cell, axis=0)
        return result

    def flags(self, name: str) -> Bools:
        """Return a yes-or-no property of the streams' kinds as an array."""
        return np.array([bool(getattr(kind, name)) for kind in self.kinds], dtype=bool)
