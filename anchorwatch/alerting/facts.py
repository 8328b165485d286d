"""What an alert says of one finding; never with a prompt or a response in it, unless that is configured."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple


class Member(NamedTuple):
    """A watched stream, by which a finding is known again on another night or tick."""

    source: str
    watch: str
    metric: str
    segment_name: str
    segment_value: str
    epoch: str = ""
    direction: str = "rise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact(ABC):
    """A finding that is news. Subclasses say in words what moved.

    Attributes:
        cause: Kind of cause: metrics of one cause, at one time and place, are one problem.
        first_day: First day of the change.
        lag_days: Days it took to find; the first day is known less well then.
        examples: Up to ten request ids, the most telling first.
        coinciding: What else happened around then; coinciding, not causing.
        apps: Apps that it is about, as far as that is known.
        excerpts: Redacted pieces of the logged text; empty unless alerts.include_text.
        judge_suspected: The judge's anchors alarm too, so it may be the judge that changed.
    """

    rule_id: str
    severity: str
    metric: str
    segment_name: str
    segment_value: str
    first_day: date
    source: str = "drift"
    watch: str = "evidence"
    epoch: str = ""
    direction: str = "rise"
    cause: str = "service"
    lag_days: int = 0
    examples: list[str] = field(default_factory=list)
    coinciding: list[str] = field(default_factory=list)
    apps: list[str] = field(default_factory=list)
    excerpts: list[str] = field(default_factory=list)
    judge_suspected: bool = False

    @property
    def member(self) -> Member:
        """The stream it is about."""
        return Member(
            self.source, self.watch, self.metric, self.segment_name, self.segment_value, self.epoch, self.direction
        )

    @property
    def segment(self) -> str:
        """The segment in words."""
        return "all traffic" if self.segment_name == "all" else f"{self.segment_name} = {self.segment_value}"

    @abstractmethod
    def headline(self) -> str:
        """What moved, by how much, and how sure that is."""

    def details(self) -> list[str]:
        """What else helps to act on it, a line each."""
        return []
