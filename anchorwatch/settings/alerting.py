"""Keys of `alerts`: who is told what, when nobody is, and where the links go."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from anchorwatch.settings.section import Section

Channel = Literal["pagerduty", "slack"]
AlertSeverity = Literal["page", "slack", "dashboard"]


class ChannelSettings(Section):
    """A way out: the Airflow connection that holds its address and secret."""

    enabled: bool = True
    connection: str


class SlackSettings(ChannelSettings):
    """Slack, by an incoming webhook, or by a bot.

    Attributes:
        channel: Channel of a bot (connection type `slack`, its token as password): updates go into threads. By its
            ID (C0123ABC) and with the scope channels:history the bot sees what has arrived and repeats nothing.
            Empty: the connection is a webhook (`slackwebhook`), which has no threads.
        base_url: Of Slack's API, for a proxy; for a bot only.
    """

    connection: str = "anchorwatch_slack"
    channel: str | None = None
    base_url: str | None = None


class PagerDutySettings(ChannelSettings):
    """PagerDuty: its connection has no host, so another base URL (EU region, proxy) is set here."""

    connection: str = "anchorwatch_pagerduty"
    base_url: str | None = None


class Team(Section):
    """Who is told instead of the default channels. The first team that matches takes an incident.

    Attributes:
        apps: Takes incidents of these apps: in a segment `app`, or that hold most of the change.
        rules: Takes incidents that one of these rules leads; rule ids.
        slack, pagerduty: Its own channels; one that is enabled names its connection.
    """

    owner: str
    apps: list[str] = []
    rules: list[str] = []
    slack: SlackSettings | None = None
    pagerduty: PagerDutySettings | None = None

    @model_validator(mode="after")
    def _matches_something(self) -> "Team":
        if not self.apps and not self.rules:
            raise ValueError(f"team '{self.owner}' takes nothing: give apps or rules")
        return self

    @model_validator(mode="after")
    def _names_its_connections(self) -> "Team":
        for name, own in (("slack", self.slack), ("pagerduty", self.pagerduty)):
            if own is not None and own.enabled and "connection" not in own.model_fields_set:
                raise ValueError(
                    f"team '{self.owner}': {name}.connection is missing, the Airflow connection of its own"
                )
        return self


class Maintenance(Section):
    """A window in which incidents are recorded and nobody is told; what is still open at its end is told then.

    Attributes:
        start, end: UTC; written `from` and `to`.
        rules: Rule ids; empty means every rule.
        segment: `name=value`; empty means every segment.
    """

    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")
    rules: list[str] = []
    segment: str | None = None
    reason: str = ""

    @field_validator("start", "end")
    @classmethod
    def _in_utc(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> "Maintenance":
        if self.end <= self.start:
            raise ValueError("a maintenance window has to end after it starts")
        if self.segment is not None and "=" not in self.segment:
            raise ValueError(f"maintenance: segment '{self.segment}' is not name=value")
        return self


class AlertSettings(Section):
    """Who is told what.

    Attributes:
        routes: Severity -> channels; a severity that is not listed goes nowhere.
        max_age_days: Days older than this never alert.
        cooldown_hours: A problem that comes back within these hours of its end is the same incident: its thread is
            told, and nobody is paged before they are over.
        noisy_alerts_a_week: As many incidents in seven days raise one about the noise itself.
        link_base_url: Base of the links to Airflow in alerts.
        runbook_base_url: Folder of the runbooks; empty: their path in this repository.
        dashboard_url: Link to a dashboard; `$metric`, `$segment_name`, `$segment_value` and `$run_date` are filled in.
        include_text: Put up to three redacted excerpts of prompts and responses into alerts.
    """

    routes: dict[AlertSeverity, list[Channel]] = {"page": ["pagerduty", "slack"], "slack": ["slack"]}
    max_age_days: Annotated[int, Field(ge=0)] = 2
    cooldown_hours: Annotated[float, Field(ge=0)] = 24.0
    noisy_alerts_a_week: Annotated[int, Field(ge=1)] = 10
    link_base_url: str = "http://localhost:8080"
    runbook_base_url: str | None = None
    dashboard_url: str | None = None
    include_text: bool = False
    slack: SlackSettings = SlackSettings()
    pagerduty: PagerDutySettings = PagerDutySettings()
    teams: list[Team] = []
    maintenance: list[Maintenance] = []

    @property
    def cooldown(self) -> timedelta:
        """The cooldown."""
        return timedelta(hours=self.cooldown_hours)

    def team(self, owner: str | None) -> Team | None:
        """Return a team by name."""
        return next((team for team in self.teams if team.owner == owner), None)

    def channel(self, name: Channel, owner: str | None = None) -> ChannelSettings:
        """Return a channel as a team has it, or the default one."""
        team = self.team(owner)
        own: ChannelSettings | None = getattr(team, name) if team is not None else None
        return own or (self.slack if name == "slack" else self.pagerduty)

    def switched_off(self, name: Channel) -> list[str]:
        """Return the connections of a channel that nobody who is enabled uses."""
        everyone = [getattr(self, name), *(own for team in self.teams if (own := getattr(team, name)) is not None)]
        used = {own.connection for own in everyone if own.enabled}
        return sorted({own.connection for own in everyone if not own.enabled} - used)
