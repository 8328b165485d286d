"""The day as every query sees it: [run_date, run_date + 1 day) in UTC."""

from datetime import UTC, date, datetime, time, timedelta


def day_window(run_date: date) -> dict[str, datetime]:
    """Return the bounds of a UTC day as query parameters; the end is excluded."""
    start = datetime.combine(run_date, time(), tzinfo=UTC)
    return {"day_start": start, "day_end": start + timedelta(days=1)}


def date_range(first: date, last: date) -> list[date]:
    """Return all dates from first to last, both included."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]
