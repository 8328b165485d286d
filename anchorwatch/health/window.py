"""The last buckets of every segment, as numbers that add up over any of them."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from anchorwatch.health.baselines import Segment
from anchorwatch.health.buckets import BUCKET

BASE = 1.02
_BUCKETS = sa.text(
    "SELECT * FROM health_5min WHERE bucket_start >= :start AND bucket_start < :end ORDER BY bucket_start"
)
_BINS = sa.text(
    "SELECT bucket_start, segment_name, segment_value, bin, n, sum_weights, sum_squared_weights FROM health_latency "
    "WHERE bucket_start >= :start AND bucket_start < :end"
)


@dataclass(slots=True)
class Bucket:
    """Five minutes of a segment; see the schema file of `health_5min`.

    Attributes:
        bins: Latency bin -> rows, weight, squared weight.
    """

    n: int
    requests: float
    squares: float
    errors: float
    error_squares: float
    error_rate: float
    p99: float | None
    bins: dict[int, tuple[int, float, float]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Window:
    """The last buckets of all segments.

    Attributes:
        end: End of the newest one.
        buckets: By segment, then by start; a bucket without rows is not there.
    """

    end: datetime
    buckets: dict[Segment, dict[datetime, Bucket]]

    def last(self, segment: Segment, length: timedelta) -> list[Bucket]:
        """Return a segment's buckets with rows in the last minutes."""
        there = self.buckets.get(segment, {})
        count = length // BUCKET
        starts = (self.end - BUCKET * back for back in range(count, 0, -1))
        return [there[start] for start in starts if start in there]


def read_window(connection: sa.Connection, end: datetime, length: timedelta) -> Window:
    """Read the buckets of the last minutes."""
    span = {"start": end - length, "end": end}
    found: dict[Segment, dict[datetime, Bucket]] = defaultdict(dict)
    for row in connection.execute(_BUCKETS, span):
        found[row.segment_name, row.segment_value][row.bucket_start] = Bucket(
            row.n,
            float(row.requests),
            float(row.sum_squared_weights),
            float(row.error_weights),
            float(row.error_squared_weights),
            row.error_rate,
            row.latency_p99_ms,
        )
    for row in connection.execute(_BINS, span):
        bucket = found[row.segment_name, row.segment_value].get(row.bucket_start)
        if bucket is not None:
            bucket.bins[row.bin] = (row.n, float(row.sum_weights), float(row.sum_squared_weights))
    return Window(end, dict(found))


def merged_bins(buckets: Iterable[Bucket]) -> dict[int, tuple[int, float, float]]:
    """Return the latency bins of several buckets together."""
    merged: dict[int, tuple[int, float, float]] = {}
    for bucket in buckets:
        for number, (n, w, ww) in bucket.bins.items():
            before = merged.get(number, (0, 0.0, 0.0))
            merged[number] = (before[0] + n, before[1] + w, before[2] + ww)
    return dict(sorted(merged.items()))


def quantile(bins: dict[int, tuple[int, float, float]], p: float) -> float | None:
    """Return a weighted quantile in ms, within 1 %; None without rows.

    >>> round(quantile({100: (1, 1.0, 1.0), 200: (1, 1.0, 1.0)}, 0.5), 1)
    7.2
    """
    total = sum(w for _, w, _ in bins.values())
    reached = 0.0
    for number in sorted(bins):
        reached += bins[number][1]
        if reached >= p * total:
            return float(2 * BASE**number / (BASE + 1))
    return None


def lower_edge(number: int) -> float:
    """Return the latency in ms above which a bin's rows are."""
    return float(BASE ** (number - 1))
