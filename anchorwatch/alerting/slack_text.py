"""Slack's Block Kit messages: what is in them, within Slack's limits. Nothing is sent from here."""

import html
from typing import Any

from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incidents import Change
from anchorwatch.alerting.links import Links

BLOCK_CHARS = 2900  # Slack allows 3000
BLOCKS = 40  # Slack allows 50
HEADER_CHARS = 150
LINE_CHARS = 400
SEGMENTS_NAMED = 5
_WORDS = {"opened": "NEW", "reopened": "FIRING AGAIN", "updated": "UPDATE", "resolved": "RECOVERED"}


def message(changes: list[Change], links: Links) -> dict[str, Any]:
    """Build one message about some incidents: severity in words, a block each, the worst first."""
    title = _title(changes, links.run_date)
    blocks: list[dict[str, Any]] = [{"type": "header", "text": {"type": "plain_text", "text": title[:HEADER_CHARS]}}]
    blocks += [_section(change, links) for change in changes[:BLOCKS]]
    hidden = len(changes) - BLOCKS
    more = f"{hidden} more are in `anchorwatch alerts list`. " if hidden > 0 else ""
    footer = f"{more}<{links.run}|Airflow run> · say what it was: `anchorwatch alerts ack ID --as real|noise`"
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": footer[:BLOCK_CHARS]}]})
    return {"text": title, "blocks": blocks}


def _title(changes: list[Change], run_date: str) -> str:
    opened = [change for change in changes if change.kind in ("opened", "reopened")]
    pages = sum(change.incident.severity == "page" for change in opened)
    parts = [f"{len(opened)} new incident{'s' * (len(opened) != 1)}"] if opened else []
    parts += [f"{pages} of them page"] if pages else []
    updated = sum(change.kind == "updated" for change in changes)
    parts += [f"{updated} updated"] if updated else []
    recovered = sum(change.kind == "resolved" for change in changes)
    parts += [f"{recovered} recovered"] if recovered else []
    return f"Anchorwatch {run_date}: {', '.join(parts)}"


def _section(change: Change, links: Links) -> dict[str, Any]:
    incident = change.incident
    rules = ", ".join(f"`{_escaped(rule)}`" for rule in incident.rule_ids[:SEGMENTS_NAMED])
    head = f"*{incident.severity.upper()} · {_WORDS[change.kind]}* · incident {incident.incident_id} · {rules}"
    lines = [head + (f" · {_escaped(incident.owner)}" if incident.owner else "")]
    if change.kind == "resolved":
        lines.append(f"Nothing of it fires any more. It began: {_escaped(incident.title)}")
    else:
        lines += _facts(change.facts, links)
    return {"type": "section", "text": {"type": "mrkdwn", "text": _joined(lines)}}


def _facts(facts: list[Fact], links: Links) -> list[str]:
    lines = [f"• {_escaped(fact.headline())}" for fact in facts[:SEGMENTS_NAMED]]
    if len(facts) > SEGMENTS_NAMED:
        lines.append(f"… and {len(facts) - SEGMENTS_NAMED} more findings")
    lead = facts[0]
    lines += [f"   {_escaped(detail)}" for detail in lead.details()]
    if lead.coinciding:
        lines.append("Around then: " + _escaped("; ".join(lead.coinciding)))
    lines += [f"> {_escaped(excerpt)}" for excerpt in lead.excerpts]
    if lead.examples:
        lines.append("Examples: " + ", ".join(f"`{_escaped(example)[:80]}`" for example in lead.examples))
    runbook, dashboard = links.runbook(lead.rule_id), links.dashboard(lead)
    where = f"<{runbook}|runbook>" if runbook.startswith("http") else f"runbook: {_escaped(runbook)}"
    lines.append(where + (f" · <{dashboard}|dashboard>" if dashboard else ""))
    return lines


def _joined(lines: list[str]) -> str:
    """Put lines together; what does not fit goes as whole lines, so that no escape or code span is cut."""
    text = ""
    for line in lines:
        cut = line if len(line) <= 2 * LINE_CHARS else _shortened(line)
        if len(text) + len(cut) + 1 > BLOCK_CHARS:
            break
        text += cut + "\n"
    return text.rstrip("\n")


def _shortened(line: str) -> str:
    cut = line[: 2 * LINE_CHARS]
    ampersand = cut.rfind("&", len(cut) - 6)
    cut = cut[:ampersand] if ampersand >= 0 and ";" not in cut[ampersand:] else cut
    return cut + ("`" if cut.count("`") % 2 else "") + " …"


def _escaped(text: str) -> str:
    """Slack's three control characters are those of HTML; a backtick would end a code span, a line a block.

    A zero-width space keeps hostile names from becoming bold, struck or italic.
    """
    plain = html.escape(" ".join(text.split()), quote=False).replace("`", "'")
    for mark in "*_~":
        plain = plain.replace(f" {mark}", f" \u200b{mark}") if mark in plain else plain
    return plain
