"""Finds days whose logs changed after they were evaluated: rows that came late, were corrected, or are gone."""

from dataclasses import dataclass
from datetime import date, timedelta

import sqlalchemy as sa

from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.source_view import create_source_views

_EVALUATED = sa.text(
    "SELECT run_date FROM day_partitions WHERE run_date >= :first AND run_date <= :last ORDER BY run_date"
)
_STORE = sa.text(
    "INSERT INTO reopened_days (run_date, source_hash, rows_added, rows_changed, rows_removed, found_at) "
    "VALUES (:run_date, :source_hash, :rows_added, :rows_changed, :rows_removed, now()) ON CONFLICT DO NOTHING"
)


@dataclass(frozen=True, slots=True)
class ChangedDay:
    """A day to evaluate again.

    Attributes:
        source_hash: Of the logs as they are now.
    """

    run_date: date
    source_hash: str
    rows_added: int
    rows_changed: int
    rows_removed: int

    def __str__(self) -> str:
        """What changed, in words."""
        counts = f"{self.rows_added} rows came late, {self.rows_changed} changed, {self.rows_removed} are gone"
        return f"{self.run_date}: {counts}"


def find_changed_days(
    engine: sa.Engine, settings: Settings, today: date, horizon_days: int | None = None
) -> list[ChangedDay]:
    """Return evaluated days within the horizon whose logs are not what was evaluated, and record them.

    A day stays on the list until it has been evaluated again.

    Args:
        horizon_days: Days before yesterday's; late_data.horizon_days without it.
    """
    horizon = settings.late_data.horizon_days if horizon_days is None else horizon_days
    yesterday = today - timedelta(days=1)
    found = []
    with connect(engine) as connection:
        create_source_views(connection, settings)
        span = {"first": yesterday - timedelta(days=horizon), "last": yesterday}
        for day in connection.execute(_EVALUATED, span).scalars().all():
            row = connection.execute(query("reopened_days"), {"run_date": day, **day_window(day)}).one()
            if row.rows_added or row.rows_changed or row.rows_removed:
                changed = ChangedDay(day, row.source_hash, row.rows_added, row.rows_changed, row.rows_removed)
                connection.execute(_STORE, {name: getattr(changed, name) for name in ChangedDay.__slots__})
                found.append(changed)
    return found
