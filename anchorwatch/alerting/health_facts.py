"""Health findings, in words."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from anchorwatch.alerting.drift_facts import COINCIDES_DAYS
from anchorwatch.alerting.excerpts import read_excerpts
from anchorwatch.alerting.facts import Fact, Member
from anchorwatch.settings import Settings
from anchorwatch.warehouse import query

_CAUSES = {"provider_incidents": "provider", "results_age_hours": "job"}
_FIRING = sa.text(
    "SELECT rule_id, severity, metric, segment_name, segment_value, subject, is_news, value, limit_value, "
    "baseline_value, ci_low, ci_high, n, firing_since, detail, example_request_ids FROM health_findings "
    "WHERE checked_at = :at AND status = 'firing' "
    "ORDER BY CASE severity WHEN 'page' THEN 0 WHEN 'slack' THEN 1 ELSE 2 END, rule_id, "
    "CASE WHEN segment_name = 'all' THEN 0 ELSE 1 END, n DESC NULLS LAST, segment_name, segment_value, subject"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthFact(Fact):
    """A finding of the five-minute job; see the schema file of `health_findings`."""

    value: float | None
    limit: float | None
    baseline: float | None
    low: float | None
    high: float | None
    n: int | None
    since: datetime
    detail: str | None = None

    def headline(self) -> str:
        """What is wrong, by how much, and since when."""
        if self.metric == "provider_incidents":
            return str(self.detail)
        since = f"since {self.since:%Y-%m-%d %H:%M} UTC"
        if self.metric == "results_age_hours":
            return f"nightly results are {self.value:.0f} hours old, {self.limit:.0f} allowed: {self.detail}"
        shown = f"{self.metric} {self._said(self.value)}{self._interval()} in {self.segment}"
        if self.metric == "requests":
            return (
                f"{shown}, where {self._said(self.baseline)} are usual at this hour; n = {self.n} logged rows, {since}"
            )
        against = f" (usual at this hour: {self._said(self.baseline)})" if self.baseline is not None else ""
        return f"{shown}, above {self._said(self.limit)}{against}, n = {self.n}, {since}"

    def details(self) -> list[str]:
        """What else to know."""
        return [self.detail] if self.detail and self.metric != "provider_incidents" else []

    def _interval(self) -> str:
        if self.low is not None and self.high is not None:
            return f" (surely between {self._said(self.low)} and {self._said(self.high)})"
        return f" (surely below {self._said(self.high)})" if self.high is not None else ""

    def _said(self, value: float | None) -> str:
        if value is None:
            return "unknown"
        if self.metric == "error_rate":
            return f"{value:.1%}"
        return f"{value:,.0f} ms" if self.metric == "latency_p99" else f"{value:,.0f}"


def health_facts(
    connection: sa.Connection, settings: Settings, at: datetime
) -> tuple[list[Fact], dict[Member, Member]]:
    """Return what is news of a tick, worst first, and all that fires."""
    rows = connection.execute(_FIRING, {"at": at}).all()
    around = {"day": at.date(), "until": at.date(), "days": COINCIDES_DAYS}
    coinciding = list(connection.execute(query("alerts", "coinciding"), around).scalars()) if rows else []
    facts = [_fact(connection, settings, row, coinciding) for row in rows]
    news = [fact for fact, row in zip(facts, rows, strict=True) if row.is_news]
    return news, {fact.member: fact.member for fact in facts}


def _fact(connection: sa.Connection, settings: Settings, row: Any, coinciding: list[str]) -> Fact:
    examples = row.example_request_ids or []
    is_provider = row.metric == "provider_incidents"
    return HealthFact(
        rule_id=row.rule_id, severity=row.severity, metric=row.metric, segment_name=row.segment_name,
        segment_value=row.segment_value, first_day=row.firing_since.date(), source="health", watch=row.rule_id,
        epoch=row.subject, cause=_CAUSES.get(row.metric, "service"), examples=examples,
        coinciding=[] if is_provider else coinciding,
        apps=[row.segment_value] if row.segment_name == "app" else [],
        excerpts=read_excerpts(connection, examples) if settings.alerts.include_text and row.is_news else [],
        value=row.value, limit=row.limit_value, baseline=row.baseline_value, low=row.ci_low, high=row.ci_high,
        n=row.n, since=row.firing_since, detail=row.detail,
    )  # fmt: skip
