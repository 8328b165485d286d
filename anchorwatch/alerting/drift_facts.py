"""Findings of a night, in words."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.alerting.excerpts import read_excerpts
from anchorwatch.alerting.facts import Fact, Member
from anchorwatch.settings import RuleBook, Settings
from anchorwatch.settings.certainty import how_sure
from anchorwatch.warehouse import query

COINCIDES_DAYS = 3
WORTH_SAYING = 0.01
MOST_OF_IT = 0.5
_CAUSES = {"quality": "answers", "safety": "answers"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFact(Fact):
    """A finding of the drift detector.

    Attributes:
        change: Relative change against the baseline at its mix; None against a baseline of 0.
        evidence, evidence_needed: None for rules without evidence.
        mix_effect, within_effect: Relative change of the plain value by moved traffic, and by other answers.
        explained_by: Segments that hold most of the change.
        n_parts: Other segments in which the same change shows.
        reason: What else to know, such as since when an open finding is much worse.
    """

    run_date: date
    value: float
    baseline_value: float | None
    change: float | None
    ci_low: float | None
    ci_high: float | None
    n: int
    tested_days: int
    evidence: float | None = None
    evidence_needed: float | None = None
    mix_effect: float | None = None
    within_effect: float | None = None
    explained_by: list[dict[str, Any]] = field(default_factory=list)
    n_parts: int = 0
    reason: str | None = None

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

    def _within(self) -> str:
        return "within query types" if self.metric.startswith("latency") else "by other answers"

    def details(self) -> list[str]:
        """Where the change is, and what it is made of, a line each."""
        sure = how_sure(self.evidence, self.evidence_needed)
        lines = [f"evidence: {sure}"] if sure else []
        if self.explained_by:
            parts = (
                f"{part['segment_name']} = {part['segment_value']} holds {part['share_of_change']:.0%} of it with "
                f"{part['share_of_traffic']:.0%} of the traffic"
                for part in self.explained_by
            )
            lines.append("; ".join(parts))
        if self.mix_effect is not None and self.within_effect is not None and abs(self.mix_effect) >= WORTH_SAYING:
            lines.append(
                f"plain value: {self.within_effect:+.0%} {self._within()}, {self.mix_effect:+.0%} by traffic that moved"
            )
        if self.n_parts:
            lines.append(f"it shows in {self.n_parts} more segments")
        return lines


def new_facts(connection: sa.Connection, settings: Settings, book: RuleBook, run_date: date) -> list[Fact]:
    """Return what is news on a day, worst first."""
    rows = connection.execute(query("alerts", "new_findings"), {"run_date": run_date}).all()
    families = {rule.id: rule.family for rule in book.rules}
    coinciding = {day: _coinciding(connection, day, run_date) for day in {row.first_day for row in rows}}
    return [_fact(connection, settings, row, families, coinciding[row.first_day]) for row in rows]


def firing(connection: sa.Connection, run_date: date) -> dict[Member, Member]:
    """Return what fires on a day, each with the finding that it is a part of, or itself."""
    found = {}
    for row in connection.execute(query("alerts", "firing"), {"run_date": run_date}):
        member = Member("drift", row.watch, row.metric, row.segment_name, row.segment_value, row.epoch, row.direction)
        lead = member._replace(segment_name=row.part_of_name, segment_value=row.part_of_value)
        found[member] = lead if row.part_of_name is not None else member
    return found


def has_data(connection: sa.Connection, run_date: date) -> bool:
    """Tell whether a day has findings that rest on data: without any, nothing has recovered."""
    statement = "SELECT EXISTS (SELECT 1 FROM drift_findings WHERE run_date = :run_date AND status <> 'no_data')"
    return bool(connection.execute(sa.text(statement), {"run_date": run_date}).scalar_one())


def _coinciding(connection: sa.Connection, first_day: date, run_date: date) -> list[str]:
    around = {"day": first_day, "until": run_date, "days": COINCIDES_DAYS}
    return list(connection.execute(query("alerts", "coinciding"), around).scalars())


def _fact(
    connection: sa.Connection, settings: Settings, row: Any, families: dict[str, str], coinciding: list[str]
) -> Fact:
    values = dict(row._mapping)
    examples = values.pop("example_request_ids") or []
    family = families.get(row.rule_id, "answers")
    explained = values.pop("explained_by") or []
    return DriftFact(
        **values,
        explained_by=explained,
        examples=examples,
        coinciding=coinciding,
        cause=_CAUSES.get(family, family),
        lag_days=(row.run_date - row.first_day).days,
        apps=_apps(row, explained),
        excerpts=read_excerpts(connection, examples) if settings.alerts.include_text else [],
    )


def _apps(row: Any, explained: list[dict[str, Any]]) -> list[str]:
    own = [row.segment_value] if row.segment_name == "app" else []
    holding = [part for part in explained if part["segment_name"] == "app" and part["share_of_change"] >= MOST_OF_IT]
    return own + [str(part["segment_value"]) for part in holding]
