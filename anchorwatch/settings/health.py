"""Keys of `health` and `providers`, and the rules of the five-minute job."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from anchorwatch.settings.section import Section

BUCKET_MINUTES = 5
HealthMetric = Literal["error_rate", "latency_p99", "requests", "results_age_hours", "provider_incidents"]
_CONDITIONS = {
    "error_rate": "above",
    "latency_p99": "above_baseline",
    "requests": "below_baseline",
    "results_age_hours": "above",
    "provider_incidents": "above",
}
_WINDOWED = ("error_rate", "latency_p99", "requests")


class HealthSettings(Section):
    """What the five-minute job rolls up.

    Attributes:
        segments: Of the configured segments, those that are watched every five minutes; all traffic always is.
        delay_minutes: A bucket is read when it ended this long ago: how late rows usually are.
        reopen_minutes: Buckets this far before the newest one are read again on every tick, for rows still later.
        keep_days: Latency bins older than this are deleted; baselines need 28.
        max_age_minutes: A tick about a moment longer ago than this tells nobody.
    """

    segments: list[str] = ["app", "model", "endpoint"]
    delay_minutes: Annotated[int, Field(ge=0)] = 2
    reopen_minutes: Annotated[int, Field(ge=0)] = 30
    keep_days: Annotated[int, Field(ge=28)] = 35
    max_age_minutes: Annotated[int, Field(ge=5)] = 180


class Provider(Section):
    """A model provider's status page in the Statuspage format.

    Attributes:
        url: The page itself, or its JSON list of incidents; `/api/v2/incidents.json` is added to the former.
    """

    name: str
    url: str

    @field_validator("url")
    @classmethod
    def _is_http(cls, value: str) -> str:
        if not value.startswith(("https://", "http://")):
            raise ValueError("a status page's url begins with https:// or http://")
        return value

    @property
    def incidents_url(self) -> str:
        """Where its incidents are listed."""
        return self.url if self.url.endswith(".json") else f"{self.url.rstrip('/')}/api/v2/incidents.json"


class HealthRule(Section):
    """A state of the last minutes, or of the job itself, that is worth a person's time now.

    Attributes:
        above: Limit in the metric's unit: a rate in [0, 1], hours, incidents.
        above_baseline, below_baseline: Limit as a multiple of the baseline.
        for_minutes: How long it has to hold: in every five minutes that have rows, and in all of them together
            beyond doubt (see `false_alarms_per_quarter`).
        clear: It has recovered at this multiple of the limit (at limit / clear for a limit from below).
        segments: Segment names the rule looks at; empty means all of `health.segments`.
    """

    id: str
    metric: HealthMetric
    severity: Literal["page", "slack", "dashboard"]
    above: Annotated[float, Field(ge=0)] | None = None
    above_baseline: Annotated[float, Field(gt=1)] | None = None
    below_baseline: Annotated[float, Field(gt=0, lt=1)] | None = None
    for_minutes: Annotated[int, Field(ge=BUCKET_MINUTES, le=60, multiple_of=BUCKET_MINUTES)] | None = None
    clear: Annotated[float, Field(gt=0, le=1)] = 0.8
    segments: list[str] = []

    @model_validator(mode="after")
    def _one_condition(self) -> "HealthRule":
        names = ("above", "above_baseline", "below_baseline")
        given = [name for name in names if getattr(self, name) is not None]
        if given != [_CONDITIONS[self.metric]]:
            raise ValueError(f"a health rule on {self.metric} takes exactly `{_CONDITIONS[self.metric]}`")
        if (self.metric in _WINDOWED) != (self.for_minutes is not None):
            verb = "needs" if self.metric in _WINDOWED else "takes no"
            raise ValueError(f"a health rule on {self.metric} {verb} `for_minutes`")
        return self

    @property
    def window(self) -> timedelta:
        """How long it has to hold; zero for states of the job itself."""
        return timedelta(minutes=self.for_minutes or 0)


class HealthBook(Section):
    """The rules of the five-minute job.

    Attributes:
        false_alarms_per_quarter: How often they may fire by chance in a quarter (91 days) if every segment stood
            exactly at its limit all the time; a healthy one is far from it.
    """

    false_alarms_per_quarter: Annotated[float, Field(gt=0)] = 1.0
    rules: list[HealthRule] = []
