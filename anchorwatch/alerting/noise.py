"""Too many alerts are a problem of their own: one alert a week at most, which names the noisiest rules."""

from dataclasses import dataclass, field
from datetime import timedelta

import sqlalchemy as sa

from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incident_store import IncidentStore, Moment
from anchorwatch.alerting.incidents import Change
from anchorwatch.settings import Settings

RULE_ID = "alert-noise"
WEEK = timedelta(days=7)
NAMED = 5
_WEEK = sa.text(
    "SELECT SPLIT_PART(rule_ids, ',', 1) AS rule_id, COUNT(*) AS n, "
    "COUNT(*) FILTER (WHERE verdict = 'real') AS n_real, "
    "COUNT(*) FILTER (WHERE verdict = 'noise') AS n_noise "
    "FROM incidents WHERE status <> 'suppressed' AND source <> 'noise' AND severity <> 'dashboard' "
    "AND opened_at > :since AND opened_at <= :now GROUP BY 1 ORDER BY 2 DESC, 1"
)
_TOLD = sa.text("SELECT EXISTS (SELECT 1 FROM incidents WHERE source = 'noise' AND opened_at > :since)")
_CLOSE = sa.text("UPDATE incidents SET status = 'resolved', resolved_at = :now WHERE incident_id = :incident_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFact(Fact):
    """A week with too many alerts.

    Attributes:
        n_alerts: Incidents in seven days.
        rules: Rule, its incidents, how many of them people called real and noise; the noisiest first.
    """

    n_alerts: int
    rules: list[tuple[str, int, int, int]] = field(default_factory=list)

    def headline(self) -> str:
        """How many, and which rules."""
        named = ", ".join(f"{rule} {n}" for rule, n, _, _ in self.rules[:NAMED])
        return f"{self.n_alerts} alerts in 7 days, most by: {named}"

    def details(self) -> list[str]:
        """What people said of them."""
        return [
            f"{rule}: {n} alerts, {real} called real, {noise} noise, {n - real - noise} not judged"
            for rule, n, real, noise in self.rules[:NAMED]
        ]


def watch_noise(connection: sa.Connection, settings: Settings, moment: Moment) -> list[Change]:
    """Open the incident about noise, where the week was noisy and nobody was told of that this week."""
    since = moment.now - WEEK
    rows = connection.execute(_WEEK, {"since": since, "now": moment.now}).all()
    n_alerts = sum(row.n for row in rows)
    if n_alerts < settings.alerts.noisy_alerts_a_week or connection.execute(_TOLD, {"since": since}).scalar_one():
        return []
    fact = NoiseFact(
        rule_id=RULE_ID, severity="slack", metric="alerts", segment_name="all", segment_value="all", watch=RULE_ID,
        first_day=since.date(), source="noise", cause="alerts", n_alerts=n_alerts,
        rules=[(row.rule_id, row.n, row.n_real, row.n_noise) for row in rows],
    )  # fmt: skip
    incident = IncidentStore(connection, settings, moment).open([fact])
    if incident is None:
        return []
    # It tells of a week, which does not recover.
    connection.execute(_CLOSE, {"now": moment.now, "incident_id": incident.incident_id})
    return [Change("opened", incident, [fact])]
