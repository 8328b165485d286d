"""Writes what people's labels correct into `daily_metrics`, beside the judge's own value."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import sqlalchemy as sa

from anchorwatch.metrics.correction import at_mix, correct
from anchorwatch.metrics.labelled import Corrected, Judged, Labelled, withheld
from anchorwatch.settings.metrics import ANCHOR_AGREEMENT, Metric
from anchorwatch.warehouse import query
from anchorwatch.warehouse.metric_catalogue import read_metrics
from anchorwatch.warehouse.rows import plan_for_fresh_rows

WINDOW_DAYS = 90
"""Labels of older rows say nothing about the judge of today."""
KIND = "query_type"
"""The segment whose mix on the day the labels of all traffic are weighed to."""

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
    "correction = :correction, correction_status = :status WHERE run_date = :run_date AND metric = ANY(:metrics)"
)
_ESTIMATES = sa.text(
    "SELECT metric, segment_name, segment_value, epoch, value, variance, n, sum_weights, sum_squared_weights "
    "FROM daily_metrics WHERE run_date = :run_date AND metric = ANY(:metrics) AND value IS NOT NULL"
)
_WRITE = sa.text(
    "UPDATE daily_metrics SET corrected_value = :value, corrected_ci_low = :low, corrected_ci_high = :high, "
    "n_labels = :n_labels, correction = :correction, correction_status = :status "
    "WHERE run_date = :run_date AND metric = :metric AND segment_name = :segment_name "
    "AND segment_value = :segment_value AND epoch = :epoch"
)
Segment = tuple[str, str]


def reopen(connection: sa.Connection, first: date, last: date) -> None:
    """Say that the labels, or the labelled rows' scores, of these days changed: what rests on them is made anew."""
    reopen_days(connection, first, last + timedelta(days=WINDOW_DAYS - 1))


def reopen_days(connection: sa.Connection, first: date, last: date) -> None:
    """Say that what the anchors say of these days may have changed: their corrections are made anew."""
    connection.execute(_REOPEN, {"first": first, "last": last})


def correct_days(connection: sa.Connection) -> list[date]:
    """Bring the corrections of all days up to date; return the days that were out of date.

    A day's labels are those of rows of the 90 days up to it, of the same epoch; those of a segment, of its rows alone.
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
    none = withheld(0, "not enough labels (0)")
    connection.execute(
        _NONE,
        {"run_date": day, "metrics": list(metrics), "correction": none.correction, "status": none.status},
    )
    if not connection.execute(_ANY_LABEL, window).scalar_one():
        return
    labels = _labels(metrics, connection.execute(query("daily_metrics", "labelled"), window).all(), day)
    since = connection.execute(query("daily_metrics", "judge_since"), window | {"metric": ANCHOR_AGREEMENT}).scalar()
    estimates = connection.execute(
        _ESTIMATES, {"run_date": day, "metrics": sorted({metric for metric, _ in labels})}
    ).all()
    mixes = _mixes(estimates)
    rows = []
    for row in estimates:
        known = labels.get((row.metric, row.epoch))
        if known is None:
            continue
        segment = (row.segment_name, row.segment_value)
        mix = mixes.get((row.metric, row.epoch), {}) if segment == ("all", "all") else {}
        of_row = known.of(segment, mix, float(row.sum_weights))
        found = correct(_judged(row), of_row, is_rate=metrics[row.metric].unit == "rate", judge_since=since)
        rows.append(_written(row, day, found))
    if rows:
        connection.execute(_WRITE, rows)


def _judged(row: Any) -> Judged:
    total, squares = float(row.sum_weights), float(row.sum_squared_weights)
    return Judged(row.value, row.variance, row.n, total**2 / squares if squares > 0 else float(row.n))


def _mixes(estimates: Iterable[Any]) -> dict[tuple[str, str], dict[str, float]]:
    """Return how the judged rows of each metric and epoch are spread over query types, where those are a segment."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in estimates:
        if row.segment_name == KIND:
            found.setdefault((row.metric, row.epoch), {})[row.segment_value] = float(row.sum_weights)
    return found


def _written(row: Any, day: date, found: Corrected) -> dict[str, Any]:
    return {
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
        "status": found.status,
    }


@dataclass(slots=True)
class _Rows:
    """The labelled rows of a metric and epoch.

    Attributes:
        segments: Segment -> which rows are in it; `all` has every row.
        kinds: Query type of each row, where it is a segment.
        weight: Each row's weight in the judged mean of its day; 0 for days other than the corrected one.
    """

    labels: Labelled
    segments: dict[Segment, list[int]]
    kinds: list[str]
    weight: list[float]

    def of(self, segment: Segment, mix: dict[str, float], sum_weights: float) -> Labelled:
        """Return the rows of a segment, at the day's mix if there is one."""
        everything = replace(self.labels, share=np.array(self.weight) / max(sum_weights, 1e-300))
        if segment == ("all", "all"):
            return at_mix(everything, self.kinds, mix) if mix else everything
        chosen = np.zeros(everything.n, bool)
        chosen[self.segments.get(segment, [])] = True
        return everything.where(chosen)


def _labels(metrics: dict[str, Metric], rows: Iterable[Any], day: date) -> dict[tuple[str, str], _Rows]:
    """Gather the labelled rows by metric and epoch; of pass/fail rows, those people agree about."""
    groups: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        if metrics[row.metric].unit != "rate" or row.human != 0.5:
            groups.setdefault((row.metric, row.epoch), []).append(row)
    return {key: _gathered(found, day, is_rate=metrics[key[0]].unit == "rate") for key, found in groups.items()}


def _gathered(rows: list[Any], day: date, *, is_rate: bool) -> _Rows:
    segments: dict[Segment, list[int]] = {}
    for at, row in enumerate(rows):
        for name, value in (row.segments or {}).items():
            segments.setdefault((name, value), []).append(at)
    numbers = [
        (float(row.human > 0.5) if is_rate else row.human, row.judge, row.weight, row.run_date.toordinal())
        for row in rows
    ]
    kinds = [(row.segments or {}).get(KIND, "(none)") for row in rows]
    weights = [float(row.sampling_weight) if row.run_date == day else 0.0 for row in rows]
    return _Rows(Labelled.of(numbers), segments, kinds, weights)
