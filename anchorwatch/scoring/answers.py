"""The judge's answers in the warehouse: the first one for a key wins, and is paid once."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Literal

import sqlalchemy as sa

from anchorwatch.judge_client import Outcome
from anchorwatch.scoring.claims import Claims
from anchorwatch.settings import Settings
from anchorwatch.warehouse import copy_rows, query
from evaluators import Review

Mode = Literal["realtime", "batch"]


@dataclass(frozen=True, slots=True)
class Answer:
    """A stored answer and the model that gave it."""

    parsed: dict[str, Any]
    judge_model: str


_LOOK_UP = sa.text("SELECT cache_key, reply, judge_model FROM judge_cache WHERE cache_key = ANY(:keys)")
_RECORDED = sa.text(
    "SELECT request_id, cache_key FROM judge_calls "
    "WHERE run_id = :run_id AND run_date = :run_date AND request_id = ANY(:request_ids)"
)
_COLUMNS = (
    "run_id", "run_date", "request_id", "cache_key", "judge_model", "is_cached", "attempts", "input_tokens",
    "output_tokens", "cached_input_tokens", "cost_usd", "outcome", "called_at", "evaluators", "mode", "is_estimated",
)  # fmt: skip


def look_up(connection: sa.Connection, keys: Collection[str]) -> dict[str, Answer]:
    """Return the stored answers of these keys."""
    if not keys:
        return {}
    found = connection.execute(_LOOK_UP, {"keys": list(keys)})
    return {row.cache_key: Answer(row.reply, row.judge_model) for row in found}


class CallLedger:
    """Writes what was asked and paid, in the same transaction as the answers it paid for."""

    def __init__(
        self, settings: Settings, review: Review, run_id: str, run_date: date, mode: Mode = "realtime"
    ) -> None:
        self._price = settings.price_table.get(settings.judge.model)
        self._run_id, self._run_date, self._mode = run_id, run_date, mode
        self._evaluators = ",".join(sorted(name for name, _ in review.evaluators))

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

    def save(
        self, connection: sa.Connection, asked: Sequence[tuple[str, Outcome]], claims: Claims
    ) -> dict[str, Answer]:
        """Store outcomes, what was paid for them, and the end of their claims, all in one statement.

        Args:
            asked: The request that each outcome was asked for, and the outcome.

        Returns:
            What is stored under the keys of the answered ones now: the first answer each of them got.
        """
        outcomes = [outcome for _, outcome in asked]
        arguments = {
            "keys": [o.key for o in outcomes],
            "request_ids": [request_id for request_id, _ in asked],
            "models": [o.model for o in outcomes],
            "replies": [None if o.parsed is None else json.dumps(o.parsed) for o in outcomes],
            "outcomes": [o.reason or "scored" for o in outcomes],
            "attempts": [o.attempts for o in outcomes],
            "input_tokens": [o.input_tokens for o in outcomes],
            "output_tokens": [o.output_tokens for o in outcomes],
            "cached_input_tokens": [o.cached_input_tokens for o in outcomes],
            "costs": [self.cost(o) for o in outcomes],
            "estimated": [o.is_estimated for o in outcomes],
            "run_id": self._run_id,
            "run_date": self._run_date,
            "evaluators": self._evaluators,
            "mode": self._mode,
            "holder": claims.holder,
            "scopes": claims.scopes,
        }
        new = set(connection.execute(query("judge_calls", "save"), arguments).scalars())
        answered = [o for o in outcomes if o.parsed is not None]
        earlier = look_up(connection, [o.key for o in answered if o.key not in new])
        return {o.key: Answer(o.parsed or {}, o.model or "unknown") for o in answered if o.key in new} | earlier

    def record_cached(self, connection: sa.Connection, rows: Sequence[tuple[str, str, str]]) -> None:
        """Record rows that the cache answered (request_id, cache_key, judge_model), unless this run has them."""
        key = {"run_id": self._run_id, "run_date": self._run_date}
        found = connection.execute(_RECORDED, key | {"request_ids": [row[0] for row in rows]})
        known = {(row.request_id, row.cache_key) for row in found}
        calls = (
            self._cached_row(request_id, cache_key, model)
            for request_id, cache_key, model in rows
            if (request_id, cache_key) not in known
        )
        copy_rows(connection, "judge_calls", _COLUMNS, calls)

    def _cached_row(self, request_id: str, cache_key: str, model: str) -> tuple[Any, ...]:
        now, nothing = datetime.now(UTC), (0, 0, 0, 0)
        cost = None if self._price is None else 0.0
        key = (self._run_id, self._run_date, request_id, cache_key, model, True)
        return (*key, *nothing, cost, "scored", now, self._evaluators, self._mode, False)
