"""PagerDuty: trigger, update and resolve by a stable dedup_key. Nothing else knows this channel."""

import json
import re
from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incident_store import Incident
from anchorwatch.alerting.links import Links
from anchorwatch.limits import PAGERDUTY_EVENT_BYTES, PAGERDUTY_KEY_CHARS, PAGERDUTY_SUMMARY_CHARS, cut, fit_key

if TYPE_CHECKING:
    import pagerduty

LINE_CHARS = (1000, 300, 100, 30)
"""Of a line in the details; the next where the whole event would be too large."""
ROUTING_BYTES = 1000
"""Kept free for what the client adds: the routing key and its own name."""
SEGMENTS_NAMED = 25
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
"""Characters that would break a line, or turn its direction, where people read it."""


def trigger(incident: Incident, facts: list[Fact], links: Links) -> dict[str, Any]:
    """Build the event that opens an incident, or that is added to an open one; the worst segment leads."""
    event: dict[str, Any] = {}
    for chars in LINE_CHARS:
        event = _trigger(incident, facts, links, chars)
        if len(json.dumps(event)) <= PAGERDUTY_EVENT_BYTES - ROUTING_BYTES:
            break
    return event


def _trigger(incident: Incident, facts: list[Fact], links: Links, chars: int) -> dict[str, Any]:
    lead = facts[0]
    others = f" (and {len(facts) - 1} more findings)" if len(facts) > 1 else ""
    dashboard = links.dashboard(lead)
    return {
        "event_action": "trigger",
        "dedup_key": fit_key(incident.dedup_key, PAGERDUTY_KEY_CHARS),
        "payload": {
            "summary": _line(f"[Anchorwatch] {lead.headline()}", PAGERDUTY_SUMMARY_CHARS - len(others)) + others,
            "severity": "critical" if incident.severity == "page" else "warning",
            "source": "anchorwatch",
            "component": _line(lead.metric, PAGERDUTY_KEY_CHARS),
            "group": _line(lead.rule_id, PAGERDUTY_KEY_CHARS),
            "custom_details": {
                "incident": incident.incident_id,
                "segments": _lines([fact.headline() for fact in facts], chars),
                "where_and_what": _lines(lead.details(), chars),
                "changed_around_then": _lines(lead.coinciding, chars),
                "example_request_ids": _lines(lead.examples, chars),
                **({"excerpts": _lines(lead.excerpts, chars)} if lead.excerpts else {}),
                "owner": _line(incident.owner or "", PAGERDUTY_KEY_CHARS),
                "runbook": links.runbook(lead.rule_id),
                "say_so": f"anchorwatch alerts ack {incident.incident_id} --as real|noise",
            },
        },
        "links": [{"href": links.run, "text": "Airflow run"}]
        + ([{"href": dashboard, "text": "Dashboard"}] if dashboard else []),
    }


def resolve(dedup_key: str) -> dict[str, Any]:
    """Build the event that closes an incident."""
    return {"event_action": "resolve", "dedup_key": fit_key(dedup_key, PAGERDUTY_KEY_CHARS)}


def _lines(texts: list[str], chars: int) -> list[str]:
    hidden = len(texts) - SEGMENTS_NAMED
    more = [f"… and {hidden} more: `anchorwatch alerts list`"] if hidden > 0 else []
    return [_line(text, chars) for text in texts[:SEGMENTS_NAMED]] + more


def _line(text: str, most: int) -> str:
    return cut(_CONTROL.sub(" ", text), most)


def send(client: "pagerduty.EventsApiV2Client", payload: dict[str, Any]) -> None:
    """Send one event; the client raises for every answer but success."""
    client.send_event(
        payload["event_action"],
        **{name: value for name, value in payload.items() if name != "event_action"},
    )
