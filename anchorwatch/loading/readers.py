"""Reads Parquet, CSV and JSONL row by row; an unreadable row is an outcome, not an exception."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError

Row = dict[str, Any] | str
"""A row as read, or the reason why it could not be."""

_LARGEST_FIELD = 2**31 - 1


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
    from pyarrow.lib import ArrowInvalid

    try:
        file = pq.ParquetFile(path)
    except ArrowInvalid as error:
        raise ConfigError(f"{path}: not a Parquet file: {error}") from error
    for batch in file.iter_batches(batch_size=2000):
        yield from batch.to_pylist()


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(_LARGEST_FIELD)
    # surrogateescape keeps a bad byte visible, so that only its row is rejected.
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        for row in csv.DictReader(file):
            if None in row:
                yield "more fields than the header has"
            elif any(_has_bad_bytes(value) for value in row.values()):
                yield "invalid UTF-8"
            else:
                yield {name: (None if value == "" else value) for name, value in row.items()}


def _has_bad_bytes(value: str | None) -> bool:
    return value is not None and any("\udc80" <= letter <= "\udcff" for letter in value)


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for line in file:
            if line.strip():
                yield _json_row(line)


def _json_row(line: bytes) -> Row:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        return f"invalid UTF-8 at byte {error.start}"
    except (json.JSONDecodeError, RecursionError) as error:
        return f"not JSON: {getattr(error, 'msg', 'nested too deeply')}"
    return row if isinstance(row, dict) else "not a JSON object"
