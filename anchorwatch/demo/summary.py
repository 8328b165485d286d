"""What the demo found: each stated drift, on which day; what fired without a cause; what the judge cost."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

SHOWS_IN = {
    "made_up": ("hallucination_rate",),
    "quality": ("quality",),
    "latency": ("latency_p50", "latency_p95", "latency_p99"),
    "cost": ("cost_per_request",),
    "error": ("error_rate",),
    "refusal": ("refusal_rate",),
    "malformed": ("format_validity",),
    "injection_success": ("quality",),
}
"""Where a kind of drift has to be found."""

SIDE_EFFECTS = {
    "made_up": ("quality", "support", "grounding", "ground_truth_agreement", "flag_rate", "negative_feedback_rate"),
    "quality": (
        "support",
        "grounding",
        "ground_truth_agreement",
        "flag_rate",
        "negative_feedback_rate",
        "format_validity",
    ),
    "malformed": ("quality", "truncation_rate", "ground_truth_agreement", "flag_rate", "negative_feedback_rate"),
    "refusal": ("quality", "ground_truth_agreement"),
    "injection_success": ("flag_rate", "negative_feedback_rate", "refusal_rate"),
}
"""What else a drift truly changes, so that it is no false alarm."""


@dataclass(frozen=True, slots=True)
class Found:
    """A stated drift and the first finding that shows it; None where nothing does."""

    event: dict[str, Any]
    day: date | None
    rule_id: str | None
    segment: str | None
    change: float | None


def new_findings(connection: sa.Connection) -> list[Any]:
    """Return every finding on the day it began to fire, parts of others too."""
    statement = sa.text(
        "SELECT run_date, rule_id, severity, metric, segment_name, segment_value, direction, change, is_news, "
        "evidence / evidence_needed AS strength FROM drift_findings "
        "WHERE status = 'firing' AND (firing_since = run_date OR is_news) "
        "ORDER BY run_date, CASE WHEN segment_name = 'all' THEN 0 ELSE 1 END, 10 DESC NULLS LAST"
    )
    return list(connection.execute(statement))


def found_drifts(events: list[dict[str, Any]], findings: list[Any]) -> list[Found]:
    """Match every stated drift with the first finding in a metric it has to show in."""
    return [_found(event, findings) for event in events]


def _found(event: dict[str, Any], findings: list[Any]) -> Found:
    start = date.fromisoformat(event["first_day"])
    for finding in findings:
        where = event["where"]
        segments = {("all", "all"), *where.items()} if where else {(finding.segment_name, finding.segment_value)}
        in_place = (finding.segment_name, finding.segment_value) in segments
        if finding.run_date >= start and finding.metric in SHOWS_IN[event["kind"]] and in_place:
            segment = f"{finding.segment_name}={finding.segment_value}"
            return Found(event, finding.run_date, finding.rule_id, segment, finding.change)
    return Found(event, None, None, None, None)


def false_alarms(events: list[dict[str, Any]], findings: list[Any]) -> list[Any]:
    """Return what people were told of and no stated drift explains."""
    return [
        finding
        for finding in findings
        if finding.is_news
        and finding.severity != "dashboard"
        and not any(_explains(event, finding) for event in events)
    ]


def _explains(event: dict[str, Any], finding: Any) -> bool:
    if finding.run_date < date.fromisoformat(event["first_day"]):
        return False
    kind = event["kind"]
    # A new version moves traffic between its segments, which changes what they are made of.
    moved = finding.segment_name in event["change"]
    return moved or finding.metric in SHOWS_IN[kind] or finding.metric in SIDE_EFFECTS.get(kind, ())


def outage_life(connection: sa.Connection) -> list[str]:
    """Return what PagerDuty was told of the outage, in order; each was delivered."""
    statement = sa.text(
        "SELECT a.payload ->> 'event_action' FROM alerts AS a "
        "INNER JOIN incidents AS i ON i.incident_id = a.incident_id "
        "WHERE i.source = 'health' AND a.channel = 'pagerduty' AND a.status = 'sent' ORDER BY a.alert_id"
    )
    return list(connection.execute(statement).scalars())


def judge_costs(connection: sa.Connection, since: date = date.min) -> Any:
    """Return calls paid, answers reused, tokens and USD over all days from one on."""
    statement = sa.text(
        "SELECT COUNT(*) FILTER (WHERE NOT is_cached) AS paid, COUNT(*) FILTER (WHERE is_cached) AS cached, "
        "SUM(input_tokens) AS input_tokens, SUM(output_tokens) AS output_tokens, SUM(cost_usd) AS cost_usd, "
        "MIN(judge_model) AS judge_model FROM judge_calls WHERE run_date >= :since"
    )
    return connection.execute(statement, {"since": since}).one()
