"""The life of an incident: opened, updated, over, and back again within the cooldown."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import sqlalchemy as sa

from anchorwatch.alerting.facts import Fact, Member
from anchorwatch.alerting.incident_store import Incident, IncidentStore, Moment
from anchorwatch.alerting.problems import group, is_part_of
from anchorwatch.settings import Settings

SEVERITIES = ("dashboard", "slack", "page")
ChangeKind = Literal["opened", "reopened", "updated", "resolved"]


@dataclass(frozen=True, slots=True)
class Change:
    """What became of an incident on a night or tick.

    Attributes:
        facts: What is news of it; empty when it is over.
    """

    kind: ChangeKind
    incident: Incident
    facts: list[Fact] = field(default_factory=list)


def suppress(connection: sa.Connection, settings: Settings, facts: list[Fact], moment: Moment) -> list[Change]:
    """Record the problems of a night that may not alert. Whatever is suppressed once is never told."""
    store = IncidentStore(connection, settings, moment)
    made = [(store.open(problem, is_suppressed=True), problem) for problem in group(facts)]
    return [Change("opened", incident, problem) for incident, problem in made if incident is not None]


def update(
    connection: sa.Connection,
    settings: Settings,
    facts: list[Fact],
    firing: Mapping[Member, Member],
    source: str,
    moment: Moment,
    *,
    has_data: bool,
) -> list[Change]:
    """Bring incidents up to what fires now; return what changed, the worst first.

    Args:
        facts: What is news, worst first.
        firing: All that fires of this source, each with what it is a part of, or itself.
        source: drift or health: incidents lose no members of another source.
        has_data: Without data nothing is over.
    """
    store = IncidentStore(connection, settings, moment)
    before = store.not_over()
    # What an older day has to say of streams that are quiet by now is history.
    news = store.not_told([fact for fact in facts if fact.member in firing])
    changes = [_take_up(store, problem, before) for problem in group(news)]
    store.add_parts(firing)
    over = store.end_members(source, firing) if has_data else []
    told = [change for change in changes if change is not None]
    return _merged(told) + [Change("resolved", incident) for incident in over]


def _take_up(store: IncidentStore, problem: list[Fact], before: list[Incident]) -> Change | None:
    """Let an open incident, or one that ended a moment ago, take a problem up, or open one."""
    home = _home(problem, [one for one in before if one.status == "open"])
    if home is not None:
        return _updated(store, home, problem, "updated")
    ended = [one for one in before if one.status == "resolved" and one.known & {fact.member for fact in problem}]
    if ended:
        return _updated(store, ended[-1], problem, "reopened")
    opened = store.open(problem)
    return Change("opened", opened, problem) if opened is not None else None


def _home(problem: list[Fact], incidents: list[Incident]) -> Incident | None:
    own = {fact.member for fact in problem}
    for incident in incidents:
        if incident.known & own:
            return incident
    return next((one for one in incidents if any(is_part_of(fact, one.scene) for fact in problem)), None)


def _updated(store: IncidentStore, incident: Incident, problem: list[Fact], kind: ChangeKind) -> Change:
    severity = max((incident.severity, *(fact.severity for fact in problem)), key=SEVERITIES.index)
    rules = list(dict.fromkeys([*incident.rule_ids, *(fact.rule_id for fact in problem)]))
    changed = replace(incident, severity=severity, rule_ids=rules, told_severity=incident.severity)
    store.update(changed, problem, is_back=kind == "reopened")
    return Change(kind, changed, problem)


def _merged(changes: Iterable[Change]) -> list[Change]:
    """Put several problems that one incident took up into one change."""
    by_incident: dict[int, Change] = {}
    for change in changes:
        known = by_incident.get(change.incident.incident_id)
        facts = [*known.facts, *change.facts] if known else change.facts
        by_incident[change.incident.incident_id] = Change(known.kind if known else change.kind, change.incident, facts)
    return list(by_incident.values())
