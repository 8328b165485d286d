"""Latency by query type as log buckets: what percentiles at any mix of query types are read off."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from anchorwatch.drift.streams import Floats, Ints, MetricKind, Stream

if TYPE_CHECKING:
    import pandas as pd

BUCKET = 3 * float(np.log(1.02))
"""Width of a bucket on the log scale; see sql/latency_cells."""
SMALLEST_SEGMENT = 10
"""Rows of its largest day below which no percentile of a segment is tested; see MetricKind.min_rows_a_day."""


@dataclass(frozen=True, slots=True)
class Histograms:
    """Query types of the percentile streams; the streams of one segment share their rows.

    Attributes:
        stream: Part -> stream, ascending. A part is one query type of one stream.
        names: Part -> query type.
        source: Part -> row of the arrays below; one stream's rows follow each other.
        lowest: Number of the first bucket.
        below: Rows x days x buckets: share of the traffic in a bucket or a lower one; 0 on days without rows.
        effective: Rows x days: Kish's effective number of logged rows; 0 where there are none.
        traffic: Rows x days: estimated production requests.
    """

    stream: Ints
    names: Sequence[str]
    source: Ints
    lowest: int
    below: Floats
    effective: Floats
    traffic: Floats

    @property
    def streams(self) -> Ints:
        """Streams that have query types, ascending."""
        return self.stream[self._firsts]

    @property
    def _firsts(self) -> Ints:
        return np.flatnonzero(np.diff(self.stream, prepend=-1))

    def per_stream(self, parts: Floats) -> Floats:
        """Add up an array over the parts of each of `streams`."""
        summed: Floats = np.add.reduceat(parts, self._firsts, axis=0)
        return summed

    def spread(self, streams: Any) -> Any:
        """Return an array over `streams` as one over their parts."""
        return np.repeat(streams, np.diff(np.append(self._firsts, len(self.stream))), axis=0)

    def parts(self) -> list[tuple[slice, slice]]:
        """Return the parts of each of `streams`, and their rows."""
        firsts, ends = self._firsts.tolist(), [*self._firsts[1:].tolist(), len(self.stream)]
        return [
            (slice(first, end), slice(int(self.source[first]), int(self.source[end - 1]) + 1))
            for first, end in zip(firsts, ends, strict=True)
        ]

    def percentile(self, shares: Floats, p: Floats) -> Floats:
        """Return the log of the latency at a share of the traffic, interpolated within its bucket.

        Args:
            shares: Cumulative shares, days x buckets, up to 1.
            p: One a day; NaN where it is outside (0, 1), gives NaN.
        """
        inside = (p > 0) & (p < 1) & (shares[:, -1] > 0)
        wanted = np.where(inside, p, 0.5)[:, None]
        at = np.argmax(shares >= wanted, axis=1)
        days = np.arange(len(shares))
        upper, lower = shares[days, at], np.where(at > 0, shares[days, at - 1], 0)
        step = np.divide(wanted[:, 0] - lower, upper - lower, out=np.ones(len(shares)), where=upper > lower)
        found: Floats = np.where(inside, (self.lowest - 1 + at + np.clip(step, 0, 1)) * BUCKET, np.nan)
        return found

    def share_below(self, shares: Floats, log_latency: Floats) -> Floats:
        """Return the share of the traffic at or below a latency: the inverse of `percentile`, one a row."""
        place = np.clip(log_latency / BUCKET - self.lowest + 1, 0, shares.shape[1])
        at, row = np.minimum(place.astype(np.int64), shares.shape[1] - 1), np.arange(len(shares))
        lower = np.where(at > 0, shares[row, at - 1], 0)
        found: Floats = lower + (place - at) * (shares[row, at] - lower)
        return found


def make_histograms(
    frame: "pd.DataFrame", streams: Sequence[Stream], kinds: Sequence[MetricKind], start: date, days: int
) -> Histograms | None:
    """Arrange stored rows of latency_cells; None where there are none.

    Args:
        frame: run_date (datetime64), segment_name, segment_value, cell, n, w, ww, and `buckets` and `weights` as
            texts like {1,2}.
    """
    columns = (frame["run_date"].to_numpy().astype("datetime64[D]") - np.datetime64(start)).astype(np.int64)
    frame = frame[(columns >= 0) & (columns < days)].assign(column=columns[(columns >= 0) & (columns < days)])
    watched = {(s.segment_name, s.segment_value) for s, k in zip(streams, kinds, strict=True) if k.quantile is not None}
    segments = zip(frame["segment_name"], frame["segment_value"], strict=True)
    frame = frame[np.array([segment in watched for segment in segments], dtype=bool)]
    frame = frame[_is_large(frame)]
    if frame.empty:
        return None
    keys = (
        frame[["segment_name", "segment_value", "cell"]]
        .drop_duplicates()
        .sort_values(["segment_name", "segment_value", "cell"])
    )
    row_of = {key: row for row, key in enumerate(keys.itertuples(index=False, name=None))}
    rows = np.array(
        [row_of[key] for key in zip(frame["segment_name"], frame["segment_value"], frame["cell"], strict=True)]
    )
    at = frame["column"].to_numpy()
    shape = (len(row_of), days)
    traffic, squares = np.zeros(shape), np.zeros(shape)
    traffic[rows, at], squares[rows, at] = frame["w"].to_numpy(float), frame["ww"].to_numpy(float)
    lowest, below = _cumulative(frame, rows, at, shape)
    parts = _parts(streams, kinds, list(row_of))
    return Histograms(
        stream=np.array([stream for stream, _, _ in parts], dtype=np.int64),
        names=[name for _, name, _ in parts],
        source=np.array([row for _, _, row in parts], dtype=np.int64),
        lowest=lowest,
        below=below,
        effective=np.divide(traffic**2, squares, out=np.zeros(shape), where=squares > 0),
        traffic=traffic,
    )


def _is_large(frame: "pd.DataFrame") -> Any:
    segment = ["segment_name", "segment_value"]
    per_day = frame.groupby([*segment, "column"])["n"].transform("sum")
    return per_day.groupby([frame[name] for name in segment]).transform("max") >= SMALLEST_SEGMENT


def _cumulative(frame: "pd.DataFrame", rows: Ints, at: Ints, shape: tuple[int, int]) -> tuple[int, Floats]:
    buckets, sizes = _numbers(frame["buckets"])
    weights, _ = _numbers(frame["weights"])
    number = buckets.astype(np.int64)
    lowest = int(number.min())
    counts = np.zeros((*shape, int(number.max()) - lowest + 1))
    counts[np.repeat(rows, sizes), np.repeat(at, sizes), number - lowest] = weights
    below = np.cumsum(counts, axis=2, out=counts)
    total = below[:, :, -1:].copy()
    return lowest, np.divide(below, total, out=below, where=total > 0)


def _numbers(texts: Any) -> tuple[Floats, Ints]:
    """Read arrays as Postgres writes them, all at once; return the numbers and how many each array has."""
    inner = [text[1:-1] for text in texts]
    sizes = np.array([text.count(",") + 1 for text in inner], dtype=np.int64)
    return np.fromstring(",".join(inner), sep=","), sizes


def _parts(
    streams: Sequence[Stream], kinds: Sequence[MetricKind], keys: list[tuple[Any, ...]]
) -> list[tuple[int, str, int]]:
    by_segment: dict[tuple[str, str], list[tuple[str, int]]] = {}
    for row, (name, value, cell) in enumerate(keys):
        by_segment.setdefault((name, value), []).append((cell, row))
    return [
        (number, cell, row)
        for number, (stream, kind) in enumerate(zip(streams, kinds, strict=True))
        if kind.quantile is not None
        for cell, row in by_segment.get((stream.segment_name, stream.segment_value), ())
    ]
