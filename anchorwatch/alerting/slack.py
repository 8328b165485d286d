"""Slack: one message a run that groups its findings. Nothing else knows this channel."""

import html
from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.facts import Fact

if TYPE_CHECKING:
    from slack_sdk.webhook import WebhookClient

BLOCK_CHARS = 2900  # Slack allows 3000
BLOCKS = 40  # Slack allows 50
SEGMENTS_NAMED = 5


class SlackRejected(Exception):
    """Slack answered with something else than success."""


def message(facts: list[Fact], run_date: str, link: str, runbook: str) -> dict[str, Any]:
    """Build the message: severity in words, a block per rule, the worst segments first."""
    pages = sum(fact.severity == "page" for fact in facts)
    title = f"Anchorwatch {run_date}: {len(facts)} new finding{'s' * (len(facts) != 1)}"
    title += f", {pages} of them page" if pages else ""
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title[:150]}}]
    by_rule: dict[str, list[Fact]] = {}
    for fact in facts:
        by_rule.setdefault(fact.rule_id, []).append(fact)
    blocks += [_section(rule, group) for rule, group in list(by_rule.items())[:BLOCKS]]
    hidden = len(by_rule) - BLOCKS
    more = f"{hidden} more rules are in drift_findings. " if hidden > 0 else ""
    footer = f"{more}<{link}|Airflow run> · runbook: {_escaped(runbook)}"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer}]})
    return {"text": title, "blocks": blocks}


def _section(rule: str, facts: list[Fact]) -> dict[str, Any]:
    lines = [f"*{facts[0].severity.upper()}* · rule `{_escaped(rule)}`"]
    lines += [f"• {_escaped(fact.headline())}" for fact in facts[:SEGMENTS_NAMED]]
    if len(facts) > SEGMENTS_NAMED:
        lines.append(f"… and {len(facts) - SEGMENTS_NAMED} more segments")
    lines += [f"   {_escaped(detail)}" for detail in facts[0].details()]
    if facts[0].coinciding:
        lines.append("Changed around then: " + _escaped("; ".join(facts[0].coinciding)))
    if facts[0].examples:
        lines.append("Examples: " + ", ".join(f"`{_escaped(example)}`" for example in facts[0].examples))
    return {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:BLOCK_CHARS]}}


def _escaped(text: str) -> str:
    """Slack's three control characters are those of HTML; a backtick would end a code span."""
    return html.escape(text, quote=False).replace("`", "'")


def send(client: "WebhookClient", payload: dict[str, Any]) -> None:
    """Post the message.

    Raises:
        SlackRejected: The answer was not 200.
    """
    response = client.send(text=payload["text"], blocks=payload["blocks"])
    if response.status_code != 200:
        raise SlackRejected(f"HTTP {response.status_code}")
