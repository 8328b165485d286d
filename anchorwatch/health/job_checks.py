"""States of the job itself and of the providers: results that are late, incidents that are open."""

from datetime import UTC, datetime, time, timedelta

import sqlalchemy as sa

from anchorwatch.health.checks import Reading
from anchorwatch.settings.health import HealthBook

SEEN_WITHIN = timedelta(days=1)
"""A provider's incident that its page has not shown for so long is over."""
TITLE_CHARS = 200
_NEWEST = sa.text("SELECT MAX(run_date) FROM day_partitions")
_OPEN = sa.text(
    "SELECT provider, incident_id, title, impact, status, url, started_at FROM provider_incidents "
    "WHERE resolved_at IS NULL AND impact <> 'none' AND started_at <= :at AND last_seen_at > :seen "
    "ORDER BY provider, incident_id"
)


def check_job(connection: sa.Connection, book: HealthBook, at: datetime, now: datetime) -> list[Reading]:
    """Return what the rules about results and providers see.

    Args:
        at: End of the minutes that are looked at.
        now: Clock, against which the providers were polled.
    """
    found: list[Reading] = []
    for rule in book.rules:
        limit = rule.above or 0.0
        if rule.metric == "results_age_hours":
            newest = connection.execute(_NEWEST).scalar_one()
            if newest is not None:
                end = datetime.combine(newest + timedelta(days=1), time(), tzinfo=UTC)
                age = (at - end) / timedelta(hours=1)
                detail = f"the newest day that was evaluated is {newest}"
                found.append(Reading(rule, ("all", "all"), age > limit, age <= limit, age, limit, detail=detail))
        elif rule.metric == "provider_incidents":
            for row in connection.execute(_OPEN, {"at": max(at, now), "seen": now - SEEN_WITHIN}):
                detail = (
                    f'{row.provider} says "{row.title[:TITLE_CHARS]}" ({row.impact}, {row.status}) '
                    f"since {row.started_at:%Y-%m-%d %H:%M} UTC"
                )
                detail += f", {row.url}" if row.url else ""
                segment = ("provider", row.provider)
                found.append(Reading(rule, segment, True, False, 1, limit, subject=row.incident_id, detail=detail))
    return found
