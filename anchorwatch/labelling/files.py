"""Label files: CSV for a spreadsheet or JSONL, with a column for each thing to label."""

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.words import allowed, shown

TEXTS = ("prompt", "context", "response")
HOW = "how_to_label"
"""A column that names the allowed labels and which are good. Every row has it, as rows are sorted and filtered."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""Beginnings that a spreadsheet would calculate; logged text is not to be trusted with that."""
_LARGEST_CELL = 2**31 - 1


@dataclass(frozen=True, slots=True)
class FileRow:
    """A row of a label file.

    Attributes:
        line: Where it begins, from 1.
        cells: The cells that are not empty, by column.
        problem: Why the row cannot be read; it has no cells then.
    """

    line: int
    cells: dict[str, str]
    problem: str | None = None


def how_to_label(columns: Iterable[str]) -> str:
    """Return in one line which labels are allowed in each column, and which end is good."""
    return "; ".join(f"{name}: {allowed(name)}" for name in columns)


def write_rows(path: Path, rows: Iterable[dict[str, Any]], to_label: Sequence[str]) -> int:
    """Write rows to label; return how many. The labels' columns are empty, and so is the labeller.

    Raises:
        ConfigError: The file is neither .csv nor .jsonl, or is there already.
    """
    columns = ["request_id", "run_date", *TEXTS, HOW, *to_label, "labeller"]
    how = how_to_label(to_label)
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
            whole = {**row, HOW: how}
            if writer is not None:
                writer.writerow({name: _cell(value) for name, value in whole.items()})
            else:
                record = {name: whole.get(name) for name in columns}
                file.write(json.dumps(record, ensure_ascii=False, default=str) + "\n")
    return count


def read_rows(path: Path) -> Iterator[FileRow]:
    """Yield the rows; one that cannot be read says why.

    Raises:
        ConfigError: The file is not there, is not UTF-8, or its header cannot be read.
    """
    _check_form(path)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from (
                _csv_rows(path, file) if path.suffix == ".csv" else itertools.starmap(_json_row, enumerate(file, 1))
            )
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 ({error.reason}); save it as 'CSV UTF-8'") from None


def _csv_rows(path: Path, file: Any) -> Iterator[FileRow]:
    csv.field_size_limit(_LARGEST_CELL)
    first = file.readline()
    file.seek(0)
    # Spreadsheets of some countries write semicolons. Strict: an open quote would take the rest for one cell.
    reader = csv.reader(file, delimiter=max(",;\t", key=first.count), strict=True)
    try:
        header = [name.strip() for name in next(reader, [])]
    except csv.Error as error:
        raise ConfigError(f"{path}: the header is not CSV: {error}") from None
    if twice := [name for name in header if name and header.count(name) > 1]:
        raise ConfigError(f"{path}: the header names the column '{shown(twice[0])}' more than once; rename one")
    while True:
        line = reader.line_num + 1
        try:
            cells = [_read(cell) for cell in next(reader)]
        except StopIteration:
            return
        except csv.Error as error:
            yield FileRow(line, {}, f"not CSV: {error}")
            continue
        if any(cells[len(header) :]) or any(cell and not name for name, cell in zip(header, cells, strict=False)):
            yield FileRow(line, {}, "a cell outside of the header's columns")
        else:
            yield FileRow(line, {name: cell for name, cell in zip(header, cells, strict=False) if cell})


def _json_row(number: int, line: str) -> FileRow:
    if not line.strip():
        return FileRow(number, {})
    try:
        data = json.loads(line, object_pairs_hook=_object)
    except _TwiceError as error:
        return FileRow(number, {}, f"the key '{shown(str(error))}' is there more than once")
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict):
        return FileRow(number, {}, "not a JSON object")
    return FileRow(number, {name: text for name, value in data.items() if (text := _text(value))})


class _TwiceError(Exception):
    """An object has a key twice, so that one of two labels would be lost."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwiceError(next(name for name in names if names.count(name) > 1))
    return found


def _check_form(path: Path) -> None:
    if path.suffix not in (".csv", ".jsonl"):
        raise ConfigError(f"{path}: a label file ends in .csv or .jsonl")


def _cell(value: Any) -> str:
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _read(value: str) -> str:
    """Take off what `_cell` put on."""
    text = value.strip()
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    return value.strip() if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
