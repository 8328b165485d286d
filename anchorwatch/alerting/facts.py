"""What an alert says of a finding: read from the tables, never with a prompt or a response in it."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window

EXAMPLES = 10
COINCIDES_DAYS = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One newly firing finding, with what helps to act on it.

    Attributes:
        change: Relative change against the baseline; None against a baseline of 0.
        examples: Up to ten request ids of the day, the most telling first.
        coinciding: New versions seen around the first day; coinciding, not causing.
    """

    rule_id: str
    severity: str
    metric: str
    segment_name: str
    segment_value: str
    value: float
    baseline_value: float
    change: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    tested_days: int
    first_day: date
    examples: list[str]
    coinciding: list[str]

    @property
    def segment(self) -> str:
        """The segment in words."""
        return "all traffic" if self.segment_name == "all" else f"{self.segment_name} = {self.segment_value}"

    def headline(self) -> str:
        """What moved, by how much, and how sure that is."""
        interval = ""
        if self.ci_low is not None and self.ci_high is not None:
            interval = f" (95 % interval {self.ci_low:+.0%} to {self.ci_high:+.0%})"
        moved = f"{self.change:+.0%}{interval}" if self.change is not None else "up from 0"
        return (
            f"{self.metric} {moved} in {self.segment}: {self.value:.4g} against {self.baseline_value:.4g}, "
            f"n = {self.n} over {self.tested_days} day{'s' * (self.tested_days > 1)}, since about {self.first_day}"
        )


def new_facts(connection: sa.Connection, run_date: date, evaluators: dict[str, str | None]) -> list[Fact]:
    """Return what began to fire on a day, worst first.

    Args:
        evaluators: Metric -> evaluator whose lowest scores are its examples, None for log metrics.
    """
    rows = connection.execute(query("alerts", "new_findings"), {"run_date": run_date}).all()
    return [_fact(connection, row, run_date, evaluators.get(row.metric)) for row in rows]


def _fact(connection: sa.Connection, row: Any, run_date: date, evaluator: str | None) -> Fact:
    around = {
        "start": row.first_day - timedelta(days=COINCIDES_DAYS),
        "end": row.first_day + timedelta(days=COINCIDES_DAYS),
    }
    events = connection.execute(
        sa.text(
            "SELECT kind, value, run_date FROM change_events WHERE run_date BETWEEN :start AND :end ORDER BY 3, 1, 2"
        ),
        around,
    )
    arguments = {
        "metric": row.metric,
        "evaluator": evaluator,
        "segment_name": row.segment_name,
        "segment_value": row.segment_value,
        "examples": EXAMPLES,
        "run_date": run_date,
        **day_window(run_date),
    }
    examples = connection.execute(query("alerts", "examples"), arguments).scalars().all()
    return Fact(
        **row._mapping,
        examples=list(examples),
        coinciding=[f"{event.kind} {event.value} first seen {event.run_date}" for event in events],
    )
