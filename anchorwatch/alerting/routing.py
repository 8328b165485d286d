"""Who hears of an incident, and who does not for now: teams, mutes and maintenance windows."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

import sqlalchemy as sa

from anchorwatch.alerting.facts import Fact
from anchorwatch.settings import Settings
from anchorwatch.settings.alerting import AlertSeverity, Channel

_MUTES = sa.text(
    "SELECT rule_id, segment_name, segment_value FROM alert_mutes WHERE muted_from <= :now AND muted_until > :now"
)


@dataclass(frozen=True, slots=True)
class Mute:
    """What is silent now; None and an empty list stand for everything."""

    rules: tuple[str, ...]
    segment: tuple[str, str] | None

    def covers(self, rules: Iterable[str], segments: Iterable[tuple[str, str]]) -> bool:
        """Tell whether an incident is silent: each of its rules, and each of its segments."""
        rules, segments = list(rules), list(segments)
        by_rule = not self.rules or all(rule in self.rules for rule in rules)
        return by_rule and (self.segment is None or all(segment == self.segment for segment in segments))


def owner_of(settings: Settings, facts: list[Fact]) -> str | None:
    """Return the team that takes a problem: by its leading rule, or by the apps it is about."""
    for team in settings.alerts.teams:
        if facts[0].rule_id in team.rules or any(app in team.apps for fact in facts for app in fact.apps):
            return team.owner
    return None


def channels_for(settings: Settings, severity: str) -> list[Channel]:
    """Return the channels that a severity goes to."""
    return settings.alerts.routes.get(cast(AlertSeverity, severity), [])


def mutes_now(connection: sa.Connection, settings: Settings, now: datetime) -> list[Mute]:
    """Return what people muted, and what maintenance windows of the configuration mute."""
    said = [
        Mute((row.rule_id,) if row.rule_id else (), (row.segment_name, row.segment_value) if row.segment_name else None)
        for row in connection.execute(_MUTES, {"now": now})
    ]
    for window in settings.alerts.maintenance:
        if window.start <= now < window.end:
            name, _, value = (window.segment or "").partition("=")
            said.append(Mute(tuple(window.rules), (name, value) if window.segment else None))
    return said


def is_muted(mutes: list[Mute], rules: Iterable[str], segments: Iterable[tuple[str, str]]) -> bool:
    """Tell whether any of them covers an incident."""
    rules, segments = list(rules), list(segments)
    return any(mute.covers(rules, segments) for mute in mutes)
