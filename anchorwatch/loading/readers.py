"""Reads Parquet, CSV and JSONL row by row; an unreadable row is an outcome, not an exception."""

import csv
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anchorwatch.errors import ConfigError

if TYPE_CHECKING:
    import pyarrow as pa

Row = dict[str, Any] | str
"""A row as read, or the reason why it could not be."""

_LARGEST_FIELD = 2**31 - 1
_LONGEST_INTEGER = 400
"""Digits. Python refuses to read integers of more than 4,300, and no column holds one of more than 19."""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A cell that could not be read, and why; its row is rejected when the column is one that is loaded."""

    reason: str


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the rows of a file.

    Raises:
        ConfigError: The file is missing, or is none of .parquet, .csv, .jsonl (and .ndjson, .json).
    """
    readers = {".parquet": _parquet, ".csv": _csv, ".jsonl": _jsonl, ".ndjson": _jsonl, ".json": _jsonl}
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    if path.suffix.lower() not in readers:
        raise ConfigError(f"{path}: cannot read '{path.suffix}' files; give .parquet, .csv or .jsonl")
    return readers[path.suffix.lower()](path)


def _parquet(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq
    from pyarrow.lib import ArrowException

    rows = 0
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=2000):
            yield from _batch_rows(batch)
            rows += batch.num_rows
    except (ArrowException, OSError) as error:
        what = "not a Parquet file" if rows == 0 else f"damaged after row {rows}, up to which it was read"
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"{path}: {what}: {first_line}") from error


def _batch_rows(batch: "pa.RecordBatch") -> list[dict[str, Any]]:
    """Return the rows; cells that Python cannot hold, such as times after the year 9999, make no other row fail."""
    try:
        rows: list[dict[str, Any]] = batch.to_pylist()
    except (ValueError, OverflowError):
        cells = {name: [_cell(value) for value in batch.column(name)] for name in batch.schema.names}
        rows = [{name: column[at] for name, column in cells.items()} for at in range(batch.num_rows)]
    return rows


def _cell(value: "pa.Scalar[Any]") -> Any:
    try:
        return value.as_py()
    except (ValueError, OverflowError):
        return Unreadable("out of the range that can be held")


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_LARGEST_FIELD)
    # surrogateescape keeps a bad byte visible, so that only its row is rejected.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        # Strict: left to itself the reader takes an open quote up to the end of the file for one field.
        reader = csv.reader(file, strict=True)
        header = _header(reader, path)
        while True:
            start = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _csv_reason(error, start, reader.line_num)
                continue
            if cells:
                yield _csv_row(header, cells)


def _header(reader: Any, path: Path) -> list[str]:
    try:
        header: list[str] = next((cells for cells in reader if cells), [])
    except csv.Error as error:
        raise ConfigError(f"{path}: the header is not CSV: {error}") from None
    if any(_has_bad_bytes(name) for name in header):
        raise ConfigError(f"{path}: the header is not UTF-8; save the file as UTF-8")
    if twice := [name for name, times in Counter(header).items() if name and times > 1]:
        raise ConfigError(f"{path}: the header names the column '{twice[0]}' more than once; rename one")
    return header


def _csv_row(header: list[str], cells: list[str]) -> Row:
    if len(cells) > len(header):
        return "more fields than the header has"
    if len(cells) < len(header):
        return "fewer fields than the header has"
    if any(map(_has_bad_bytes, cells)):
        return "invalid UTF-8"
    return {name: (None if value == "" else value) for name, value in zip(header, cells, strict=True)}


def _csv_reason(error: csv.Error, start: int, end: int) -> str:
    if "unexpected end" in str(error):
        return f"a quote is not closed: lines {start} to {end}, the end of the file, were read as one row"
    return f"not CSV in lines {start} to {end}: {error}"


def _has_bad_bytes(value: str) -> bool:
    return any("\udc80" <= letter <= "\udcff" for letter in value)


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _json_row(line)


def _json_row(line: bytes) -> Row:
    try:
        row = json.loads(line, parse_int=_integer)
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start}"
    except (json.JSONDecodeError, RecursionError) as error:
        return f"not JSON: {getattr(error, 'msg', 'nested too deeply')}"
    return row if isinstance(row, dict) else "not a JSON object"


def _integer(digits: str) -> int | str:
    """Return the digits as they are where they are too many: a text column may keep them, a number may not."""
    return int(digits) if len(digits) <= _LONGEST_INTEGER else digits
