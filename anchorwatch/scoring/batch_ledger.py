"""What `judge_batch_lines` knows: which questions a batch holds, and what became of each."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Literal

import sqlalchemy as sa

from anchorwatch.scoring.batch_records import Batch
from anchorwatch.warehouse import copy_rows, query

UNANSWERED_TRIES = 3
"""Batches that may leave a question without an answer before it counts as one that has none."""
UNANSWERED = "judge_batch_unanswered"
Ending = Literal["answered", "malformed", "final", "unanswered"]

_OPEN = sa.text(
    "SELECT cache_key, request_id, n_chars FROM judge_batch_lines WHERE batch_key = :batch_key "
    "AND input_tokens IS NULL AND cache_key = ANY(:keys)"
)
_SILENT = sa.text(
    "SELECT cache_key, request_id, n_chars FROM judge_batch_lines WHERE batch_key = :batch_key "
    "AND ending IS NULL ORDER BY cache_key"
)
_BOOKED = sa.text(
    "SELECT COUNT(*) AS lines, COUNT(input_tokens) AS booked, COALESCE(SUM(input_tokens), 0) AS input_tokens, "
    "COALESCE(SUM(output_tokens), 0) AS output_tokens, COUNT(*) FILTER (WHERE ending = 'answered') AS answered, "
    "COUNT(*) FILTER (WHERE ending = 'final' AND input_tokens IS NULL) AS rejected "
    "FROM judge_batch_lines WHERE batch_key = :batch_key"
)
_FORGET = sa.text("DELETE FROM judge_batch_lines WHERE batch_key = :batch_key")
_COLUMNS = (
    "batch_key", "cache_key", "request_id", "n_chars", "ending", "outcome", "input_tokens", "output_tokens", "partial",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Line:
    """A question of a batch."""

    key: str
    request_id: str
    n_chars: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of a line.

    Attributes:
        outcome: `scored`, or the reason why not.
        input_tokens: Paid; None where nothing was.
    """

    key: str
    ending: Ending
    outcome: str
    input_tokens: int | None = None
    output_tokens: int | None = None
    partial: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tries:
    """How often a question was sent in batches of a run, and how the last try ended."""

    malformed: int = 0
    unanswered: int = 0
    is_final: bool = False
    outcome: str = UNANSWERED
    partial: dict[str, Any] | None = None

    def are_spent(self, reasks: int) -> bool:
        """Tell whether the question is not to be sent again."""
        return self.is_final or self.malformed > reasks or self.unanswered >= UNANSWERED_TRIES


@dataclass(slots=True)
class Unasked:
    """Why questions that have no answer are not in any batch; the rows are unscored with that reason.

    Attributes:
        reasons: By cache key.
        otherwise: Of all others.
    """

    reasons: dict[str, str] = field(default_factory=dict)
    otherwise: str = UNANSWERED

    def reason(self, key: str) -> str:
        """Return the reason of one question."""
        return self.reasons.get(key, self.otherwise)


@dataclass(frozen=True, slots=True)
class Sums:
    """What is settled of a batch so far.

    Attributes:
        booked: Lines that were paid, and their tokens.
        rejected: Lines that the endpoint would not take.
    """

    lines: int
    booked: int
    input_tokens: int
    output_tokens: int
    answered: int
    rejected: int


def add_lines(connection: sa.Connection, batch: Batch, lines: Sequence[Line]) -> None:
    """Note questions that a batch will hold, before it is sent."""
    rows = ((batch.batch_key, line.key, line.request_id, line.n_chars, *(None,) * 5) for line in lines)
    copy_rows(connection, "judge_batch_lines", _COLUMNS, rows)


def open_lines(connection: sa.Connection, batch: Batch, keys: Collection[str]) -> dict[str, Line]:
    """Return those of these questions that are the batch's and are not booked yet."""
    return {line.key: line for line in _lines(connection, _OPEN, batch, keys=list(keys))}


def silent_lines(connection: sa.Connection, batch: Batch) -> list[Line]:
    """Return the batch's questions of which its files say nothing."""
    return _lines(connection, _SILENT, batch)


def settle(connection: sa.Connection, batch: Batch, settled: Sequence[Settled]) -> None:
    """Note what became of lines; those that are booked stay as they are."""
    arguments = {
        "batch_key": batch.batch_key,
        "keys": [line.key for line in settled],
        "endings": [line.ending for line in settled],
        "outcomes": [line.outcome for line in settled],
        "partials": [None if line.partial is None else json.dumps(line.partial) for line in settled],
        "input_tokens": [line.input_tokens for line in settled],
        "output_tokens": [line.output_tokens for line in settled],
    }
    connection.execute(query("judge_batch_lines", "settle"), arguments)


def sums(connection: sa.Connection, batch: Batch) -> Sums:
    """Add up what is settled of a batch."""
    return Sums(*(int(sum_) for sum_ in connection.execute(_BOOKED, {"batch_key": batch.batch_key}).one()))


def forget(connection: sa.Connection, batch: Batch) -> None:
    """Drop the questions of a batch that was never worked on."""
    connection.execute(_FORGET, {"batch_key": batch.batch_key})


def tries(connection: sa.Connection, run_id: str, run_date: date, keys: Collection[str]) -> dict[str, Tries]:
    """Return how often questions were sent for a run; those that never were are missing."""
    arguments = {"run_id": run_id, "run_date": run_date, "keys": list(keys)}
    found = connection.execute(query("judge_batch_lines", "attempts"), arguments)
    return {
        row.cache_key: Tries(row.malformed, row.unanswered, row.is_final, row.outcome, row.partial) for row in found
    }


def _lines(connection: sa.Connection, statement: sa.TextClause, batch: Batch, **more: Any) -> list[Line]:
    return [Line(*row) for row in connection.execute(statement, {"batch_key": batch.batch_key} | more)]
