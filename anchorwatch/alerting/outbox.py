"""Writes alerts before anything is sent, and decides once and for all whether they may be."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.alerting import pagerduty, slack_text
from anchorwatch.alerting.incident_store import Moment
from anchorwatch.alerting.incidents import SEVERITIES, Change
from anchorwatch.alerting.links import Links
from anchorwatch.alerting.routing import Mute, channels_for, is_muted, mutes_now
from anchorwatch.alerting.waiting import COOLDOWN, HELD, MUTED, WAITING
from anchorwatch.settings import Settings

_INSERT = sa.text(
    "INSERT INTO alerts (dedup_key, channel, run_date, run_id, severity, rule_ids, payload, status, attempts, "
    "created_at, incident_id, connection, thread_of, waits_until) VALUES (:dedup_key, :channel, :run_date, :run_id, "
    ":severity, :rule_ids, :payload, :status, 0, clock_timestamp(), :incident_id, :connection, :thread_of, "
    ":waits_until) ON CONFLICT (dedup_key, channel) DO NOTHING RETURNING alert_id"
).bindparams(sa.bindparam("payload", type_=JSONB))
_TRIGGERED = sa.text(
    "SELECT payload ->> 'event_action' = 'trigger' FROM alerts WHERE incident_id = :incident_id "
    "AND channel = 'pagerduty' AND status IN ('pending', 'sent') ORDER BY alert_id DESC LIMIT 1"
)
_HEARD = sa.text("SELECT status IN ('pending', 'sent') FROM alerts WHERE alert_id = :alert_id")
_THREAD = sa.text(
    "UPDATE incidents SET slack_alert_id = COALESCE(slack_alert_id, :alert_id) WHERE incident_id = ANY(:ids)"
)


@dataclass(frozen=True, slots=True)
class QueuedAlerts:
    """New outbox rows by status; a row that was there before is not counted and never sent again."""

    pending: int
    suppressed: int


class Outbox:
    """Writes the alerts of one night or tick, in the transaction that changed the incidents."""

    def __init__(
        self, connection: sa.Connection, settings: Settings, links: Links, moment: Moment, run_id: str, status: str
    ) -> None:
        self._connection = connection
        self._settings = settings
        self._links = links
        self._moment = moment
        self._run_id = run_id
        self._status = status
        self._counts = {"pending": 0, "suppressed": 0}

    def write(self, changes: list[Change]) -> QueuedAlerts:
        """Write what pages, and one Slack message for each team; updates go into threads where there are any."""
        mutes = mutes_now(self._connection, self._settings, self._moment.now) if self._status == "pending" else []
        for change in changes:
            self._page(change, mutes)
        self._tell_slack([change for change in changes if self._goes_to(change, "slack")], mutes)
        return QueuedAlerts(**self._counts)

    def _goes_to(self, change: Change, channel: str) -> bool:
        return channel in channels_for(self._settings, change.incident.severity)

    def _page(self, change: Change, mutes: list[Mute]) -> None:
        incident = change.incident
        if not self._goes_to(change, "pagerduty"):
            return
        if change.kind == "resolved":
            if self._is_triggered(incident.incident_id):
                self._insert("pagerduty", f"{incident.dedup_key}:resolved:{self._moment.stamp}", [change],
                             pagerduty.resolve(incident.dedup_key))  # fmt: skip
            return
        paging = [fact for fact in change.facts if "pagerduty" in channels_for(self._settings, fact.severity)]
        if not paging:
            return
        key = incident.dedup_key + ("" if change.kind == "opened" else f":{change.kind}:{self._moment.stamp}")
        status = HELD if all(fact.judge_suspected for fact in paging) else self._silence(change, mutes)
        waits_until = None
        if change.kind == "reopened" and incident.resolved_at is not None and not status and not _is_worse(change):
            status, waits_until = COOLDOWN, incident.resolved_at + self._settings.alerts.cooldown
        payload = pagerduty.trigger(incident, paging, self._links)
        self._insert("pagerduty", key, [change], payload, status=status, waits_until=waits_until)

    def _tell_slack(self, changes: list[Change], mutes: list[Mute]) -> None:
        for owner in dict.fromkeys(change.incident.owner for change in changes):
            own = [change for change in changes if change.incident.owner == owner]
            silent = [change for change in own if self._silence(change, mutes)]
            for change in silent:
                self._post([change], status=MUTED)
            heard = [change for change in own if change not in silent and self._may_hear(change)]
            if self._has_threads(owner):
                for change in heard:
                    if change.kind != "opened":
                        self._post([change])
                heard = [change for change in heard if change.kind == "opened"]
            self._post(heard)

    def _may_hear(self, change: Change) -> bool:
        """Whoever did not hear of an incident need not hear of its end."""
        if change.kind != "resolved":
            return True
        found = self._connection.execute(_HEARD, {"alert_id": change.incident.slack_alert_id})
        return bool(found.scalar_one_or_none())

    def _has_threads(self, owner: str | None) -> bool:
        return getattr(self._settings.alerts.channel("slack", owner), "channel", None) is not None

    def _post(self, changes: list[Change], status: str | None = None) -> None:
        if not changes:
            return
        first = changes[0]
        key = f"{first.incident.dedup_key}:{first.kind}" + ("" if first.kind == "opened" else f":{self._moment.stamp}")
        threads = {change.incident.slack_alert_id for change in changes if change.kind != "opened"}
        thread = threads.pop() if len(threads) == 1 and self._has_threads(first.incident.owner) else None
        payload = slack_text.message(changes, self._links)
        alert_id = self._insert("slack", f"{key}:slack", changes, payload, status=status, thread_of=thread)
        if alert_id is not None:
            ids = [change.incident.incident_id for change in changes]
            self._connection.execute(_THREAD, {"alert_id": alert_id, "ids": ids})

    def _insert(
        self, channel: str, key: str, changes: list[Change], payload: dict[str, Any], *,
        status: str | None = None, thread_of: int | None = None, waits_until: Any = None,
    ) -> int | None:  # fmt: skip
        chosen = self._settings.alerts.channel(channel, changes[0].incident.owner)  # type: ignore[arg-type]
        wished = (status or "pending") if self._status == "pending" else self._status
        row = {
            "dedup_key": key,
            "channel": channel,
            "run_date": self._moment.run_date,
            "run_id": self._run_id,
            "severity": max((change.incident.severity for change in changes), key=SEVERITIES.index),
            "rule_ids": ",".join(dict.fromkeys(rule for change in changes for rule in change.incident.rule_ids)),
            "payload": payload,
            "status": wished if chosen.enabled else "channel_off",
            "incident_id": changes[0].incident.incident_id if len(changes) == 1 else None,
            "connection": chosen.connection,
            "thread_of": thread_of,
            "waits_until": waits_until,
        }
        alert_id: int | None = self._connection.execute(_INSERT, row).scalar_one_or_none()
        if alert_id is not None and row["status"] not in WAITING:
            self._counts["pending" if row["status"] == "pending" else "suppressed"] += 1
        return alert_id

    def _silence(self, change: Change, mutes: list[Mute]) -> str | None:
        """Return MUTED where nobody may hear it now; the end of what was told is always told."""
        if change.kind == "resolved":
            return None
        rules = {fact.rule_id for fact in change.facts}
        segments = {(fact.segment_name, fact.segment_value) for fact in change.facts}
        return MUTED if is_muted(mutes, rules, segments) else None

    def _is_triggered(self, incident_id: int) -> bool:
        return bool(self._connection.execute(_TRIGGERED, {"incident_id": incident_id}).scalar_one_or_none())


def _is_worse(change: Change) -> bool:
    told = change.incident.told_severity
    return told is not None and SEVERITIES.index(change.incident.severity) > SEVERITIES.index(told)
