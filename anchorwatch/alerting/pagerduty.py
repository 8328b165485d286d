"""PagerDuty: trigger, update and resolve by a stable dedup_key. Nothing else knows this channel."""

import re
from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incident_store import Incident
from anchorwatch.alerting.links import Links

if TYPE_CHECKING:
    import pagerduty

SUMMARY_CHARS = 1024
KEY_CHARS = 255
LINE_CHARS = 1000
SEGMENTS_NAMED = 25
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Characters that would break a line, or turn its direction, where people read it."""


def trigger(incident: Incident, facts: list[Fact], links: Links) -> dict[str, Any]:
    """Build the event that opens an incident, or that is added to an open one; the worst segment leads."""
    lead = facts[0]
    others = f" (and {len(facts) - 1} more findings)" if len(facts) > 1 else ""
    dashboard = links.dashboard(lead)
    return {
        "event_action": "trigger",
        "dedup_key": incident.dedup_key[:KEY_CHARS],
        "payload": {
            "summary": _cut(f"[Anchorwatch] {lead.headline()}", SUMMARY_CHARS - len(others)) + others,
            "severity": "critical" if incident.severity == "page" else "warning",
            "source": "anchorwatch",
            "component": _cut(lead.metric, KEY_CHARS),
            "group": _cut(lead.rule_id, KEY_CHARS),
            "custom_details": {
                "incident": incident.incident_id,
                "segments": _lines(fact.headline() for fact in facts[:SEGMENTS_NAMED]),
                "where_and_what": _lines(lead.details()),
                "changed_around_then": _lines(lead.coinciding),
                "example_request_ids": _lines(lead.examples),
                **({"excerpts": _lines(lead.excerpts)} if lead.excerpts else {}),
                "owner": incident.owner or "",
                "runbook": links.runbook(lead.rule_id),
                "say_so": f"anchorwatch alerts ack {incident.incident_id} --as real|noise",
            },
        },
        "links": [{"href": links.run, "text": "Airflow run"}]
        + ([{"href": dashboard, "text": "Dashboard"}] if dashboard else []),
    }


def resolve(dedup_key: str) -> dict[str, Any]:
    """Build the event that closes an incident."""
    return {"event_action": "resolve", "dedup_key": dedup_key[:KEY_CHARS]}


def _lines(texts: Any) -> list[str]:
    return [_cut(text, LINE_CHARS) for text in texts]


def _cut(text: str, most: int) -> str:
    return _CONTROL.sub(" ", text)[:most]


def send(client: "pagerduty.EventsApiV2Client", payload: dict[str, Any]) -> None:
    """Send one event; the client raises for every answer but success."""
    client.send_event(
        payload["event_action"],
        **{name: value for name, value in payload.items() if name != "event_action"},
    )
