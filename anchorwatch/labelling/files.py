"""Label files: CSV for a spreadsheet or JSONL, with a column for each thing to label."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError

TEXTS = ("prompt", "context", "response")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet would calculate; logged text is not to be trusted with that."""


def write_rows(path: Path, rows: Iterable[dict[str, Any]], to_label: Sequence[str]) -> int:
    """Write rows to label; return how many. The labels' columns are empty, and so is the labeller.

    Raises:
        ConfigError: The file is neither .csv nor .jsonl, or is there already.
    """
    columns = ["request_id", "run_date", *TEXTS, *to_label, "labeller"]
    _check_form(path)
    if path.exists():
        raise ConfigError(f"{path} is there already, and may hold labels: name another file")
    path.parent.mkdir(parents=True, exist_ok=True)
    count = 0
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="") if path.suffix == ".csv" else None
        if writer is not None:
            writer.writeheader()
        for row in rows:
            count += 1
            if writer is not None:
                writer.writerow({name: _cell(value) for name, value in row.items()})
            else:
                file.write(
                    json.dumps({name: row.get(name) for name in columns}, ensure_ascii=False, default=str) + "\n"
                )
    return count


def read_rows(path: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield the line number and the cells that are not empty.

    Raises:
        ConfigError: The file is not there, or a line is not of its form.
    """
    _check_form(path)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix == ".csv":
            first = file.readline()
            file.seek(0)
            # Spreadsheets of some countries write semicolons.
            reader = csv.DictReader(file, delimiter=max(",;\t", key=first.count))
            for row in reader:
                yield reader.line_num, {name: text for name, value in row.items() if name and (text := _read(value))}
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, _json_row(path, number, line)


def _json_row(path: Path, number: int, line: str) -> dict[str, str]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}:{number}: not a JSON object")
    return {str(name): text for name, value in data.items() if (text := _text(value))}


def _check_form(path: Path) -> None:
    if path.suffix not in (".csv", ".jsonl"):
        raise ConfigError(f"{path}: a label file ends in .csv or .jsonl")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _read(value: Any) -> str:
    """Take off what `_cell` put on."""
    text = _text(value)
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "" if value is None else str(value).strip()
