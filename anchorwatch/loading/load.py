"""Loads one file in chunks, each in a transaction of its own, so that a killed load is simply repeated."""

import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.loading.canonical import CANONICAL, CanonicalRow, RowError, canonical_row
from anchorwatch.loading.readers import Row, read_rows
from anchorwatch.settings.mapping import ColumnMap, Mapping
from anchorwatch.warehouse import connect, copy_rows
from anchorwatch.warehouse.rows import lock

CHUNK_ROWS = 5000
_DELETE = sa.text("DELETE FROM llm_requests WHERE request_id = ANY(:ids)")
_T = TypeVar("_T")


@dataclass(slots=True)
class LoadCounts:
    """What became of the rows of a file: read = loaded + replaced + repeated + rejected.

    Attributes:
        replaced: Rows whose content differed from what was loaded under their id, and took its place.
        repaired: Loaded rows in which a character that Postgres cannot hold became U+FFFD.
    """

    loaded: int = 0
    repeated: int = 0
    rejected: int = 0
    repaired: int = 0
    replaced: int = 0

    @property
    def read(self) -> int:
        """Rows read from the file."""
        return self.loaded + self.replaced + self.repeated + self.rejected


@dataclass(frozen=True, slots=True)
class _Reject:
    row_number: int
    request_id: str | None
    field: str | None
    reason: str


def load_file(
    engine: sa.Engine,
    path: Path,
    mapping: Mapping | None = None,
    *,
    rejects_path: Path | None = None,
    replace: bool = False,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda rows: None,
) -> LoadCounts:
    """Load a file into `llm_requests`; rows that are there already are left alone.

    Args:
        mapping: Source columns by canonical name; without it the file has the canonical names.
        rejects_path: JSONL file for the rejected rows (row number, id, field, reason; no text).
        replace: Let a row with another content take the place of the one that was loaded under its id; without it
            the first content wins and the other is rejected.
        now: Rows later than this are in the future; the clock by default.
        progress: Called with the number of rows after each chunk.

    Raises:
        ConfigError: The file cannot be read, or the mapping names a column it does not have.
        TransientError: The warehouse is not available.
    """
    now = now or datetime.now(UTC)
    counts = LoadCounts()
    file_hash = _file_hash(path)
    for number, chunk in enumerate(_chunks(read_rows(path))):
        first_row = number * CHUNK_ROWS + 1
        if number == 0:
            mapping = _checked(mapping, chunk, path)
        assert mapping is not None
        rows, rejects = _convert(chunk, mapping, first_row, now)
        rejects += _store(engine, rows, counts, now, replace=replace)
        _record(engine, rejects, path, file_hash, now)
        _append(rejects_path, rejects, path)
        counts.rejected += len(rejects)
        progress(len(chunk))
    return counts


