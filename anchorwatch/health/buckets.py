"""Five minutes as every query sees them, in UTC."""

from datetime import UTC, datetime, timedelta

from anchorwatch.settings.health import BUCKET_MINUTES

BUCKET = timedelta(minutes=BUCKET_MINUTES)
HOUR = timedelta(hours=1)
_ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)


def bucket_floor(at: datetime) -> datetime:
    """Return the start of the bucket that a moment is in.

    >>> bucket_floor(datetime(2026, 3, 10, 14, 7, tzinfo=UTC)).minute
    5
    """
    return at - (at - _ORIGIN) % BUCKET


def hour_floor(at: datetime) -> datetime:
    """Return the start of the hour (UTC) that a moment is in."""
    return at - (at - _ORIGIN) % HOUR
