"""Incidents in the warehouse."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from anchorwatch.alerting.facts import Fact, Member
from anchorwatch.alerting.problems import Scene
from anchorwatch.alerting.routing import owner_of
from anchorwatch.limits import cut
from anchorwatch.settings import Settings
from anchorwatch.warehouse.rows import lock

TITLE_CHARS = 500
_MEMBER = ("source", "watch", "metric", "segment_name", "segment_value", "epoch", "direction")
_MEMBERS = ", ".join(_MEMBER)
_NOT_OVER = sa.text(
    "SELECT * FROM incidents WHERE status = 'open' OR (status = 'resolved' AND resolved_at > :cooled) "
    "ORDER BY incident_id"
)
_OPEN = sa.text(
    "INSERT INTO incidents (dedup_key, source, cause, status, severity, title, rule_ids, segment_name, segment_value, "
    "owner, first_day, run_date, opened_at, reopened) VALUES (:dedup_key, :source, :cause, :status, :severity, :title, "
    ":rule_ids, :segment_name, :segment_value, :owner, :first_day, :run_date, :opened_at, 0) "
    "ON CONFLICT (dedup_key) DO NOTHING RETURNING *"
)
_JOIN = sa.text(
    f"INSERT INTO incident_members (incident_id, {_MEMBERS}, joined_at, told_with) "  # noqa: S608 - our own names
    f"VALUES (:incident_id, {', '.join(f':{name}' for name in _MEMBER)}, :joined_at, :told_with) "
    f"ON CONFLICT (incident_id, {_MEMBERS}) "
    "DO UPDATE SET ended_at = NULL, told_with = COALESCE(excluded.told_with, incident_members.told_with)"
)
_IS_MEMBER = " AND ".join(f"{name} = :{name}" for name in _MEMBER)
_TOLD = sa.text(
    f"SELECT told_with, {_MEMBERS} FROM incident_members WHERE told_with LIKE :stamp || ' %'"  # noqa: S608
)
_END_MEMBER = sa.text(
    f"UPDATE incident_members SET ended_at = :now WHERE incident_id = :incident_id AND {_IS_MEMBER}"  # noqa: S608
)
_END = sa.text(
    "UPDATE incidents AS i SET status = 'resolved', resolved_at = :now WHERE status = 'open' AND source <> 'noise' "
    "AND NOT EXISTS (SELECT 1 FROM incident_members AS m WHERE m.incident_id = i.incident_id AND m.ended_at IS NULL) "
    "RETURNING *"
)


@dataclass(frozen=True, slots=True)
class Moment:
    """When something is looked at.

    Attributes:
        run_date: UTC day that the logs are of.
        now: Clock of the one who looks; for a tick the end of the minutes it is about.
        stamp: Name of the night or tick, stable over its retries.
    """

    run_date: date
    now: datetime
    stamp: str


@dataclass(frozen=True, slots=True)
class Incident:
    """One problem; see the schema file of `incidents`.

    Attributes:
        members: Streams that make it up and fire.
        known: Those that did, too.
        told_severity: Severity before tonight.
    """

    incident_id: int
    dedup_key: str
    status: str
    severity: str
    title: str
    rule_ids: list[str]
    owner: str | None
    cause: str
    first_day: date
    opened_at: datetime
    resolved_at: datetime | None
    slack_alert_id: int | None
    told_severity: str | None
    members: frozenset[Member]
    known: frozenset[Member]

    @property
    def scene(self) -> Scene:
        """What a finding has to share with it."""
        return Scene(self.cause, self.first_day, tuple(self.members))


class IncidentStore:
    """Reads and writes incidents in one transaction, of which there is one at a time."""

    def __init__(self, connection: sa.Connection, settings: Settings, moment: Moment) -> None:
        self._connection = connection
        self._settings = settings
        self._moment = moment
        lock(connection, "incidents")

    def not_over(self) -> list[Incident]:
        """Return open incidents, and those that ended within the cooldown, by age."""
        cooled = self._moment.now - self._settings.alerts.cooldown
        rows = self._connection.execute(_NOT_OVER, {"cooled": cooled}).all()
        return [self._incident(row) for row in rows]

    def not_told(self, facts: list[Fact]) -> list[Fact]:
        """Return the findings that no earlier try of this night or tick took up."""
        found = self._connection.execute(_TOLD, {"stamp": self._moment.stamp})
        told = {(row.told_with, Member(*row[1:])) for row in found}
        return [fact for fact in facts if (self._told_with(fact), fact.member) not in told]

    def _told_with(self, fact: Fact) -> str:
        return f"{self._moment.stamp} {fact.severity}"

    def open(self, facts: list[Fact], *, is_suppressed: bool = False) -> Incident | None:
        """Open an incident; None when its key is taken: it was told, or suppressed, before."""
        lead = facts[0]
        row = self._connection.execute(
            _OPEN,
            {
                "dedup_key": f"anchorwatch:{lead.rule_id}:{self._moment.stamp}",
                "source": lead.source if lead.watch != "provider" else "provider",
                "cause": lead.cause,
                "status": "suppressed" if is_suppressed else "open",
                "severity": lead.severity,
                "title": cut(lead.headline(), TITLE_CHARS),
                "rule_ids": ",".join(dict.fromkeys(fact.rule_id for fact in facts)),
                "segment_name": lead.segment_name,
                "segment_value": lead.segment_value,
                "owner": owner_of(self._settings, facts),
                "first_day": lead.first_day,
                "run_date": self._moment.run_date,
                "opened_at": self._moment.now,
            },
        ).one_or_none()
        if row is None:
            return None
        self._join(row.incident_id, {fact.member: self._told_with(fact) for fact in facts})
        return self._incident(row)

    def update(self, incident: Incident, facts: list[Fact], *, is_back: bool) -> None:
        """Store what an incident took up."""
        statement = sa.text(
            "UPDATE incidents SET status = 'open', resolved_at = NULL, severity = :severity, rule_ids = :rule_ids, "
            "reopened = reopened + :back WHERE incident_id = :incident_id"
        )
        key = {"incident_id": incident.incident_id, "severity": incident.severity, "back": int(is_back)}
        self._connection.execute(statement, key | {"rule_ids": ",".join(incident.rule_ids)})
        self._join(incident.incident_id, {fact.member: self._told_with(fact) for fact in facts})

    def add_parts(self, firing: Mapping[Member, Member]) -> None:
        """Let segments join in which the change of a member shows too."""
        still_open = [incident for incident in self.not_over() if incident.status == "open"]
        homes = {member: incident for incident in still_open for member in incident.members}
        for member, lead in firing.items():
            home = homes.get(lead)
            if home is not None and member not in homes:
                self._join(home.incident_id, {member: None})

    def end_members(self, source: str, firing: Mapping[Member, Member]) -> list[Incident]:
        """End members that fire no more; return the incidents that are over by that."""
        now = self._moment.now
        for incident in self.not_over():
            for member in incident.members if incident.status == "open" else ():
                if member.source == source and member not in firing:
                    key = dict(zip(_MEMBER, member, strict=True)) | {"incident_id": incident.incident_id, "now": now}
                    self._connection.execute(_END_MEMBER, key)
        return [self._incident(row) for row in self._connection.execute(_END, {"now": now}).all()]

    def _join(self, incident_id: int, members: Mapping[Member, str | None]) -> None:
        common = {"incident_id": incident_id, "joined_at": self._moment.now}
        rows = [
            dict(zip(_MEMBER, member, strict=True)) | common | {"told_with": told_with}
            for member, told_with in members.items()
        ]
        if rows:
            self._connection.execute(_JOIN, rows)

    def _incident(self, row: Any) -> Incident:
        statement = sa.text(
            f"SELECT {_MEMBERS}, ended_at FROM incident_members WHERE incident_id = :incident_id"  # noqa: S608
        )
        found = self._connection.execute(statement, {"incident_id": row.incident_id}).all()
        known = frozenset(Member(*one[:-1]) for one in found)
        members = frozenset(Member(*one[:-1]) for one in found if one.ended_at is None)
        return Incident(
            row.incident_id, row.dedup_key, row.status, row.severity, row.title, row.rule_ids.split(","), row.owner,
            row.cause, row.first_day, row.opened_at, row.resolved_at, row.slack_alert_id, None, members,
            known,
        )  # fmt: skip
