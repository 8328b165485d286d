"""Verdicts of a reply without any object: `quality: 4` on a line of its own, as YAML, a table or a list has it."""

import re
from collections.abc import Callable
from typing import Any

from evaluators.json_candidates import plain_key

_MOST_LINES, _MOST_CHARS = 60, 2000
_TAGGED = re.compile(r"<(?P<key>\w{1,50})>\s*(?P<value>[^<>]{1,200}?)\s*</(?P=key)>")
_LINE = re.compile(r"[\s>|*+\-]{0,20}(?P<key>[^:=|]{1,60})[:=|](?P<value>[^|]{1,200})\|?")
_COMMA = re.compile(r",\s+(?=[\"'*]{0,3}\w{1,50}[\"'*]{0,3}\s?[:=])")
_AROUND = " \t,\"'*`"


def verdict_lines(text: str, wanted: tuple[str, ...], is_quoted: Callable[[str], bool]) -> dict[str, Any] | None:
    """Return the verdicts that stand on lines of their own; None unless each of `wanted` does, once.

    Args:
        text: The reply without what its judge thinks aloud.
        is_quoted: Tells whether a line stands in the text that is judged: whoever wrote that does not vote.
    """
    lines = [line.strip() for line in text.strip(" \t\r\n}").splitlines() if line.strip()]
    if len(lines) > _MOST_LINES or max(map(len, lines), default=0) > _MOST_CHARS:
        return None
    lines = _COMMA.split(lines[0]) if len(lines) == 1 else lines
    found: dict[str, Any] = {}
    for pair in list(_TAGGED.finditer(text)) or list(filter(None, map(_LINE.fullmatch, lines))):
        name = plain_key(pair["key"])
        if name in wanted and (name in found or is_quoted(pair.group().strip())):
            return None
        found[name] = pair["value"].strip(_AROUND)
    return found if all(name in found for name in wanted) else None
