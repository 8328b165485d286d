"""Drift rules as written in YAML: which change of which metric matters, and to whom."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from anchorwatch.settings.section import Section

Severity = Literal["page", "slack", "dashboard"]


class Rule(Section):
    """A change worth a person's time; it fires on effect and evidence together.

    Attributes:
        change: Relative change that matters, signed: -0.2 is a fall by 20 % or more, 0.15 a rise.
            None with `direction`: any change that the evidence supports.
        direction: Which way is watched when `change` is None.
        window_days: Days under test, 1 or 7; short windows with few rows use 7 days instead.
        against: The long baseline, or the week before the tested one.
        min_n: Rows under test below which the answer is `not_enough_data`.
        segments: Segment names the rule looks at; empty means all that are configured but the hour.
        family: Which budget of false alarms the rule belongs to, once there are several.
    """

    id: str
    metric: str
    severity: Severity
    change: float | None = None
    direction: Literal["rise", "fall", "both"] | None = None
    window_days: Literal[1, 7] = 7
    against: Literal["baseline", "week_before"] = "baseline"
    min_n: Annotated[int, Field(ge=1)] = 30
    segments: list[str] = []
    family: str

    @model_validator(mode="after")
    def _one_condition(self) -> "Rule":
        if (self.change is None) == (self.direction is None):
            raise ValueError("give exactly one of change and direction")
        if self.change == 0:
            raise ValueError("change must not be 0")
        return self


class RuleBook(Section):
    """All rules, and the evidence they share.

    Attributes:
        alpha: Chance of any false alarm a night if nothing changed; divided over the streams that are
            tested that night.
    """

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.05
    rules: list[Rule]

    @model_validator(mode="after")
    def _ids_once(self) -> "RuleBook":
        ids = [rule.id for rule in self.rules]
        if len(set(ids)) != len(ids):
            raise ValueError("rule ids must be unique")
        return self
