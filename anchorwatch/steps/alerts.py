"""What people say of incidents, and ask of them: list, acknowledge, mute, and how often a rule was right."""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.settings import RuleBook
from anchorwatch.warehouse import connect

_LIST = sa.text(
    "SELECT i.incident_id, i.status, i.severity, i.rule_ids, i.segment_name, i.segment_value, i.title, i.owner, "
    "i.first_day, i.opened_at, i.resolved_at, i.reopened, i.verdict, i.acked_by, "
    "(SELECT STRING_AGG(DISTINCT a.channel || ' ' || a.status, ', ') FROM alerts AS a "
    "WHERE a.incident_id = i.incident_id OR a.alert_id = i.slack_alert_id) AS delivery "
    "FROM incidents AS i WHERE (i.status = 'open' OR :everything) AND (i.status <> 'suppressed' OR :everything) "
    "AND i.opened_at >= :since ORDER BY i.incident_id DESC LIMIT :most"
)
_ACK = sa.text(
    "UPDATE incidents SET verdict = :verdict, acked_by = :who, acked_at = now(), note = COALESCE(:note, note) "
    "WHERE incident_id = :incident_id RETURNING title"
)
_MUTE = sa.text(
    "INSERT INTO alert_mutes (rule_id, segment_name, segment_value, muted_from, muted_until, muted_by, note) "
    "VALUES (:rule_id, :segment_name, :segment_value, :start, :end, :who, :note) RETURNING mute_id"
)
_MUTES = sa.text("SELECT * FROM alert_mutes WHERE muted_until > now() ORDER BY muted_until")
_UNMUTE = sa.text("UPDATE alert_mutes SET muted_until = now() WHERE mute_id = :mute_id AND muted_until > now()")
_PRECISION = sa.text("SELECT * FROM bi_alert_precision ORDER BY n_last_7_days DESC, n_alerts DESC, rule_id")
MOST = 200


def list_incidents(engine: sa.Engine, *, everything: bool, days: int) -> list[dict[str, Any]]:
    """Return open incidents, or all of the last days, the newest first."""
    arguments = {"everything": everything, "most": MOST}
    with connect(engine) as connection:
        now = connection.execute(sa.text("SELECT now()")).scalar_one()
        found = connection.execute(_LIST, arguments | {"since": now - timedelta(days=days)})
        return [dict(row) for row in found.mappings()]


def acknowledge_incident(engine: sa.Engine, incident_id: int, verdict: str, who: str, note: str | None) -> str:
    """Store whether an incident was real or noise; return its title.

    Raises:
        ConfigError: There is no such incident.
    """
    row = {"incident_id": incident_id, "verdict": verdict, "who": who, "note": note}
    with connect(engine) as connection:
        title = connection.execute(_ACK, row).scalar_one_or_none()
    if title is None:
        raise ConfigError(f"there is no incident {incident_id}; `anchorwatch alerts list` shows them")
    return str(title)


def mute(
    engine: sa.Engine,
    book: RuleBook,
    rule_id: str | None,
    segment: tuple[str, str] | None,
    start: datetime,
    hours: float,
    who: str,
    note: str | None,
) -> tuple[int, datetime]:
    """Mute a rule, a segment, or both together; return the mute's number and its end.

    Raises:
        ConfigError: Neither is given, there is no such rule, or the time is not ahead.
    """
    known = [rule.id for rule in book.rules] + [rule.id for rule in book.health.rules]
    if rule_id is None and segment is None:
        raise ConfigError("give --rule, --segment or both: a mute of everything is alerts.slack.enabled: false")
    if rule_id is not None and rule_id not in known:
        raise ConfigError(f"--rule: there is no rule '{rule_id}'; there are {', '.join(sorted(known))}")
    if hours <= 0:
        raise ConfigError(f"--hours: {hours:g} is not above 0")
    end = start + timedelta(hours=hours)
    name, value = segment or (None, None)
    row = {"rule_id": rule_id, "segment_name": name, "segment_value": value, "start": start, "end": end}
    with connect(engine) as connection:
        return int(connection.execute(_MUTE, row | {"who": who, "note": note}).scalar_one()), end


def list_mutes(engine: sa.Engine) -> list[dict[str, Any]]:
    """Return the mutes that are not over."""
    with connect(engine) as connection:
        return [dict(row) for row in connection.execute(_MUTES).mappings()]


def unmute(engine: sa.Engine, mute_id: int) -> None:
    """End a mute now.

    Raises:
        ConfigError: It is over, or was never there.
    """
    with connect(engine) as connection:
        if not connection.execute(_UNMUTE, {"mute_id": mute_id}).rowcount:
            raise ConfigError(f"there is no mute {mute_id} that is not over; `anchorwatch alerts mutes` shows them")


def precision(engine: sa.Engine) -> list[dict[str, Any]]:
    """Return per rule how many of its judged alerts were real, with a 95 % interval (Wilson)."""
    from anchorwatch.metrics.agreement import share

    with connect(engine) as connection:
        rows = [dict(row) for row in connection.execute(_PRECISION).mappings()]
    for row in rows:
        row["interval"] = str(share(row["n_real"], row["n_real"] + row["n_noise"]))
    return rows
