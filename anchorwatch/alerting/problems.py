"""Which findings are one problem: the same rule, or the same time and place and a common cause."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from anchorwatch.alerting.facts import Fact

SAME_DAYS = 1
"""First days are estimates: so far apart they may still be the same."""


class Place(Protocol):
    """Where something shows."""

    @property
    def segment_name(self) -> str:
        """Segment."""

    @property
    def segment_value(self) -> str:
        """Its value."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What is known of a problem: its cause, since when, and where."""

    cause: str
    first_day: date
    places: tuple[Place, ...]


def is_part_of(fact: Fact, scene: Scene) -> bool:
    """Tell whether a finding belongs to a problem.

    It began on the same day, as far as that can be told, and shows in the same segment; or it has the same cause
    and shows where requests of both can be: two values of one segment share none.
    """
    if abs((fact.first_day - scene.first_day).days) > max(SAME_DAYS, fact.lag_days):
        return False
    if any(_place(fact) == _place(place) for place in scene.places if place.segment_name != "all"):
        return True
    return fact.cause == scene.cause and any(_may_overlap(fact, place) for place in scene.places)


def group(facts: Iterable[Fact]) -> list[list[Fact]]:
    """Put findings of one night or tick together by problem, in the order given; the first of each leads.

    Findings of one rule are always one problem: a change that shows in ten segments wakes nobody ten times.
    """
    problems: list[list[Fact]] = []
    for fact in facts:
        joined = [problem for problem in problems if _belongs(fact, problem)]
        if not joined:
            problems.append([fact])
            continue
        first = joined[0]
        for other in joined[1:]:  # it connects them
            first += other
            problems = [problem for problem in problems if problem is not other]
        first.append(fact)
    return problems


def _belongs(fact: Fact, problem: list[Fact]) -> bool:
    return any(
        fact.rule_id == other.rule_id or is_part_of(fact, Scene(other.cause, other.first_day, (other,)))
        for other in problem
    )


def _place(place: Place) -> tuple[str, str]:
    return place.segment_name, place.segment_value


def _may_overlap(one: Place, other: Place) -> bool:
    return one.segment_name != other.segment_name or one.segment_value == other.segment_value
