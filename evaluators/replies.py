"""Reads the judge's answer out of its reply: the last whole object with the verdicts, outside of any reasoning."""

import html
import re
from collections.abc import Callable, Iterable
from typing import Any

from evaluators.json_candidates import (
    ASCII_OF_WIDE,
    CHARS_READ,
    Candidate,
    cut_object,
    find_json,
    load_json,
    plain_key,
    repaired_json,
)
from evaluators.judging import MalformedReply
from evaluators.reasoning import reasoning_places, without_reasoning
from evaluators.reply_shapes import aliases, merged, named_values, with_plain_keys
from evaluators.verdict_lines import verdict_lines

_DEPTH = 4
"""Objects in objects, and JSON in strings of JSON, that are looked into."""
_NO_ANSWER = frozenset(
    ["reasoning", "thinking", "thought", "thoughts", "analysis", "scratchpad", "chain_of_thought", "draft", "drafts",
     "example", "examples", "schema", "json_schema", "properties", "$defs", "definitions",
     "first_impression", "initial", "preliminary"]
)  # fmt: skip
"""Keys under which a judge thinks, gives examples or repeats the schema."""
_LEAD_CHARS = 200
_EXAMPLE = re.compile(
    r"\b(?:for comparison|(?:bad|poor|worse|weak|wrong|good|better|perfect|harmful) \w+ would|for example|example|"
    r"for instance|e\.g\.)(?!\w)[^.!?\n{}]{0,80}\s*(?:```\w*\s*)?\Z",
    re.IGNORECASE,
)
"""What stands right before an object that is not the answer."""


def read_verdicts(
    text: str, names: Iterable[str], is_quoted: Callable[[str], bool] = lambda literal: False
) -> dict[str, Any]:
    """Return the object that holds the verdicts, with its keys in lower case.

    A reply may think aloud, give an example first, wrap its object in prose, in other objects or in a string, and
    break JSON's rules. The last complete object that has all names counts; parts of an answer in several objects
    are put together.

    Args:
        names: What a verdict is expected of.
        is_quoted: Tells whether an object stands in the text that is judged: whoever wrote that does not vote.

    Raises:
        MalformedReply: There is no such object, or several that disagree.
    """
    wanted = tuple(plain_key(name) for name in names)
    text = text[-CHARS_READ:]
    for form in dict.fromkeys((text, html.unescape(text), text.translate(ASCII_OF_WIDE))):
        if objects := _objects(form, wanted, is_quoted):
            return _choose(objects, wanted)
    if "{" in text:
        raise MalformedReply("no complete JSON object with a verdict")
    if (lines := verdict_lines(without_reasoning(text), wanted, is_quoted)) is not None:
        return lines
    raise MalformedReply("not JSON")


def _objects(text: str, wanted: tuple[str, ...], is_quoted: Callable[[str], bool]) -> list[dict[str, Any]]:
    """Return the objects that hold verdicts and are the judge's own, in order.

    Raises:
        MalformedReply: The last one was cut off.
    """
    whole = _string_of_json(text)
    candidates = find_json(text) if whole is None else [Candidate(0, len(text), whole)]
    whole_json = [(found.start, found.end) for found in candidates]
    thoughts = reasoning_places(text, whole_json)
    held = [(found, _unwrap(found.value, wanted)) for found in candidates if not _within(found.start, thoughts)]
    usable = [(found, body) for found, body in held if body is not None]
    after = usable[-1][0].end if usable else 0
    # A broken object behind a whole one may be the answer, and the whole one its example.
    for found in repaired_json(text, aliases(wanted), after):
        if not _within(found.start, thoughts + whole_json) and (body := _unwrap(found.value, wanted)) is not None:
            usable.append((found, body))
    cut = cut_object(text, usable[-1][0].end if usable else 0)
    if cut is not None and not _within(cut, thoughts) and any(name in text[cut:].casefold() for name in wanted):
        raise MalformedReply("the answer was cut off")
    own = [body for found, body in usable if not is_quoted(text[found.start : found.end])]
    if not own and any(body != usable[0][1] for _, body in usable):
        raise MalformedReply("the reply quotes several answers and gives none")
    last = usable[-1][0].start if usable else 0
    if any(body != own[-1] for body in own) and _EXAMPLE.search(text[max(0, last - _LEAD_CHARS) : last]):
        raise MalformedReply("the last of several answers is called an example")
    return own or [body for _, body in usable]


def _choose(objects: list[dict[str, Any]], wanted: tuple[str, ...]) -> dict[str, Any]:
    """Return the last object with all names, or the parts put together.

    Raises:
        MalformedReply: A later part says something else.
    """
    whole = [n for n, body in enumerate(objects) if all(name in body for name in wanted)]
    chosen = dict(objects[whole[-1]]) if whole else {}
    for body in objects[whole[-1] + 1 :] if whole else objects:
        for name in body:
            if name in wanted and chosen.setdefault(name, body[name]) != body[name]:
                raise MalformedReply("the reply contradicts itself")
        chosen = body | chosen
    return chosen


def _unwrap(value: Any, wanted: tuple[str, ...], depth: int = _DEPTH) -> dict[str, Any] | None:
    """Return the object with verdicts that a value is, or holds as its only one."""
    if not depth:
        return None
    if isinstance(value, str):
        inner = load_json(value) if value.lstrip()[:1] in ("{", "[", '"') else None
        return _unwrap(inner, wanted, depth - 1) if inner is not None else None
    if isinstance(value, list):
        if (named := named_values(value, wanted)) is not None:
            return named
        parts: Iterable[Any] = value
    elif isinstance(value, dict):
        plain = with_plain_keys(value, wanted)
        if any(name in plain for name in wanted):
            return plain
        parts = [part for key, part in plain.items() if key not in _NO_ANSWER or _is_filled_in(key, part, wanted)]
    else:
        return None
    found = [body for part in parts if (body := _unwrap(part, wanted, depth - 1)) is not None]
    if isinstance(value, list):
        return merged(found, wanted)
    if len(found) != 1:
        return None
    return {key: part for key, part in plain.items() if part is not None} | found[0]


def _is_filled_in(key: str, part: Any, wanted: tuple[str, ...]) -> bool:
    """Tell whether a judge wrote its verdicts into the schema's own frame."""
    said = [part[name] for name in wanted if name in part] if key == "properties" and isinstance(part, dict) else []
    return bool(said) and not any(isinstance(value, dict | list) for value in said)


def _string_of_json(text: str) -> Any:
    """Return what a reply holds that is one JSON string."""
    return load_json(text.strip()) if text.lstrip()[:1] == '"' else None


def _within(place: int, places: list[tuple[int, int]]) -> bool:
    return any(start <= place < end for start, end in places)
