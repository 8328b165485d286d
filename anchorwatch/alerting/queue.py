"""From what fires to the outbox: incidents are brought up to date, and what changed of them is written."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import sqlalchemy as sa

from anchorwatch.alerting import drift_facts, incidents, waiting
from anchorwatch.alerting.facts import Fact, Member
from anchorwatch.alerting.incident_store import Moment
from anchorwatch.alerting.links import Links
from anchorwatch.alerting.noise import watch_noise
from anchorwatch.alerting.outbox import Outbox, QueuedAlerts
from anchorwatch.alerting.routing import channels_for
from anchorwatch.settings import RuleBook, Settings

NIGHTLY_DAG = "nightly_evaluation"
HEALTH_DAG = "health"
_NEWEST = sa.text("SELECT MAX(run_date) FROM drift_findings")


def queue_alerts(
    connection: sa.Connection,
    settings: Settings,
    book: RuleBook,
    *,
    run_id: str,
    run_date: date,
    is_backfill: bool,
    now: datetime,
    airflow_run_id: str | None = None,
) -> QueuedAlerts:
    """Put what is news of a night, and incidents that are over, into the outbox.

    An incident may be told only if the run is no backfill, the day is not older than alerts.max_age_days, and
    no incident with its dedup_key was there before. A suppressed one stays suppressed. A page over a judged metric
    is held while the judge itself is suspected.
    """
    moment = Moment(run_date, now, run_date.isoformat())
    links = Links(settings, NIGHTLY_DAG, run_date.isoformat(), airflow_run_id)
    facts = _routed(settings, drift_facts.new_facts(connection, settings, book, run_date))
    status = _status(settings, run_date, is_backfill, now.astimezone(UTC).date())
    outbox = Outbox(connection, settings, links, moment, run_id, status)
    if status != "pending":
        return outbox.write(incidents.suppress(connection, settings, facts, moment))
    # What is over is read off the newest night: an older day, run again, is news at most.
    newest = connection.execute(_NEWEST).scalar_one() or run_date
    firing = drift_facts.firing(connection, newest)
    has_data = drift_facts.has_data(connection, newest)
    changes = incidents.update(connection, settings, facts, firing, "drift", moment, has_data=has_data)
    return _finish(connection, settings, outbox, changes, "drift", moment)


def queue_health_alerts(
    connection: sa.Connection,
    settings: Settings,
    facts: list[Fact],
    firing: Mapping[Member, Member],
    *,
    run_id: str,
    at: datetime,
    is_live: bool,
    airflow_run_id: str | None = None,
) -> QueuedAlerts:
    """Put what is news of a tick, and incidents that are over, into the outbox; see `queue_alerts`.

    Args:
        at: End of the minutes that were checked last.
        is_live: Whether anybody may be told.
    """
    moment = Moment(at.date(), at, f"{at:%Y-%m-%dT%H:%M}")
    links = Links(settings, HEALTH_DAG, at.date().isoformat(), airflow_run_id)
    outbox = Outbox(connection, settings, links, moment, run_id, "pending" if is_live else "suppressed_old")
    routed = _routed(settings, facts)
    if not is_live:
        return outbox.write(incidents.suppress(connection, settings, routed, moment))
    changes = incidents.update(connection, settings, routed, firing, "health", moment, has_data=True)
    return _finish(connection, settings, outbox, changes, "health", moment)


def _finish(
    connection: sa.Connection,
    settings: Settings,
    outbox: Outbox,
    changes: list[incidents.Change],
    source: str,
    moment: Moment,
) -> QueuedAlerts:
    waiting.release(connection, settings, source, moment.run_date, moment.now)
    return outbox.write(changes + watch_noise(connection, settings, moment))


def _routed(settings: Settings, facts: list[Fact]) -> list[Fact]:
    return [fact for fact in facts if channels_for(settings, fact.severity)]


def _status(settings: Settings, run_date: date, is_backfill: bool, today: date) -> str:
    if is_backfill:
        return "suppressed_backfill"
    if run_date < today - timedelta(days=settings.alerts.max_age_days):
        return "suppressed_old"
    return "pending"
