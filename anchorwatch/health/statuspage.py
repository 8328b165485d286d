"""Incidents of the model providers' status pages, in the Statuspage format."""

from datetime import UTC, datetime
from typing import Any

import httpx
import sqlalchemy as sa
from pydantic import BaseModel, ValidationError

from anchorwatch.settings.health import Provider
from anchorwatch.urls import hide_secrets_in_http_logs, hide_url_secrets
from anchorwatch.warehouse import connect

TIMEOUT_SECONDS = 10.0
MOST_BYTES = 4_000_000
MOST_INCIDENTS = 100
TEXT_CHARS = 500
_OVER = frozenset({"resolved", "postmortem", "completed"})
_STORE = sa.text(
    "INSERT INTO provider_incidents AS p (provider, incident_id, title, status, impact, components, url, started_at, "
    "resolved_at, updated_at, first_seen_at, last_seen_at) VALUES (:provider, :incident_id, :title, :status, :impact, "
    ":components, :url, :started_at, :resolved_at, :updated_at, :seen, :seen) "
    "ON CONFLICT (provider, incident_id) DO UPDATE SET title = excluded.title, status = excluded.status, "
    "impact = excluded.impact, components = excluded.components, url = excluded.url, started_at = excluded.started_at, "
    "resolved_at = excluded.resolved_at, updated_at = excluded.updated_at, last_seen_at = excluded.last_seen_at"
)


class _Component(BaseModel):
    name: str = ""


class _Incident(BaseModel):
    id: str
    name: str
    status: str
    impact: str | None = "none"
    created_at: datetime
    started_at: datetime | None = None
    updated_at: datetime | None = None
    resolved_at: datetime | None = None
    shortlink: str | None = None
    components: list[_Component] | None = None


class _Page(BaseModel):
    incidents: list[_Incident]


def poll(engine: sa.Engine, providers: list[Provider], now: datetime) -> list[str]:
    """Store what the status pages say; return what went wrong, a line for each page that could not be read.

    A page that cannot be read changes nothing and stops nobody.
    """
    problems = []
    hide_secrets_in_http_logs()
    for provider in providers:
        try:
            page = _Page.model_validate_json(_fetch(provider.incidents_url))
        except (httpx.HTTPError, httpx.InvalidURL, ValidationError, ValueError) as error:
            problems.append(f"status page of {provider.name}: {_first_line(error)}")
            continue
        rows = [_row(provider.name, incident, now) for incident in page.incidents[:MOST_INCIDENTS]]
        if rows:
            with connect(engine) as connection:
                connection.execute(_STORE, rows)
    return problems


def _fetch(url: str) -> bytes:
    options: dict[str, Any] = {"timeout": TIMEOUT_SECONDS, "follow_redirects": True}
    deadline = datetime.now(UTC).timestamp() + 2 * TIMEOUT_SECONDS
    with httpx.stream("GET", url, **options) as response:
        response.raise_for_status()
        body = b""
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MOST_BYTES:
                raise ValueError(f"more than {MOST_BYTES} bytes")
            if datetime.now(UTC).timestamp() > deadline:
                raise ValueError("too slow")
    return body


def _row(provider: str, incident: _Incident, now: datetime) -> dict[str, Any]:
    updated = incident.updated_at or incident.created_at
    is_over = incident.status in _OVER
    return {
        "provider": provider,
        "incident_id": _text(incident.id),
        "title": _text(incident.name),
        "status": _text(incident.status),
        "impact": _text(incident.impact or "none"),
        "components": _text(", ".join(one.name for one in incident.components or [])) or None,
        "url": _text(incident.shortlink) if incident.shortlink else None,
        "started_at": incident.started_at or incident.created_at,
        "resolved_at": (incident.resolved_at or updated) if is_over else None,
        "updated_at": updated,
        "seen": now,
    }


def _text(value: str) -> str:
    """Return it as one line that Postgres can hold."""
    return " ".join(value.replace("\x00", " ").split())[:TEXT_CHARS]


def _first_line(error: Exception) -> str:
    text = hide_url_secrets(str(error)).splitlines()
    return f"{type(error).__name__}" + (f": {text[0][:200]}" if text else "")
