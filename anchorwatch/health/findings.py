"""What fires from tick to tick, with hysteresis, and its rows in `health_findings`."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.health.baselines import Segment
from anchorwatch.health.checks import Reading
from anchorwatch.settings.health import HealthBook, HealthRule
from anchorwatch.warehouse import query

SILENT_FOR = timedelta(hours=24)
"""A segment that has had no rows for so long does not fire any more."""
_WINDOWED = frozenset({"error_rate", "latency_p99", "requests"})
_DELETE = sa.text("DELETE FROM health_findings WHERE checked_at = :at")
_INSERT = sa.text(
    "INSERT INTO health_findings (checked_at, rule_id, metric, segment_name, segment_value, subject, severity, status, "
    "is_news, value, limit_value, baseline_value, ci_low, ci_high, n, firing_since, detail, example_request_ids) "
    "VALUES (:checked_at, :rule_id, :metric, :segment_name, :segment_value, :subject, :severity, :status, :is_news, "
    ":value, :limit_value, :baseline_value, :ci_low, :ci_high, :n, :firing_since, :detail, :example_request_ids)"
).bindparams(sa.bindparam("example_request_ids", type_=JSONB(none_as_null=True)))


@dataclass(slots=True)
class HealthFinding:
    """One row of health_findings; see its schema file."""

    rule: HealthRule
    segment: Segment
    subject: str
    status: str
    is_news: bool
    firing_since: datetime
    reading: Reading | None
    detail: str | None = None
    examples: list[str] = field(default_factory=list)


def find(connection: sa.Connection, book: HealthBook, readings: list[Reading], at: datetime) -> list[HealthFinding]:
    """Return what fires now, and what has recovered since the last tick.

    What fires goes on until its reading is clear; without rows it stays open, for a day at most.
    """
    rules = {rule.id: rule for rule in book.rules}
    before = {
        (row.rule_id, row.segment_name, row.segment_value, row.subject): row
        for row in connection.execute(query("health_findings", "firing"), {"at": at})
        if row.rule_id in rules
    }
    found = []
    for reading in readings:
        row = before.pop((reading.rule.id, *reading.segment, reading.subject), None)
        if row is None and reading.holds:
            since = at - reading.rule.window
            found.append(HealthFinding(reading.rule, reading.segment, reading.subject, "firing", True, since, reading,
                                       reading.detail))  # fmt: skip
        elif row is not None:
            status = "recovered" if reading.is_clear else "firing"
            found.append(HealthFinding(reading.rule, reading.segment, reading.subject, status, False,
                                       row.firing_since, reading, reading.detail))  # fmt: skip
    return found + [_unread(rules[row.rule_id], row, at) for row in before.values()]


def _unread(rule: HealthRule, row: Any, at: datetime) -> HealthFinding:
    """Describe what fired and was not read now: a segment without rows, or an incident that is over."""
    stays = rule.metric in _WINDOWED and at - row.firing_since < SILENT_FOR
    detail = "no rows in these minutes; it stays open" if stays else "over"
    segment = (row.segment_name, row.segment_value)
    return HealthFinding(
        rule, segment, row.subject, "firing" if stays else "recovered", False, row.firing_since, None, detail
    )


def store(connection: sa.Connection, findings: list[HealthFinding], at: datetime) -> None:
    """Replace what is stored of a tick."""
    connection.execute(_DELETE, {"at": at})
    rows = [
        {
            "checked_at": at,
            "rule_id": one.rule.id,
            "metric": one.rule.metric,
            "segment_name": one.segment[0],
            "segment_value": one.segment[1],
            "subject": one.subject,
            "severity": one.rule.severity,
            "status": one.status,
            "is_news": one.is_news,
            "value": one.reading.value if one.reading else None,
            "limit_value": one.reading.limit if one.reading else None,
            "baseline_value": one.reading.baseline if one.reading else None,
            "ci_low": one.reading.low if one.reading else None,
            "ci_high": one.reading.high if one.reading else None,
            "n": one.reading.n if one.reading else None,
            "firing_since": one.firing_since,
            "detail": one.detail,
            "example_request_ids": one.examples or None,
        }
        for one in findings
    ]
    if rows:
        connection.execute(_INSERT, rows)
