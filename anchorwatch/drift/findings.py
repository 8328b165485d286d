"""What a rule found on a stream, the quiet outcomes too."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from anchorwatch.drift.history import Stream

Status = Literal["ok", "firing", "not_enough_data"]


@dataclass(slots=True)
class Finding:
    """One row of drift_findings; see its schema file for the columns."""

    run_date: date
    rule_id: str
    stream: Stream
    severity: str
    status: Status = "not_enough_data"
    value: float | None = None
    baseline_value: float | None = None
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    z: float | None = None
    p_value: float | None = None
    p_threshold: float | None = None
    n: int | None = None
    baseline_n: int | None = None
    tested_days: int | None = None
    first_day: date | None = None
    firing_since: date | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """What earlier findings hand on while a rule keeps firing on a stream.

    Attributes:
        first_day: Estimated first day of the change.
        since: First day the rule fired.
        last_fired: Last day the rule fired; a pause shorter than the cooldown is no recovery.
    """

    first_day: date
    since: date
    last_fired: date
