"""PagerDuty: one event per rule and day, with a stable dedup_key. Nothing else knows this channel."""

from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.facts import Fact

if TYPE_CHECKING:
    import pagerduty

SUMMARY_CHARS = 1024
SEGMENTS_NAMED = 25


def trigger(dedup_key: str, facts: list[Fact], link: str, runbook: str) -> dict[str, Any]:
    """Build the event that opens an incident for one rule; the worst segment leads."""
    lead = facts[0]
    others = f" (and {len(facts) - 1} more segments)" if len(facts) > 1 else ""
    return {
        "event_action": "trigger",
        "dedup_key": dedup_key,
        "payload": {
            "summary": f"[Anchorwatch] {lead.headline()}{others}"[:SUMMARY_CHARS],
            "severity": "critical",
            "source": "anchorwatch",
            "component": lead.metric,
            "group": lead.rule_id,
            "custom_details": {
                "segments": [fact.headline() for fact in facts[:SEGMENTS_NAMED]],
                "where_and_what": lead.details(),
                "changed_around_then": lead.coinciding,
                "example_request_ids": lead.examples,
                "runbook": runbook,
            },
        },
        "links": [{"href": link, "text": "Airflow run"}],
    }


def resolve(dedup_key: str) -> dict[str, Any]:
    """Build the event that closes an incident."""
    return {"event_action": "resolve", "dedup_key": dedup_key}


def send(client: "pagerduty.EventsApiV2Client", payload: dict[str, Any]) -> None:
    """Send one event; the client raises for every answer but success."""
    client.send_event(
        payload["event_action"],
        **{name: value for name, value in payload.items() if name != "event_action"},
    )