def _chunks(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while chunk := list(itertools.islice(iterator, CHUNK_ROWS)):
        yield chunk


def _file_hash(path: Path) -> str:
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _checked(mapping: Mapping | None, chunk: list[Row], path: Path) -> Mapping:
    """Check the mapping against the columns of the first chunk; none means the canonical names."""
    there = {name for row in chunk if isinstance(row, dict) for name in row}
    if mapping is None:
        mapping = Mapping(columns={c.name: ColumnMap(column=c.name) for c in CANONICAL if c.name in there})
    known = {column.name for column in CANONICAL}
    for name, chosen in (*mapping.columns.items(), *mapping.attributes.items()):
        if name in mapping.columns and name not in known:
            raise ConfigError(f"mapping: '{name}' is no canonical column; there are {', '.join(sorted(known))}")
        if chosen.column is not None and there and chosen.column not in there:
            raise ConfigError(
                f"mapping: {name} comes from '{chosen.column}', but {path.name} has no such column; "
                f"there are {', '.join(sorted(there))}"
            )
    missing = [name for name in ("request_id", "requested_at") if name not in mapping.columns]
    if missing and there:
        raise ConfigError(
            f"mapping: {' and '.join(missing)} must be mapped; {path.name} has {', '.join(sorted(there))}"
        )
    return mapping


def _convert(
    chunk: list[Row], mapping: Mapping, first_row: int, now: datetime
) -> tuple[list[tuple[int, CanonicalRow]], list[_Reject]]:
    rows: list[tuple[int, CanonicalRow]] = []
    rejects: list[_Reject] = []
    for number, row in enumerate(chunk, first_row):
        try:
            if isinstance(row, str):
                raise RowError("(row)", row)
            rows.append((number, canonical_row(row, mapping, now)))
        except RowError as error:
            rejects.append(_Reject(number, error.request_id, error.field, error.reason))
    return rows, rejects


def _store(
    engine: sa.Engine, rows: list[tuple[int, CanonicalRow]], counts: LoadCounts, now: datetime, *, replace: bool
) -> list[_Reject]:
    """Insert what is new; another content of a request_id replaces it or is rejected."""
    rejects: list[_Reject] = []
    new: list[CanonicalRow] = []
    replaced: set[str] = set()
    seen: set[str] = set()
    with connect(engine) as connection:
        lock(connection, "load")
        hashes = _stored_hashes(connection, [row.request_id for _, row in rows])
        for number, row in rows:
            known = hashes.setdefault(row.request_id, None)
            if known is None:
                hashes[row.request_id] = row.content_hash
                new.append(row)
            elif known == row.content_hash:
                counts.repeated += 1
            elif replace and row.request_id not in seen:
                hashes[row.request_id] = row.content_hash
                replaced.add(row.request_id)
                new.append(row)
            else:
                reason = "this request_id is already loaded with different content"
                rejects.append(_Reject(number, row.request_id, "request_id", reason))
            seen.add(row.request_id)
        if replaced:
            connection.execute(_DELETE, {"ids": sorted(replaced)})
        columns = [*(column.name for column in CANONICAL), "attributes", "content_hash", "loaded_at"]
        written = copy_rows(
            connection, "llm_requests", columns, ((*row.values, row.attributes, row.content_hash, now) for row in new)
        )
        counts.replaced += len(replaced)
        counts.loaded += written - len(replaced)
    counts.repaired += sum(row.is_repaired for row in new)
    return rejects


def _stored_hashes(connection: sa.Connection, ids: list[str]) -> dict[str, str | None]:
    found = connection.execute(
        sa.text("SELECT request_id, content_hash FROM llm_requests WHERE request_id = ANY(:ids)"), {"ids": ids}
    )
    return {request_id: content_hash for request_id, content_hash in found}


def _record(engine: sa.Engine, rejects: list[_Reject], path: Path, file_hash: str, now: datetime) -> None:
    if not rejects:
        return
    statement = sa.text(
        "INSERT INTO load_rejects (file_name, file_hash, row_number, request_id, field, reason, rejected_at) "
        "VALUES (:file_name, :file_hash, :row_number, :request_id, :field, :reason, :rejected_at) "
        "ON CONFLICT DO NOTHING"
    )
    common = {"file_name": path.name, "file_hash": file_hash, "rejected_at": now}
    with connect(engine) as connection:
        connection.execute(statement, [common | _as_dict(reject) for reject in rejects])


def _append(rejects_path: Path | None, rejects: list[_Reject], path: Path) -> None:
    if rejects_path is None or not rejects:
        return
    rejects_path.parent.mkdir(parents=True, exist_ok=True)
    with rejects_path.open("a", encoding="utf-8") as file:
        for reject in rejects:
            file.write(json.dumps({"file": path.name, **_as_dict(reject)}, ensure_ascii=False) + "\n")


def _as_dict(reject: _Reject) -> dict[str, Any]:
    return {
        "row_number": reject.row_number,
        "request_id": reject.request_id,
        "field": reject.field,
        "reason": reject.reason,
    }
