"""Drift rules as written in YAML: which change of which metric matters, to whom, and how sure to be."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from anchorwatch.settings.health import HealthBook
from anchorwatch.settings.section import Section

Severity = Literal["page", "slack", "dashboard"]
Kind = Literal["evidence", "threshold", "absolute"]
Way = Literal["rise", "fall"]


class Rule(Section):
    """A change worth a person's time.

    Attributes:
        kind: `evidence`: the change is at least `change` and there is evidence for it within the budget
            of false alarms. `threshold`: the change alone, however noisy. `absolute`: the day's level is
            certainly (95 %) `above` or `below` a limit, whatever the baseline.
        change: Relative change that matters, signed: -0.2 is a fall by 20 % or more, 0.15 a rise.
        direction: Of an evidence rule without `change`: any change that way (or `both`) that there is
            evidence for.
        above: Of an absolute rule: the limit, in the metric's unit.
        below: As above.
        weight: Of an evidence rule: its metric's part of the family's budget, against the other metrics'.
        window_days: Of a threshold rule: days under test.
        against: Of a threshold rule: the long baseline, or the week before the tested one.
        min_n: Of threshold and absolute rules: rows under test below which the answer is `not_enough_data`.
        segments: Segment names the rule looks at; empty means all that are configured but the hour.
        family: Which budget of false alarms the rule belongs to.
    """

    id: str
    metric: str
    severity: Severity
    kind: Kind = "evidence"
    change: float | None = None
    direction: Literal["rise", "fall", "both"] | None = None
    above: float | None = None
    below: float | None = None
    weight: Annotated[float, Field(gt=0)] = 1.0
    window_days: Literal[1, 7] = 7
    against: Literal["baseline", "week_before"] = "baseline"
    min_n: Annotated[int, Field(ge=1)] = 30
    segments: list[str] = []
    family: str

    @model_validator(mode="after")
    def _one_condition(self) -> "Rule":
        given = {name for name in ("change", "direction", "above", "below") if getattr(self, name) is not None}
        allowed = {"evidence": {"change", "direction"}, "threshold": {"change"}, "absolute": {"above", "below"}}
        if len(given) != 1 or not given <= allowed[self.kind]:
            raise ValueError(f"an {self.kind} rule takes exactly one of {', '.join(sorted(allowed[self.kind]))}")
        if self.change == 0:
            raise ValueError("change must not be 0")
        return self

    @property
    def directions(self) -> tuple[Way, ...]:
        """Which ways are watched."""
        if self.kind == "absolute":
            return ("rise",) if self.above is not None else ("fall",)
        if self.change is not None:
            return ("rise",) if self.change > 0 else ("fall",)
        return ("rise", "fall") if self.direction == "both" else ("rise" if self.direction == "rise" else "fall",)

    @property
    def least_change(self) -> float:
        """The relative change that matters, without its sign; 0 for any."""
        return abs(self.change) if self.change is not None else 0.0


class RuleBook(Section):
    """All rules, and the budget they share.

    Attributes:
        false_alarms_per_quarter: Tickets that may come in a quarter (91 days) if nothing changes at all, over
            all families together; pages a quarter as often. Each family has an equal part.
        health: Rules of the five-minute job, with a budget of their own.
    """

    false_alarms_per_quarter: Annotated[float, Field(gt=0)] = 1.0
    rules: list[Rule]
    health: HealthBook = HealthBook()

    @model_validator(mode="after")
    def _consistent(self) -> "RuleBook":
        ids = [rule.id for rule in self.rules] + [rule.id for rule in self.health.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("rule ids must be unique")
        families: dict[tuple[str, str], str] = {}
        for rule in self.rules:
            for direction in rule.directions if rule.kind == "evidence" else ():
                family = families.setdefault((rule.metric, direction), rule.family)
                if family != rule.family:
                    raise ValueError(
                        f"rule '{rule.id}': evidence for a {direction} of {rule.metric} belongs to family '{family}'"
                    )
        return self
