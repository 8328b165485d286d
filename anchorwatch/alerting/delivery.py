"""Sends what is pending, at least once: one that fails stops only what follows in its incident."""

import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect

SEND_SECONDS = 30.0
_EXPIRE = sa.text(
    "UPDATE alerts SET status = 'expired' WHERE channel = :channel AND status = 'pending' AND run_date < :oldest"
)
_OFF = sa.text(
    "UPDATE alerts SET status = 'channel_off' WHERE channel = :channel AND status = 'pending' "
    "AND COALESCE(connection, :own) = ANY(:connections)"
)
_PENDING = sa.text("SELECT alert_id FROM alerts WHERE channel = :channel AND status = 'pending' ORDER BY alert_id")
# The row stays locked while it is sent: a second worker skips it instead of sending it too. Whatever an incident
# has to say goes out in order, and an answer in a thread waits for the message it answers.
_TAKE = sa.text(
    "SELECT a.alert_id, a.payload, a.dedup_key, a.connection, a.created_at, a.incident_id, t.external_id AS thread, "
    "EXISTS (SELECT 1 FROM alert_attempts AS p WHERE p.alert_id = a.alert_id "
    "AND COALESCE(p.outcome, 'unknown') = 'unknown') AS may_have "
    "FROM alerts AS a LEFT JOIN alerts AS t ON t.alert_id = a.thread_of "
    "WHERE a.alert_id = :id AND a.status = 'pending' AND COALESCE(t.status, 'sent') <> 'pending' "
    "AND NOT EXISTS (SELECT 1 FROM alerts AS e WHERE e.incident_id = a.incident_id AND e.channel = a.channel "
    "AND e.status = 'pending' AND e.alert_id < a.alert_id) "
    "FOR UPDATE OF a SKIP LOCKED"
)
_BEGIN = sa.text(
    "INSERT INTO alert_attempts (alert_id, attempted_at) VALUES (:id, clock_timestamp()) RETURNING attempt_id"
)
_END = sa.text(
    "UPDATE alert_attempts SET ended_at = clock_timestamp(), outcome = :outcome, error = :error "
    "WHERE attempt_id = :attempt_id"
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One alert on its way.

    Attributes:
        connection: Airflow connection to send it by; None: the channel's default.
        thread: Slack's timestamp of the message whose thread it goes into.
        may_have_arrived: An earlier try got no answer that says that it did not arrive.
    """

    payload: dict[str, Any]
    dedup_key: str
    connection: str | None
    thread: str | None
    created_at: datetime
    may_have_arrived: bool


Send = Callable[[Letter], str | None]
"""Sends a letter; returns the channel's own name of the message, where it has one."""


@dataclass(slots=True)
class DeliveryReport:
    """Alerts sent, and alerts that failed and stay pending.

    Attributes:
        config_error: What has to be mended before some of them can be sent.
    """

    sent: int = 0
    failed: int = 0
    last_error: str | None = None
    config_error: str | None = None


@dataclass(frozen=True, slots=True)
class _Problem:
    outcome: str
    text: str


def pending(engine: sa.Engine, settings: Settings, channel: str, today: date) -> list[int]:
    """Return the alerts that wait for a channel, oldest first.

    Those past alerts.max_age_days expire, and those of a channel that was switched off since need no connection.
    """
    oldest = today - timedelta(days=settings.alerts.max_age_days)
    with connect(engine) as connection:
        connection.execute(_EXPIRE, {"channel": channel, "oldest": oldest})
        if off := settings.alerts.switched_off(channel):  # type: ignore[arg-type]
            own = settings.alerts.channel(channel).connection  # type: ignore[arg-type]
            connection.execute(_OFF, {"channel": channel, "connections": off, "own": own})
        return list(connection.execute(_PENDING, {"channel": channel}).scalars())


def deliver(engine: sa.Engine, alert_ids: list[int], send: Send, seconds: float = SEND_SECONDS) -> DeliveryReport:
    """Send these alerts; whatever cannot be sent stays pending for the next try.

    Args:
        seconds: For one alert in all: a client's own timeout starts anew with every byte of an answer that drips.
    """
    report = DeliveryReport()
    for alert_id in alert_ids:
        _deliver_one(engine, alert_id, partial(_in_time, send, seconds), report)
    return report


def _in_time(send: Send, seconds: float, letter: Letter) -> str | None:
    done: dict[str, Any] = {}

    def run() -> None:
        try:
            done["name"] = send(letter)
        except BaseException as error:
            done["error"] = error

    # A daemon: whatever hangs in it must not keep the task from ending.
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        raise TimeoutError
    if "error" in done:
        raise done["error"]
    name: str | None = done["name"]
    return name


def _deliver_one(engine: sa.Engine, alert_id: int, send: Send, report: DeliveryReport) -> None:
    with connect(engine) as connection:
        row = connection.execute(_TAKE, {"id": alert_id}).one_or_none()
        if row is None:
            return
        # On record before anything leaves: a process that dies while sending leaves a try without an end.
        with connect(engine) as other:
            attempt = other.execute(_BEGIN, {"id": alert_id}).scalar_one()
        letter = Letter(row.payload, row.dedup_key, row.connection, row.thread, row.created_at, row.may_have)
        try:
            name, problem = send(letter), None
        except ConfigError as error:
            name, problem = None, _Problem("failed", "ConfigError")
            report.failed, report.config_error = report.failed + 1, str(error)
        except Exception as error:
            name, problem = None, _problem(error)
            report.failed, report.last_error = report.failed + 1, problem.text
        else:
            report.sent += 1
        _record(connection, alert_id, attempt, name, problem)


def _record(connection: sa.Connection, alert_id: int, attempt: int, name: str | None, problem: _Problem | None) -> None:
    outcome, text = ("sent", None) if problem is None else (problem.outcome, problem.text)
    connection.execute(_END, {"attempt_id": attempt, "outcome": outcome, "error": text})
    sets = "last_error = :problem" if problem else "status = 'sent', sent_at = clock_timestamp(), external_id = :name"
    statement = f"UPDATE alerts SET attempts = attempts + 1, {sets} WHERE alert_id = :id"  # noqa: S608 - our own text
    arguments = {"id": alert_id} | ({"problem": text} if problem else {"name": name})
    connection.execute(sa.text(statement), arguments)


def _problem(error: Exception) -> _Problem:
    """Tell a refusal from a try that may have arrived: out of time, cut off, or answered by a gateway."""
    code = getattr(getattr(error, "response", error), "status_code", None)
    refused = (code is not None and 400 <= code < 500) or _never_connected(error)
    # The text of a client's error may hold the webhook's address, which is a secret.
    status = f" (HTTP {code})" if code is not None else ""
    return _Problem("failed" if refused else "unknown", f"{type(error).__name__}{status}")


def _never_connected(error: object) -> bool:
    while isinstance(error, BaseException):
        if isinstance(error, (ConnectionRefusedError, socket.gaierror)):
            return True
        error = getattr(error, "reason", None) or error.__cause__ or error.__context__
    return False
