"""Every JSON object in a text that also holds other things, and what is nearly one."""

import json
import re
from dataclasses import dataclass
from typing import Any

CHARS_READ = 200_000
"""Of a longer reply the end is read: there the answer is."""
_WORK = 5_000_000
"""Characters looked at before a text of nothing but opening brackets is given up."""
_REPAIRED_CHARS = 20_000
_REPAIRED_DEPTH = 20
_REPAIRS = 3
_RAW = (
    r"""\b{name}\b["'\u201c\u201d\u2018\u2019`]?\s*[:=]\s*"""
    r"""(?P<raw>(?:[^,;}}\]\n"'\u201c\u201d\u2018\u2019`/#]|/(?![/*]))*)"""
)
_MORE = re.compile(r"[,;\s]*(?:[\d.+-]|[\"'][^\"'\n]{0,80}[\"'](?!\s*[:=]))")
"""What continues a bare value, such as `, 5` and ` "out of 10"`; a repair drops it."""
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{1,9})?")


ASCII_OF_WIDE = {wide: wide - 0xFEE0 for wide in range(0xFF01, 0xFF5F)} | dict.fromkeys(map(ord, "\u201c\u201d"), '"')
"""Full-width brackets, colons, commas and figures, and curly quotes, as JSON writes them: one letter for one."""
_ESCAPED = re.compile(r"\{\s*\\\"")


class Contradiction:
    """Stands for the value of a key that an object has twice with different values."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A JSON value in a text, with its place."""

    start: int
    end: int
    value: Any


def load_json(text: str) -> Any:
    """Return what a text of JSON says; None where it is none."""
    try:
        return _DECODER.decode(text.strip())
    except (ValueError, RecursionError):
        return None


def find_json(text: str) -> list[Candidate]:
    """Return the outermost JSON objects and arrays of a text, in order."""
    found: list[Candidate] = []
    at, work = 0, 0
    for bracket in re.finditer(r"[{\[]", text):
        if bracket.start() < at:
            continue
        try:
            value, at = _DECODER.raw_decode(text, bracket.start())
        except json.JSONDecodeError as error:
            work += error.pos - bracket.start()
        except (ValueError, RecursionError):  # a number of thousands of digits; brackets by the thousand
            work += len(text) - bracket.start()
        else:
            found.append(Candidate(bracket.start(), at, value))
        if work > _WORK:
            break
    return found


def repaired_json(text: str, names: tuple[str, ...], after: int) -> list[Candidate]:
    """Return what becomes of the last brace pairs behind a place that are not JSON, in order.

    A repair guesses: it makes 5 of `5%` and 4 of `4 or 5`. So a value of `names` that stands without quotes counts
    as it was written, and so does any number. An object that was cut off stays broken.
    """
    pairs, _ = _brace_pairs(text, after)
    found = []
    for start, end in pairs[-_REPAIRS:]:
        written = text[start:end].translate(ASCII_OF_WIDE)
        if _ESCAPED.match(written):
            written = written.replace('\\"', '"')
        value = load_json(written) or _repair(written)
        if isinstance(value, dict):
            found.append(Candidate(start, end, _as_written(value, written, names)))
    return found


def cut_object(text: str, after: int) -> int | None:
    """Return where an object begins, behind a place, that does not end; None: there is none."""
    return _brace_pairs(text, after)[1]


def _repair(written: str) -> Any:
    from json_repair import loads

    try:
        return loads(written)
    except (ValueError, RecursionError, IndexError, TypeError, AttributeError):
        return None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found[key] = value if key not in found or found[key] == value else Contradiction()
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_pairs, parse_constant=lambda name: None)


def _brace_pairs(text: str, after: int) -> tuple[list[tuple[int, int]], int | None]:
    """Return the outermost brace pairs that are neither too long nor too deep to repair, and where one is left open.

    Braces in strings count too: in broken JSON nobody knows where a string ends.
    """
    pairs: list[tuple[int, int]] = []
    depth = deepest = start = 0
    for brace in re.compile(r"[{}]").finditer(text, after):
        if brace.group() == "{":
            start = start if depth else brace.start()
            deepest = max(deepest, depth + 1) if depth else 1
            depth += 1
        elif depth:
            depth -= 1
            if depth == 0 and deepest <= _REPAIRED_DEPTH and brace.end() - start <= _REPAIRED_CHARS:
                pairs.append((start, brace.end()))
    return pairs, start if depth else None


def _as_written(value: Any, written: str, names: tuple[str, ...]) -> Any:
    """Return a repaired value in which bare values of `names` are what stands in the text."""
    if isinstance(value, list):
        return [_as_written(part, written, names) for part in value]
    if not isinstance(value, dict):
        return value
    return {key: _member(str(key), part, written, names) for key, part in value.items()}


def _member(key: str, value: Any, written: str, names: tuple[str, ...]) -> Any:
    if isinstance(value, dict):
        return _as_written(value, written, names)
    if isinstance(value, list):  # nobody knows which number of a list stands where
        return [Contradiction() if _is_number(part) else _as_written(part, written, names) for part in value]
    raws = {
        f"{found['raw'].strip()}{' ...' if found['raw'] and _MORE.match(written, found.end()) else ''}"
        for found in re.finditer(_RAW.format(name=re.escape(key)), written, re.IGNORECASE)
    }
    if plain_key(key) in names:
        raw = raws.pop() if len(raws) == 1 else None
        return Contradiction() if raw is None else raw if raw and not _NUMBER.fullmatch(raw) else value
    is_clean = bool(raws) and all(map(_NUMBER.fullmatch, raws))
    return Contradiction() if _is_number(value) and not is_clean else value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def plain_key(key: Any) -> str:
    """Return a key as a reply may also write it: `Wrong-Refusal` is `wrong_refusal`, and `**2. Quality**` `quality`."""
    plain = re.sub(r"^\d{1,2}[.)]\s*", "", str(key).strip("*`'\": \t\r\n").casefold())
    return re.sub(r"[\s\-]+", "_", plain.strip("*`'\": \t\r\n"))
