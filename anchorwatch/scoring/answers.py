"""The judge's answers in the warehouse: the first one for a key wins, and is paid once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.judge_client import Outcome
from anchorwatch.settings import Settings
from anchorwatch.warehouse import copy_rows
from evaluators import AnswerReview

Mode = Literal["realtime", "batch"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer and the model that gave it."""

    parsed: dict[str, Any]
    judge_model: str


_LOOK_UP = sa.text("SELECT cache_key, reply, judge_model FROM judge_cache WHERE cache_key = ANY(:keys)")
_INSERT = sa.text(
    "INSERT INTO judge_cache (cache_key, judge_model, reply, input_tokens, output_tokens, created_at) "
    "VALUES (:cache_key, :judge_model, :reply, :input_tokens, :output_tokens, :created_at) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("reply", type_=JSONB))
_RECORDED = sa.text(
    "SELECT request_id FROM judge_calls "
    "WHERE run_id = :run_id AND run_date = :run_date AND request_id = ANY(:request_ids)"
)
_COLUMNS = (
    "run_id", "run_date", "request_id", "cache_key", "judge_model", "is_cached", "attempts", "input_tokens",
    "output_tokens", "cached_input_tokens", "cost_usd", "outcome", "called_at", "evaluators", "mode",
)  # fmt: skip


def look_up(connection: sa.Connection, keys: Iterable[str]) -> dict[str, Answer]:
    """Return the stored answers of these keys."""
    found = connection.execute(_LOOK_UP, {"keys": list(keys)})
    return {row.cache_key: Answer(row.reply, row.judge_model) for row in found}


def store(connection: sa.Connection, outcomes: Sequence[Outcome]) -> dict[str, Answer]:
    """Store answers; return what is stored under their keys now, which is the first answer each of them got."""
    now = datetime.now(UTC)
    answered = [outcome for outcome in outcomes if outcome.parsed is not None]
    if not answered:
        return {}
    rows = [
        {
            "cache_key": outcome.key,
            "judge_model": outcome.model or "unknown",
            "reply": outcome.parsed,
            "input_tokens": outcome.input_tokens,
            "output_tokens": outcome.output_tokens,
            "created_at": now,
        }
        for outcome in answered
    ]
    connection.execute(_INSERT, rows)
    return look_up(connection, [outcome.key for outcome in answered])


class CallLedger:
    """Writes what was asked and paid, in the same transaction as the answers it paid for."""

    def __init__(self, settings: Settings, run_id: str, run_date: date, mode: Mode = "realtime") -> None:
        self._price = settings.price_table.get(settings.judge.model)
        self._run_id, self._run_date, self._mode = run_id, run_date, mode
        self._evaluators = ",".join(sorted(name for name, _ in AnswerReview.evaluators))

    def cost(self, outcome: Outcome) -> float | None:
        """Return what an outcome cost in USD; None without a price."""
        if self._price is None:
            return None
        return self._price.usd(
            outcome.input_tokens,
            outcome.output_tokens,
            outcome.cached_input_tokens,
            is_batch=self._mode == "batch",
        )

    def record(self, connection: sa.Connection, calls: Iterable[tuple[str, Outcome]]) -> Decimal:
        """Record what was asked for which request; return what it cost in USD."""
        rows = [self._row(request_id, outcome, is_cached=False) for request_id, outcome in calls]
        copy_rows(connection, "judge_calls", _COLUMNS, rows)
        return sum((Decimal(row[10]) for row in rows if row[10] is not None), Decimal(0))

    def record_cached(self, connection: sa.Connection, rows: Sequence[tuple[str, str, str]]) -> None:
        """Record rows that the cache answered (request_id, cache_key, judge_model), unless this run has them."""
        key = {"run_id": self._run_id, "run_date": self._run_date}
        known = set(connection.execute(_RECORDED, key | {"request_ids": [row[0] for row in rows]}).scalars())
        calls = (
            self._row(request_id, Outcome(cache_key, {}, None, model), is_cached=True)
            for request_id, cache_key, model in rows
            if request_id not in known
        )
        copy_rows(connection, "judge_calls", _COLUMNS, calls)

    def _row(self, request_id: str, outcome: Outcome, *, is_cached: bool) -> tuple[Any, ...]:
        return (
            self._run_id,
            self._run_date,
            request_id,
            outcome.key,
            outcome.model,
            is_cached,
            outcome.attempts,
            outcome.input_tokens,
            outcome.output_tokens,
            outcome.cached_input_tokens,
            self.cost(outcome),
            outcome.reason or "scored",
            datetime.now(UTC),
            self._evaluators,
            self._mode,
        )
