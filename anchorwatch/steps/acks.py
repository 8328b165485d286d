"""What people say of findings: stored beside them, and taken up by the next derivation."""

from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook
from anchorwatch.steps.derive import derive
from anchorwatch.warehouse import connect

_OPEN = sa.text(
    "SELECT run_date, rule_id, severity, metric, segment_name, segment_value, epoch, direction, change, first_day, "
    "firing_since, kind, evidence, evidence_needed FROM drift_findings "
    "WHERE status = 'firing' AND part_of_name IS NULL "
    "AND run_date = COALESCE(CAST(:day AS DATE), (SELECT MAX(run_date) FROM drift_findings)) "
    "ORDER BY rule_id, segment_name, segment_value, direction"
)


def open_findings(engine: sa.Engine, day: date | None = None) -> list[dict[str, Any]]:
    """Return what fires on a day, the newest without one; parts are not listed."""
    with connect(engine) as connection:
        return [dict(row) for row in connection.execute(_OPEN, {"day": day}).mappings()]


def acknowledge(
    engine: sa.Engine,
    book: RuleBook,
    metric: str,
    segment: tuple[str, str],
    decision: str,
    direction: str | None,
    day: date | None,
    who: str,
    note: str | None,
) -> str:
    """Store an acknowledgement and derive what depends on it; return a sentence that says what happens.

    Raises:
        ConfigError: No such finding is open, or it is not unique.
    """
    rows = [row for row in open_findings(engine, day) if row["kind"] == "evidence"]
    found = [
        row
        for row in rows
        if row["metric"] == metric
        and (row["segment_name"], row["segment_value"]) == segment
        and direction in (None, row["direction"])
    ]
    if len(found) != 1:
        there = "; ".join(
            f"--metric {row['metric']} --segment {row['segment_name']}={row['segment_value']} "
            f"--direction {row['direction']}"
            for row in rows
        )
        problem = "no such finding is open" if not found else "it is open both ways: give --direction"
        raise ConfigError(f"{problem}; open are: {there or 'none'}")
    row = found[0]
    statement = sa.text(
        "INSERT INTO finding_acks (run_date, metric, segment_name, segment_value, epoch, direction, decision, "
        "acked_by, note, acked_at) VALUES (:run_date, :metric, :segment_name, :segment_value, :epoch, :direction, "
        ":decision, :who, :note, now())"
    )
    keys = ("run_date", "metric", "segment_name", "segment_value", "epoch", "direction")
    with connect(engine) as connection:
        arguments = {key: row[key] for key in keys} | {"decision": decision, "who": who, "note": note}
        connection.execute(statement, arguments)
    derive(engine, book)
    what = (
        "is compared with its old baseline from the next night on"
        if decision == "fixed"
        else f"gets a new baseline from {row['first_day']} on; 7 days of it are needed before it can fire again"
    )
    return f"{metric} in {segment[0]}={segment[1]} {what}"
