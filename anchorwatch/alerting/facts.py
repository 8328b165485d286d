"""What an alert says of a finding: read from the tables, never with a prompt or a response in it."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.warehouse import query

COINCIDES_DAYS = 3
WORTH_SAYING = 0.01


@dataclass(frozen=True, slots=True)
class Fact:
    """One finding that is news, with what helps to act on it.

    Attributes:
        change: Relative change against the baseline at its mix; None against a baseline of 0.
        evidence, evidence_needed: None for rules without evidence.
        mix_effect, within_effect: Relative change of the plain value by moved traffic, and by other answers.
        explained_by: Segments that hold most of the change.
        n_parts: Other segments in which the same change shows.
        reason: What else to know, such as since when an open finding is much worse.
        examples: Up to ten request ids of the day, the most telling first.
        judge_suspected: The judge's anchors alarm too, so it may be the judge that changed.
        coinciding: New versions seen around the first day; coinciding, not causing.
    """

    rule_id: str
    severity: str
    metric: str
    segment_name: str
    segment_value: str
    value: float
    baseline_value: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    tested_days: int
    first_day: date
    examples: list[str]
    coinciding: list[str]
    evidence: float | None = None
    evidence_needed: float | None = None
    mix_effect: float | None = None
    within_effect: float | None = None
    explained_by: list[dict[str, Any]] = field(default_factory=list)
    n_parts: int = 0
    reason: str | None = None
    judge_suspected: bool = False

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
        against = f" against {self.baseline_value:.4g}" if self.baseline_value is not None else ""
        return (
            f"{self.metric} {moved} in {self.segment}: {self.value:.4g}{against}, "
            f"n = {self.n} over {self.tested_days} day{'s' * (self.tested_days > 1)}, since about {self.first_day}"
            + (f"; {self.reason}" if self.reason else "")
            + ("; JUDGE SUSPECTED: its anchors alarm on the same night" if self.judge_suspected else "")
        )

    def details(self) -> list[str]:
        """Where the change is, and what it is made of, a line each."""
        lines = []
        if self.explained_by:
            parts = (
                f"{part['segment_name']} = {part['segment_value']} holds {part['share_of_change']:.0%} of it with "
                f"{part['share_of_traffic']:.0%} of the traffic"
                for part in self.explained_by
            )
            lines.append("; ".join(parts))
        if self.mix_effect is not None and self.within_effect is not None and abs(self.mix_effect) >= WORTH_SAYING:
            lines.append(
                f"plain value: {self.within_effect:+.0%} by other answers, {self.mix_effect:+.0%} by traffic that moved"
            )
        if self.n_parts:
            lines.append(f"it shows in {self.n_parts} more segments")
        return lines


def new_facts(connection: sa.Connection, run_date: date) -> list[Fact]:
    """Return what is news on a day, worst first."""
    rows = connection.execute(query("alerts", "new_findings"), {"run_date": run_date}).all()
    return [_fact(connection, row) for row in rows]


def _fact(connection: sa.Connection, row: Any) -> Fact:
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
    values = dict(row._mapping)
    examples = values.pop("example_request_ids") or []
    return Fact(
        **values | {"explained_by": values["explained_by"] or []},
        examples=examples,
        coinciding=[f"{event.kind} {event.value} first seen {event.run_date}" for event in events],
    )
