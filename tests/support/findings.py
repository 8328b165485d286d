"""Findings of a night as the detector writes them, and their way into the outbox."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa
from warehouse_rows import table_rows

from anchorwatch.alerting import QueuedAlerts, queue_alerts
from anchorwatch.alerting.drift_facts import DriftFact
from anchorwatch.alerting.incident_store import Incident
from anchorwatch.alerting.links import Links
from anchorwatch.settings import Settings, load_rule_file
from anchorwatch.warehouse import connect

DAY = date(2026, 3, 10)
SETTINGS = Settings(logging_policy="complete")
BOOK = load_rule_file(None)


def fact(**values: Any) -> DriftFact:
    base = {
        "run_date": DAY, "rule_id": "quality-page", "severity": "page", "metric": "quality", "segment_name": "all",
        "segment_value": "all", "value": 0.6, "baseline_value": 0.8, "change": -0.25,
        "ci_low": -0.3, "ci_high": -0.2, "n": 500, "tested_days": 1, "first_day": DAY, "examples": ["r1", "r2"],
        "coinciding": ["model_version m-2 first seen 2026-03-10"], "cause": "answers",
    }  # fmt: skip
    return DriftFact(**{**base, **values})


def finding(engine: sa.Engine, rule_id="quality-page", severity="page", day=DAY, since=None, status="firing",
            segment="all", **values: Any) -> None:  # fmt: skip
    """One row of drift_findings; it is news where it fires and `since` is not given."""
    name, _, value = segment.rpartition("=")
    row = {
        "run_date": day, "rule_id": rule_id, "metric": "quality",
        "segment_name": "all" if segment == "all" else name or "model",
        "segment_value": value, "epoch": "e", "direction": "fall", "kind": "evidence", "status": status,
        "severity": severity, "is_news": status == "firing" and since is None, "value": 0.6,
        "baseline_value": 0.8, "change": -0.25, "ci_low": -0.3, "ci_high": -0.2, "z": 9.0, "evidence": 1e9,
        "evidence_needed": 1e3, "n": 500, "tested_days": 1, "first_day": since or day, "firing_since": since or day,
    } | values  # fmt: skip
    with connect(engine) as connection:
        connection.execute(sa.insert(sa.table("drift_findings", *(sa.column(name) for name in row))), row)


def queue(engine: sa.Engine, day=DAY, *, today=None, is_backfill=False, settings=SETTINGS, run_id="r1",
          at=time(12)) -> QueuedAlerts:  # fmt: skip
    """Queue the alerts of a night, on the day after it unless another is given."""
    with connect(engine) as connection:
        return queue_alerts(
            connection, settings, BOOK, run_id=run_id, run_date=day, is_backfill=is_backfill,
            now=datetime.combine(today or day + timedelta(days=1), at, tzinfo=UTC),
        )  # fmt: skip


def statuses(engine: sa.Engine) -> list[str]:
    return sorted(row[0] for row in table_rows(engine, "(SELECT status FROM alerts) AS a"))


LINKS = Links(SETTINGS, "nightly_evaluation", DAY.isoformat(), "manual__2026-03-11T03:00:00+00:00")


def incident(**values):
    base = {
        "incident_id": 12, "dedup_key": "anchorwatch:quality-page:2026-03-10", "status": "open", "severity": "page",
        "title": "quality -25%", "rule_ids": ["quality-page"], "owner": None, "cause": "answers", "first_day": DAY,
        "opened_at": datetime(2026, 3, 11, tzinfo=UTC), "resolved_at": None, "slack_alert_id": None,
        "told_severity": None, "members": frozenset({fact().member}), "known": frozenset({fact().member}),
    }  # fmt: skip
    return Incident(**{**base, **values})
