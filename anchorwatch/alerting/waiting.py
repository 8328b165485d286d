"""Alerts that wait: the judge is suspected, somebody muted them, or the cooldown is not over."""

from datetime import date, datetime

import sqlalchemy as sa

from anchorwatch.alerting.routing import is_muted, mutes_now
from anchorwatch.settings import Settings
from anchorwatch.settings.metrics import ANCHOR_AGREEMENT

HELD = "held_judge_suspected"
MUTED = "muted"
COOLDOWN = "cooldown"
UNSENT = "recovered_unsent"
WAITING = (HELD, MUTED, COOLDOWN)
_OVER = sa.text(
    "UPDATE alerts AS a SET status = :unsent FROM incidents AS i WHERE i.incident_id = a.incident_id "
    "AND a.status = ANY(:waiting) AND i.status <> 'open'"
)
_WAITING = sa.text(
    "SELECT a.alert_id, a.status, a.rule_ids, a.incident_id, a.waits_until, a.run_date FROM alerts AS a "
    "WHERE a.status = ANY(:waiting) ORDER BY a.alert_id"
)
_SEND = sa.text("UPDATE alerts SET status = 'pending', run_date = :run_date WHERE alert_id = :alert_id")
_SUSPECTED = sa.text(
    "SELECT EXISTS (SELECT 1 FROM drift_findings "
    "WHERE run_date = :run_date AND metric = :metric AND status IN ('firing', 'no_data'))"
)
_SEGMENTS = sa.text(
    "SELECT segment_name, segment_value FROM incident_members WHERE incident_id = :incident_id AND ended_at IS NULL"
)


def release(connection: sa.Connection, settings: Settings, source: str, run_date: date, now: datetime) -> None:
    """Send what need not wait any more, as of now. What is over before it was told is never sent."""
    connection.execute(_OVER, {"unsent": UNSENT, "waiting": list(WAITING)})
    mutes = mutes_now(connection, settings, now)
    for row in connection.execute(_WAITING, {"waiting": list(WAITING)}).all():
        if row.status == HELD:
            # Only a later night can tell whether the judge is itself again.
            may_go = source == "drift" and row.run_date < run_date and not _is_judge_suspected(connection, run_date)
        elif row.status == COOLDOWN:
            may_go = row.waits_until is not None and row.waits_until <= now
        else:
            segments = [tuple(found) for found in connection.execute(_SEGMENTS, {"incident_id": row.incident_id})]
            may_go = not is_muted(mutes, row.rule_ids.split(","), segments)
        if may_go:
            connection.execute(_SEND, {"alert_id": row.alert_id, "run_date": max(run_date, row.run_date)})


def _is_judge_suspected(connection: sa.Connection, run_date: date) -> bool:
    found = connection.execute(_SUSPECTED, {"run_date": run_date, "metric": ANCHOR_AGREEMENT})
    return bool(found.scalar_one())
