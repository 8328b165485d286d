"""Writes alerts before anything is sent, and decides once and for all whether they may be."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.alerting import held, pagerduty, slack
from anchorwatch.alerting.facts import Fact, new_facts
from anchorwatch.settings import Settings

RUNBOOKS = "docs/runbooks"
Channel = Literal["pagerduty", "slack"]
_RESOLVED = ":resolved"

_INSERT = sa.text(
    "INSERT INTO alerts "
    "(dedup_key, channel, run_date, run_id, severity, rule_ids, payload, status, attempts, created_at) "
    "VALUES (:dedup_key, :channel, :run_date, :run_id, :severity, :rule_ids, :payload, :status, 0, now()) "
    "ON CONFLICT (dedup_key, channel) DO NOTHING"
).bindparams(sa.bindparam("payload", type_=JSONB))


@dataclass(frozen=True, slots=True)
class QueuedAlerts:
    """New outbox rows by status; a row that was there before is not counted and never sent again."""

    pending: int
    suppressed: int


def queue_alerts(
    connection: sa.Connection,
    settings: Settings,
    *,
    run_id: str,
    run_date: date,
    is_backfill: bool,
    today: date,
) -> QueuedAlerts:
    """Put the day's new findings, and incidents that are over, into the outbox.

    A row may be sent only if the run is no backfill, the day is not older than alerts.max_age_days, and
    no row with its dedup_key was there before. A suppressed row stays suppressed. A page over a judged metric
    is held while the judge itself is suspected.
    """
    common = {"run_date": run_date, "run_id": run_id}
    status = _status(settings, run_date, is_backfill, today)
    facts = [fact for fact in new_facts(connection, run_date) if settings.alerts.routes.get(fact.severity)]  # type: ignore[call-overload]
    rows = _page_rows(settings, facts, run_date) + _slack_rows(settings, facts, run_date)
    if status == "pending":
        rows += _resolve_rows(connection, run_date)
        held.release(connection, run_date)
    counts = {"pending": 0, "suppressed": 0}
    for row in rows:
        channel = settings.alerts.slack if row["channel"] == "slack" else settings.alerts.pagerduty
        wished = row.get("status", status) if status == "pending" else status
        row["status"] = wished if channel.enabled else "channel_off"
        inserted = connection.execute(_INSERT, common | row).rowcount
        counts["pending" if row["status"] == "pending" else "suppressed"] += inserted
    return QueuedAlerts(**counts)


def _status(settings: Settings, run_date: date, is_backfill: bool, today: date) -> str:
    if is_backfill:
        return "suppressed_backfill"
    if run_date < today - timedelta(days=settings.alerts.max_age_days):
        return "suppressed_old"
    return "pending"


def _routed(settings: Settings, facts: list[Fact], channel: Channel) -> list[Fact]:
    return [fact for fact in facts if channel in settings.alerts.routes[fact.severity]]  # type: ignore[index]


def _page_rows(settings: Settings, facts: list[Fact], run_date: date) -> list[dict[str, Any]]:
    """One event per rule: a change that shows in ten segments wakes nobody ten times."""
    by_rule: dict[str, list[Fact]] = {}
    for fact in _routed(settings, facts, "pagerduty"):
        by_rule.setdefault(fact.rule_id, []).append(fact)
    return [
        {
            "dedup_key": f"anchorwatch:{rule_id}:{run_date}",
            "channel": "pagerduty",
            **({"status": held.HELD} if all(fact.judge_suspected for fact in group) else {}),
            "severity": group[0].severity,
            "rule_ids": rule_id,
            "payload": pagerduty.trigger(
                f"anchorwatch:{rule_id}:{run_date}", group, _link(settings), f"{RUNBOOKS}/{rule_id}.md"
            ),
        }
        for rule_id, group in by_rule.items()
    ]


def _slack_rows(settings: Settings, facts: list[Fact], run_date: date) -> list[dict[str, Any]]:
    routed = _routed(settings, facts, "slack")
    if not routed:
        return []
    return [
        {
            "dedup_key": f"anchorwatch:slack:{run_date}",
            "channel": "slack",
            "severity": routed[0].severity,
            "rule_ids": ",".join(dict.fromkeys(fact.rule_id for fact in routed)),
            "payload": slack.message(routed, run_date.isoformat(), _link(settings), f"{RUNBOOKS}/README.md"),
        }
    ]


def _resolve_rows(connection: sa.Connection, run_date: date) -> list[dict[str, Any]]:
    """Close incidents whose rule fires nowhere any more; firing ends only when the detector says recovered."""
    statement = sa.text(
        "SELECT a.dedup_key, a.rule_ids FROM alerts AS a "
        "WHERE a.channel = 'pagerduty' AND a.status = 'sent' AND a.payload ->> 'event_action' = 'trigger' "
        "AND a.run_date < :run_date "
        "AND NOT EXISTS (SELECT 1 FROM alerts AS r WHERE r.dedup_key = a.dedup_key || :suffix) "
        "AND NOT EXISTS (SELECT 1 FROM drift_findings AS f WHERE f.run_date = :run_date "
        "AND f.rule_id = a.rule_ids AND f.status = 'firing') "
        "AND EXISTS (SELECT 1 FROM drift_findings AS f WHERE f.run_date = :run_date AND f.status <> 'no_data')"
    )
    arguments = {"run_date": run_date, "suffix": _RESOLVED}
    return [
        {
            "dedup_key": row.dedup_key + _RESOLVED,
            "channel": "pagerduty",
            "severity": "page",
            "rule_ids": row.rule_ids,
            "payload": pagerduty.resolve(row.dedup_key),
        }
        for row in connection.execute(statement, arguments)
    ]


def _link(settings: Settings) -> str:
    return f"{settings.alerts.link_base_url.rstrip('/')}/dags/nightly_evaluation"
