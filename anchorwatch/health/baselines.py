"""What an hour is compared with; made once an hour, so that a tick costs the same whatever the history."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from anchorwatch.warehouse import query

WEEKS = 4
LEAST_WEEKS = 2
DAYS = 7
LEAST_DAYS = 3
_HAS_ROWS = sa.text(
    "SELECT h.hour FROM UNNEST(CAST(:hours AS TIMESTAMPTZ[])) AS h (hour) WHERE EXISTS ("
    "SELECT 1 FROM health_5min AS b WHERE b.bucket_start >= h.hour AND b.bucket_start < h.hour + INTERVAL '1 hour') "
    "ORDER BY h.hour"
)
_READ = sa.text("SELECT * FROM health_baselines WHERE hour_start = :hour")
_DELETE = sa.text("DELETE FROM health_baselines WHERE hour_start = :hour")


@dataclass(frozen=True, slots=True)
class Baseline:
    """A segment's usual hour; see the schema file of `health_baselines`."""

    requests_a_bucket: float
    rows_a_bucket: float
    latency_p99_ms: float | None
    kind: str


Segment = tuple[str, str]


def baselines_for(connection: sa.Connection, hour: datetime) -> dict[Segment, Baseline]:
    """Return what an hour is compared with, by segment; empty where there is too little history."""
    rows = connection.execute(_READ, {"hour": hour}).all()
    if not rows:
        make_baselines(connection, hour)
        rows = connection.execute(_READ, {"hour": hour}).all()
    return {
        (row.segment_name, row.segment_value): Baseline(
            row.requests_a_bucket, row.rows_a_bucket, row.latency_p99_ms, row.kind
        )
        for row in rows
    }


def make_baselines(connection: sa.Connection, hour: datetime) -> None:
    """Compute an hour's baselines: from the same hour of the week, or of the day while there are too few weeks."""
    weeks = [hour - timedelta(weeks=n) for n in range(1, WEEKS + 1)]
    days = [hour - timedelta(days=n) for n in range(1, DAYS + 1)]
    for kind, hours, least in (("hour_of_week", weeks, LEAST_WEEKS), ("hour_of_day", days, LEAST_DAYS)):
        there = list(connection.execute(_HAS_ROWS, {"hours": hours}).scalars())
        if len(there) >= least:
            connection.execute(_DELETE, {"hour": hour})
            connection.execute(query("health_baselines"), {"hour_start": hour, "hours": there, "kind": kind})
            return
