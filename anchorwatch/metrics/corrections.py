"""Writes what people's labels correct into `daily_metrics`, beside the judge's own value."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.metrics.correction import Labelled, correct
from anchorwatch.settings.metrics import Metric
from anchorwatch.warehouse import query
from anchorwatch.warehouse.metric_catalogue import read_metrics
from anchorwatch.warehouse.rows import plan_for_fresh_rows

WINDOW_DAYS = 90
"""Labels of older rows say nothing about the judge of today."""

_OPEN = sa.text("SELECT run_date FROM day_partitions WHERE NOT is_corrected ORDER BY run_date")
_DONE = sa.text("UPDATE day_partitions SET is_corrected = TRUE WHERE run_date = ANY(:days)")
# Rows are locked in their order: two days that are published at once must not wait for each other.
_REOPEN = sa.text(
    "UPDATE day_partitions SET is_corrected = FALSE WHERE run_date IN (SELECT d.run_date FROM day_partitions AS d "
    "WHERE d.run_date BETWEEN :first AND :last AND d.is_corrected ORDER BY d.run_date FOR UPDATE)"
)
_ANY_LABEL = sa.text("SELECT EXISTS (SELECT 1 FROM human_labels WHERE run_date BETWEEN :window_start AND :run_date)")
_NONE = sa.text(
    "UPDATE daily_metrics SET corrected_value = NULL, corrected_ci_low = NULL, corrected_ci_high = NULL, n_labels = 0, "
    "correction = :correction WHERE run_date = :run_date AND metric = ANY(:metrics)"
)
_ESTIMATES = sa.text(
    "SELECT metric, segment_name, segment_value, epoch, value, variance FROM daily_metrics "
    "WHERE run_date = :run_date AND metric = ANY(:metrics) AND value IS NOT NULL"
)
_WRITE = sa.text(
    "UPDATE daily_metrics SET corrected_value = :value, corrected_ci_low = :low, corrected_ci_high = :high, "
    "n_labels = :n_labels, correction = :correction "
    "WHERE run_date = :run_date AND metric = :metric AND segment_name = :segment_name "
    "AND segment_value = :segment_value AND epoch = :epoch"
)


def reopen(connection: sa.Connection, first: date, last: date) -> None:
    """Say that the labels, or the labelled rows' scores, of these days changed: what rests on them is made anew."""
    connection.execute(_REOPEN, {"first": first, "last": last + timedelta(days=WINDOW_DAYS - 1)})


def correct_days(connection: sa.Connection) -> list[date]:
    """Bring the corrections of all days up to date; return the days that were out of date.

    A day's labels are those of rows of the 90 days up to it, of the same epoch, from all segments together.
    """
    days = list(connection.execute(_OPEN).scalars())
    if not days:
        return []
    metrics = {m.name: m for m in read_metrics(connection).values() if m.source == "judge" and m.evaluator}
    # A few hundred labels look up their rows among millions; the rest of a night wants the opposite.
    connection.exec_driver_sql("SET LOCAL enable_nestloop = on")
    for day in days:
        _correct_day(connection, metrics, day)
    connection.execute(_DONE, {"days": days})
    plan_for_fresh_rows(connection)
    return days


def _correct_day(connection: sa.Connection, metrics: dict[str, Metric], day: date) -> None:
    window = {"run_date": day, "window_start": day - timedelta(days=WINDOW_DAYS - 1)}
    labels: dict[tuple[str, str], Labelled] = {}
    if connection.execute(_ANY_LABEL, window).scalar_one():
        labels = _labels(metrics, connection.execute(query("daily_metrics", "labelled"), window).all())
    none = correct(0.0, None, Labelled.of([]), is_rate=True)
    connection.execute(_NONE, {"run_date": day, "metrics": list(metrics), "correction": none.correction})
    rows: list[dict[str, Any]] = []
    labelled = sorted({metric for metric, _ in labels})
    for row in connection.execute(_ESTIMATES, {"run_date": day, "metrics": labelled}):
        if (row.metric, row.epoch) not in labels:
            continue
        is_rate = metrics[row.metric].unit == "rate"
        found = correct(row.value, row.variance, labels[row.metric, row.epoch], is_rate=is_rate)
        rows.append(
            {
                "run_date": day,
                "metric": row.metric,
                "segment_name": row.segment_name,
                "segment_value": row.segment_value,
                "epoch": row.epoch,
                "value": found.value,
                "low": found.low,
                "high": found.high,
                "n_labels": found.n_labels,
                "correction": found.correction,
            }
        )
    if rows:
        connection.execute(_WRITE, rows)


def _labels(metrics: dict[str, Metric], rows: Any) -> dict[tuple[str, str], Labelled]:
    """Gather the labelled rows by metric and epoch; of pass/fail rows, those people agree about."""
    groups: dict[tuple[str, str], list[tuple[float, float, float]]] = {}
    for row in rows:
        human = row.human
        if metrics[row.metric].unit == "rate":
            if human == 0.5:
                continue
            human = float(human > 0.5)
        groups.setdefault((row.metric, row.epoch), []).append((human, row.judge, row.weight))
    return {key: Labelled.of(found) for key, found in groups.items()}
