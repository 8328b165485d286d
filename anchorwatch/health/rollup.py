"""Rolls raw logs up into buckets of five minutes; what is rolled up again replaces itself."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.health.buckets import BUCKET, bucket_floor
from anchorwatch.settings import Settings
from anchorwatch.warehouse import query

FIRST_HOURS = timedelta(hours=2)
"""How far back the very first tick reads; `anchorwatch health fill` reads more."""
_WATERMARK = sa.text("SELECT watermark FROM health_watermarks WHERE source = :source")
_SET_WATERMARK = sa.text(
    "INSERT INTO health_watermarks (source, watermark, ticked_at) VALUES (:source, :watermark, now()) "
    "ON CONFLICT (source) DO UPDATE SET ticked_at = now(), "
    "watermark = GREATEST(health_watermarks.watermark, excluded.watermark)"
)


def watched_segments(settings: Settings) -> dict[str, str]:
    """Return the segments that are watched, each with its column or attribute; all traffic is one."""
    there = {segment.name: segment.source for segment in settings.segments}
    return {"all": "all"} | {name: there[name] for name in settings.health.segments if name in there}


def newest_end(settings: Settings, at: datetime) -> datetime:
    """Return the end of the newest bucket that is old enough to be read."""
    return bucket_floor(at - timedelta(minutes=settings.health.delay_minutes))


def start_of_tick(connection: sa.Connection, settings: Settings, end: datetime) -> datetime:
    """Return where a tick begins: at the watermark, and a little before it for rows that came late."""
    begun = min(watermark(connection, settings) or end - FIRST_HOURS, end)
    return bucket_floor(begun - timedelta(minutes=settings.health.reopen_minutes))


def watermark(connection: sa.Connection, settings: Settings) -> datetime | None:
    """Return how far the source has been read; None: never."""
    found: datetime | None = connection.execute(_WATERMARK, {"source": settings.source.table}).scalar_one_or_none()
    return found


def roll_up(connection: sa.Connection, settings: Settings, start: datetime, end: datetime) -> int:
    """Replace the buckets from start to end, which are multiples of five minutes; return the rows that were read."""
    window: dict[str, Any] = {"start": start, "end": end}
    segments = watched_segments(settings)
    arguments = window | {
        "names": list(segments),
        "sources": list(segments.values()),
        "max_values": settings.max_segment_values,
    }
    connection.exec_driver_sql("SET LOCAL work_mem = '64MB'")
    connection.exec_driver_sql("DROP TABLE IF EXISTS health_rows")
    connection.execute(query("health_5min", "rows"), arguments)
    for table in ("health_5min", "health_latency"):
        statement = f"DELETE FROM {table} WHERE bucket_start >= :start AND bucket_start < :end"  # noqa: S608
        connection.execute(sa.text(statement), window)
    connection.execute(query("health_latency"))
    connection.execute(query("health_5min"), window)
    counted = sa.text("SELECT COUNT(*) FROM health_rows WHERE segment_name = 'all'")
    n_rows = int(connection.execute(counted).scalar_one())
    connection.exec_driver_sql("DROP TABLE health_rows")
    return n_rows


def set_watermark(connection: sa.Connection, settings: Settings, end: datetime) -> None:
    """Remember how far the source has been read; it never goes back."""
    connection.execute(_SET_WATERMARK, {"source": settings.source.table, "watermark": end})


def forget(connection: sa.Connection, settings: Settings, end: datetime) -> None:
    """Delete latency bins and baselines that nothing needs any more."""
    oldest = end - timedelta(days=settings.health.keep_days)
    for table, column in (("health_latency", "bucket_start"), ("health_baselines", "hour_start")):
        statement = f"DELETE FROM {table} WHERE {column} < :oldest"  # noqa: S608
        connection.execute(sa.text(statement), {"oldest": oldest})


def chunks(start: datetime, end: datetime, size: timedelta = timedelta(hours=6)) -> list[tuple[datetime, datetime]]:
    """Cut a long stretch into pieces that are rolled up one by one."""
    pieces = []
    while start < end:
        pieces.append((start, min(start + max(size, BUCKET), end)))
        start = pieces[-1][1]
    return pieces
