"""Rows of a JSONL file to score; a line that is none is a row with a problem, not an error."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from anchorwatch.errors import ConfigError
from anchorwatch.scoring.interactions import passages
from evaluators import Interaction

_TEXTS = ("prompt", "response", "ground_truth", "finish_reason", "query_type", "other_response")


@dataclass(frozen=True, slots=True)
class FileRow:
    """One line of the input.

    Attributes:
        number: Its place among the lines that are not empty, from 1.
        problem: Why it cannot be scored.
        label: What the column of labels says, if one was named.
    """

    number: int
    request_id: str | None
    interaction: Interaction | None
    problem: str | None = None
    label: str | None = None


def read_rows(source: Path, labels: str | None = None) -> Iterator[FileRow]:
    """Yield the rows one by one.

    Args:
        labels: Column with a person's label.

    Raises:
        ConfigError: There is no such file.
    """
    for number, line in enumerate(_lines(source), 1):
        yield _row(number, line, labels)


def count_rows(source: Path) -> int:
    """Return the number of rows."""
    return sum(1 for _ in _lines(source))


def _lines(source: Path) -> Iterator[bytes]:
    if not source.is_file():
        raise ConfigError(f"{source}: there is no such file")
    with source.open("rb") as file:
        yield from (line for line in file if line.strip())


def _row(number: int, line: bytes, labels: str | None) -> FileRow:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return FileRow(number, None, None, "not_json")
    if not isinstance(data, dict) or not data.get("request_id"):
        return FileRow(number, None, None, "no_request_id")
    request_id = str(data["request_id"])
    text = {name: _text(data.get(name)) for name in _TEXTS}
    interaction = Interaction(
        request_id=request_id,
        prompt=text["prompt"] or "",
        response=text["response"] or "",
        context=passages(_text(data.get("context"))),
        ground_truth=text["ground_truth"],
        finish_reason=text["finish_reason"],
        query_type=text["query_type"],
        status=str(data.get("status") or "ok"),
        other_response=text["other_response"],
    )
    label = _label(data.get(labels)) if labels is not None else None
    return FileRow(number, request_id, interaction, label=label)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def _label(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = _text(value)
    return text.strip() if text is not None and text.strip() else None
