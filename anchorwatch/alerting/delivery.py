"""Sends what is pending, each row in a transaction of its own: one that fails does not stop the others."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect

Send = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class DeliveryReport:
    """Rows sent, and rows that failed and stay pending."""

    sent: int = 0
    failed: int = 0
    last_error: str | None = None


def pending(engine: sa.Engine, settings: Settings, channel: str, today: date) -> list[int]:
    """Return the alerts that wait for a channel, oldest first; those past alerts.max_age_days wait no more."""
    oldest = today - timedelta(days=settings.alerts.max_age_days)
    statement = sa.text(
        "SELECT alert_id FROM alerts WHERE channel = :channel AND status = 'pending' AND run_date >= :oldest "
        "ORDER BY alert_id"
    )
    with connect(engine) as connection:
        return list(connection.execute(statement, {"channel": channel, "oldest": oldest}).scalars())


def deliver(engine: sa.Engine, alert_ids: list[int], send: Send) -> DeliveryReport:
    """Send these alerts; whatever cannot be sent stays pending for the next try."""
    report = DeliveryReport()
    for alert_id in alert_ids:
        _deliver_one(engine, alert_id, send, report)
    return report


def _deliver_one(engine: sa.Engine, alert_id: int, send: Send, report: DeliveryReport) -> None:
    # The row stays locked while it is sent: a second worker skips it instead of sending it too.
    take = sa.text("SELECT payload FROM alerts WHERE alert_id = :id AND status = 'pending' FOR UPDATE SKIP LOCKED")
    with connect(engine) as connection:
        payload = connection.execute(take, {"id": alert_id}).scalar_one_or_none()
        if payload is None:
            return
        try:
            send(payload)
        except Exception as error:
            # The text of a client's error may hold the webhook's address, which is a secret.
            problem = f"{type(error).__name__}{_status_of(error)}"
            report.failed, report.last_error = report.failed + 1, problem
            done = "UPDATE alerts SET attempts = attempts + 1, last_error = :problem WHERE alert_id = :id"
            connection.execute(sa.text(done), {"id": alert_id, "problem": problem})
            return
        done = "UPDATE alerts SET attempts = attempts + 1, status = 'sent', sent_at = now() WHERE alert_id = :id"
        connection.execute(sa.text(done), {"id": alert_id})
        report.sent += 1


def _status_of(error: Exception) -> str:
    response = getattr(error, "response", None)
    code = getattr(response, "status_code", None)
    return f" (HTTP {code})" if code is not None else ""
