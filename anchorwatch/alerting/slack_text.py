"""Slack's Block Kit messages: what is in them, within Slack's limits. Nothing is sent from here."""

import html
import json
from typing import Any

from anchorwatch.alerting.facts import Fact
from anchorwatch.alerting.incidents import Change
from anchorwatch.alerting.links import Links
from anchorwatch.limits import (
    SLACK_BLOCKS,
    SLACK_CONTEXT_CHARS,
    SLACK_HEADER_CHARS,
    SLACK_MESSAGE_BYTES,
    SLACK_SECTION_CHARS,
    cut,
    length,
)

BLOCKS = SLACK_BLOCKS - 10
LINE_CHARS = 400
NOTE_BYTES = 300
"""Kept free for the note that a repeat carries."""
SHORT_CHARS = 120
CUT = "… cut to fit: `anchorwatch alerts list` has all of it"
SEGMENTS_NAMED = 5
_WORDS = {"opened": "NEW", "reopened": "FIRING AGAIN", "updated": "UPDATE", "resolved": "RECOVERED"}


def message(changes: list[Change], links: Links) -> dict[str, Any]:
    """Build one message about some incidents: severity in words, a block each, the worst first.

    Where it would be too large for Slack, the last incidents are one line each, and then a number.
    """
    title = _title(changes, links.run_date)
    header = {"type": "header", "text": {"type": "plain_text", "text": cut(title, SLACK_HEADER_CHARS)}}
    room = SLACK_MESSAGE_BYTES - NOTE_BYTES - _size(header) - _size(_footer(len(changes), links))
    sections = _within(changes[:BLOCKS], links, room)
    footer = _footer(len(changes) - len(sections), links)
    return {"text": title, "blocks": [header, *sections, footer]}


def _footer(hidden: int, links: Links) -> dict[str, Any]:
    more = f"{hidden} more are in `anchorwatch alerts list`. " if hidden > 0 else ""
    say = "say what it was: `anchorwatch alerts ack ID --as real|noise`"
    text = f"{more}<{links.run}|Airflow run> · {say}"
    if length(text) > SLACK_CONTEXT_CHARS:  # half a link is none
        text = more + say
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": text}]}


def _within(changes: list[Change], links: Links, room: int) -> list[dict[str, Any]]:
    """Return the sections that fit: all of them in full, or else as many as can be in full and the rest short."""
    full, short = [_section(change, links) for change in changes], [_short(change) for change in changes]
    if sum(map(_size, full)) <= room:
        return full
    while sum(map(_size, short)) > room:
        short.pop()
    room -= sum(map(_size, short))
    chosen = []
    for long, brief in zip(full, short, strict=False):
        more = _size(long) - _size(brief)
        fits = more <= room
        room -= more if fits else 0
        chosen.append(long if fits else brief)
    return chosen


def _size(block: dict[str, Any]) -> int:
    return len(json.dumps(block, ensure_ascii=False).encode("utf-8", "replace")) + 2


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


def _short(change: Change) -> dict[str, Any]:
    incident = change.incident
    said = change.facts[0].headline() if change.facts else incident.title
    head = f"*{incident.severity.upper()} · {_WORDS[change.kind]}* · incident {incident.incident_id}"
    return {"type": "section", "text": {"type": "mrkdwn", "text": f"{head} · {_escaped(cut(said, SHORT_CHARS))}"}}


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
        whole = line if len(line) <= 2 * LINE_CHARS else _shortened(line)
        if length(text) + length(whole) + 1 > SLACK_SECTION_CHARS - len(CUT):
            return text + CUT
        text += whole + "\n"
    return text.rstrip("\n")


def _shortened(line: str) -> str:
    head = line[: 2 * LINE_CHARS]
    ampersand = head.rfind("&", len(head) - 6)
    head = head[:ampersand] if ampersand >= 0 and ";" not in head[ampersand:] else head
    return head + ("`" if head.count("`") % 2 else "") + " …"


def _escaped(text: str) -> str:
    """Slack's three control characters are those of HTML; a backtick would end a code span, a line a block.

    A zero-width space keeps hostile names from becoming bold, struck or italic.
    """
    plain = html.escape(" ".join(text.split()), quote=False).replace("`", "'")
    for mark in "*_~":
        plain = plain.replace(f" {mark}", f" \u200b{mark}") if mark in plain else plain
    return plain
