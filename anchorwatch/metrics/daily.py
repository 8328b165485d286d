"""Publishes a day: the run's ledger and scores become the day's, and its metrics are computed, in one transaction."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import TransientError
from anchorwatch.metrics.corrections import reopen
from anchorwatch.settings import Settings
from anchorwatch.settings.metrics import metrics_of
from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.metric_catalogue import store_metrics
from anchorwatch.warehouse.rows import lock, plan_for_fresh_rows

_PARTITIONS = (
    "samples",
    "evaluations",
    "judge_opinions",
    "anchor_readings",
    "daily_cells",
    "daily_metrics",
    "latency_histogram",
    "latency_cells",
    "daily_costs",
)
_WORK = ("work_samples", "work_evaluations", "work_opinions")
_DROP = "DROP TABLE IF EXISTS day_segments, day_latencies, day_buckets"
_STALE_DAYS = 7
_HAS_LABELS = sa.text("SELECT EXISTS (SELECT 1 FROM human_labels WHERE run_date = :run_date)")


@dataclass(frozen=True, slots=True)
class DayCounts:
    """The published day: rows in = judged + unscored + the rest of the ledger."""

    status: str
    rows_in: int
    rows_judged: int
    rows_unscored: int


def publish_day(
    connection: sa.Connection,
    settings: Settings,
    run_id: str,
    run_date: date,
    *,
    has_data: bool,
    main_evaluator: str = "quality",
) -> DayCounts:
    """Replace the day's partitions by what the run made; a day without logs becomes `no_data`.

    Args:
        main_evaluator: The judge's evaluator whose score makes a row count as judged.

    Raises:
        TransientError: The run's ledger is gone, so the run has to start the day again.
    """
    # Days are published side by side, but never under `derive`, which reads and corrects them.
    lock(connection, "derive", is_shared=True)
    lock(connection, f"day.{run_date.isoformat()}")
    plan_for_fresh_rows(connection)
    key = {"run_id": run_id, "run_date": run_date}
    if has_data:
        _require_ledger(connection, key)
    for table in _PARTITIONS:
        connection.execute(_delete(table), {"run_date": run_date})
    if has_data:
        store_metrics(connection, metrics_of(settings))
        connection.execute(query("samples", "publish"), key | {"main_evaluator": main_evaluator})
        for table in ("evaluations", "judge_opinions", "anchor_readings"):
            connection.execute(query(table, "publish"), key)
        _compute(connection, settings, run_date)
    _clean_up(connection, run_id, run_date)
    counts = _counts(connection, run_date, has_data)
    _store_partition(connection, run_date, counts)
    if connection.execute(_HAS_LABELS, {"run_date": run_date}).scalar_one():
        reopen(connection, run_date, run_date)
    return counts


def _require_ledger(connection: sa.Connection, key: dict[str, Any]) -> None:
    statement = sa.text("SELECT EXISTS (SELECT 1 FROM work_samples WHERE run_id = :run_id AND run_date = :run_date)")
    if not connection.execute(statement, key).scalar_one():
        raise TransientError(
            f"run {key['run_id']} has no sample of {key['run_date']}: start the day again from `sample`"
        )


def _delete(table: str) -> sa.Delete:
    return sa.delete(sa.table(table)).where(sa.column("run_date", sa.Date) == sa.bindparam("run_date", type_=sa.Date))


def _compute(connection: sa.Connection, settings: Settings, run_date: date) -> None:
    window: dict[str, Any] = {"run_date": run_date, **day_window(run_date)}
    connection.exec_driver_sql(_DROP)
    connection.execute(query("daily_metrics", "segments"), window | {"max_values": settings.max_segment_values})
    connection.exec_driver_sql("ANALYZE day_segments")
    connection.execute(query("daily_cells"), window)
    connection.execute(query("daily_cells", "anchors"), {"run_date": run_date})
    connection.execute(query("daily_metrics"), {"run_date": run_date})
    connection.execute(query("daily_costs"), window)
    connection.execute(query("latency_histogram", "latencies"), window)
    connection.exec_driver_sql("ANALYZE day_latencies")
    connection.execute(query("daily_metrics", "percentiles"), {"run_date": run_date})
    connection.execute(query("latency_histogram", "buckets"))
    for table in ("latency_histogram", "latency_cells"):
        connection.execute(query(table), {"run_date": run_date})
    connection.exec_driver_sql(_DROP)


def _clean_up(connection: sa.Connection, run_id: str, run_date: date) -> None:
    """Drop this run's copy, and what runs left behind that never came to publishing."""
    for table in _WORK:
        statement = sa.delete(sa.table(table)).where(
            sa.column("run_id", sa.Text) == run_id, sa.column("run_date", sa.Date) == run_date
        )
        connection.execute(statement)
    stale = sa.text(
        "SELECT run_id, run_date FROM runs WHERE status IN ('success', 'no_data', 'failed') "
        "AND finished_at < now() - make_interval(days => :days) "
        "AND EXISTS (SELECT 1 FROM work_samples AS w WHERE w.run_id = runs.run_id AND w.run_date = runs.run_date)"
    )
    for row in connection.execute(stale, {"days": _STALE_DAYS}).all():
        _clean_up(connection, row.run_id, row.run_date)


def _counts(connection: sa.Connection, run_date: date, has_data: bool) -> DayCounts:
    statement = sa.text(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE status = 'judged'), COUNT(*) FILTER (WHERE status = 'failed') "
        "FROM samples WHERE run_date = :run_date"
    )
    return DayCounts("ok" if has_data else "no_data", *connection.execute(statement, {"run_date": run_date}).one())


def _store_partition(connection: sa.Connection, run_date: date, counts: DayCounts) -> None:
    content = connection.execute(query("day_partitions", "content_hash"), {"run_date": run_date}).scalar_one()
    statement = sa.text(
        "INSERT INTO day_partitions (run_date, status, rows_in, content_hash, is_corrected) "
        "VALUES (:run_date, :status, :rows_in, :content_hash, FALSE) "
        "ON CONFLICT (run_date) DO UPDATE SET status = excluded.status, rows_in = excluded.rows_in, "
        "content_hash = excluded.content_hash, is_corrected = FALSE"
    )
    row = {
        "run_date": run_date,
        "status": counts.status,
        "rows_in": counts.rows_in,
        "content_hash": f"{int(content):x}",
    }
    connection.execute(statement, row)
