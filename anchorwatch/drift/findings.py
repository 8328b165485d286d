"""What a night says of a stream, the quiet outcomes too."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from anchorwatch.drift.streams import Stream


@dataclass(slots=True)
class Finding:
    """One row of drift_findings; see its schema file for the columns."""

    run_date: date
    rule_id: str
    stream: Stream
    kind: str
    status: str
    severity: str | None = None
    is_news: bool = False
    part_of_name: str | None = None
    part_of_value: str | None = None
    value: float | None = None
    baseline_value: float | None = None
    change: float | None = None
    ci_low: float | None = None
    ci_high: float | None = None
    z: float | None = None
    evidence: float | None = None
    evidence_needed: float | None = None
    n: int | None = None
    baseline_n: int | None = None
    tested_days: int | None = None
    first_day: date | None = None
    firing_since: date | None = None
    worse_since: date | None = None
    mix_effect: float | None = None
    within_effect: float | None = None
    explained_by: list[dict[str, Any]] = field(default_factory=list)
    example_request_ids: list[str] = field(default_factory=list)
    reason: str | None = None
    judge_suspected: bool | None = None

    @property
    def is_lead(self) -> bool:
        """Whether it stands for itself, and is not a part of another segment's finding."""
        return self.part_of_name is None
