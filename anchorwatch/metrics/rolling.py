"""The 7-day windows, from stored sums and buckets; no raw row is read again."""

from datetime import date, timedelta

import sqlalchemy as sa

from anchorwatch.warehouse import query

WINDOW_DAYS = 7


def replace_rolling(connection: sa.Connection, run_date: date) -> None:
    """Recompute one day's partition of rolling_metrics."""
    window = {"run_date": run_date, "window_start": run_date - timedelta(days=WINDOW_DAYS - 1)}
    connection.execute(sa.text("DELETE FROM rolling_metrics WHERE run_date = :run_date"), {"run_date": run_date})
    connection.execute(query("rolling_metrics"), window)
    connection.execute(query("rolling_metrics", "percentiles"), window)
