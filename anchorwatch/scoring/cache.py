"""The judge's answers in the warehouse: the first one for a key wins, and is paid once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from anchorwatch.judge_client import Outcome
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """A stored answer and the model that gave it."""

    parsed: dict[str, Any]
    judge_model: str


_LOOK_UP = sa.text("SELECT cache_key, reply, judge_model FROM judge_cache WHERE cache_key = ANY(:keys)")
_INSERT = sa.text(
    "INSERT INTO judge_cache (cache_key, judge_model, reply, input_tokens, output_tokens, created_at) "
    "VALUES (:cache_key, :judge_model, :reply, :input_tokens, :output_tokens, :created_at) ON CONFLICT DO NOTHING"
).bindparams(sa.bindparam("reply", type_=JSONB))
_RECORD = sa.text(
    "INSERT INTO judge_calls (run_id, run_date, request_id, cache_key, judge_model, is_cached, attempts, "
    "input_tokens, output_tokens, cost_usd, outcome, called_at) "
    "VALUES (:run_id, :run_date, :request_id, :cache_key, :judge_model, :is_cached, :attempts, "
    ":input_tokens, :output_tokens, :cost_usd, :outcome, :called_at)"
)


def look_up(engine: sa.Engine, keys: Sequence[str]) -> dict[str, CachedAnswer]:
    """Return the stored answers of these keys."""
    with connect(engine) as connection:
        found = connection.execute(_LOOK_UP, {"keys": list(keys)})
        return {row.cache_key: CachedAnswer(row.reply, row.judge_model) for row in found}


class CallLedger:
    """Writes what was asked and paid, in the same transaction as the answers it paid for."""

    def __init__(self, engine: sa.Engine, settings: Settings, run_id: str, run_date: date) -> None:
        self._engine = engine
        self._price = settings.prices.get(settings.judge.model)
        self._common: dict[str, Any] = {"run_id": run_id, "run_date": run_date}

    def save(self, outcomes: list[Outcome], request_ids: dict[str, str]) -> None:
        """Store answers and calls; `request_ids` names the row that asked each key."""
        now = datetime.now(UTC)
        answers = [
            {
                "cache_key": o.key,
                "judge_model": o.model or "unknown",
                "reply": o.parsed,
                "input_tokens": o.input_tokens,
                "output_tokens": o.output_tokens,
                "created_at": now,
            }
            for o in outcomes
            if o.parsed is not None
        ]
        with connect(self._engine) as connection:
            if answers:
                connection.execute(_INSERT, answers)
            connection.execute(_RECORD, [self._call(o, request_ids[o.key], now) for o in outcomes])

    def record_cached(self, cached: list[tuple[str, str, str]]) -> None:
        """Record rows that the cache answered: (request_id, cache_key, judge_model)."""
        now = datetime.now(UTC)
        calls = [
            self._call(Outcome(key, {}, None, model, 0, 0, 0), request_id, now) | {"is_cached": True}
            for request_id, key, model in cached
        ]
        if calls:
            with connect(self._engine) as connection:
                connection.execute(_RECORD, calls)

    def _call(self, outcome: Outcome, request_id: str, now: datetime) -> dict[str, Any]:
        cost = None
        if self._price is not None:
            cost = (
                outcome.input_tokens * self._price.input_usd_per_million_tokens
                + outcome.output_tokens * self._price.output_usd_per_million_tokens
            ) / 1e6
        return self._common | {
            "request_id": request_id,
            "cache_key": outcome.key,
            "judge_model": outcome.model,
            "is_cached": False,
            "attempts": outcome.attempts,
            "input_tokens": outcome.input_tokens,
            "output_tokens": outcome.output_tokens,
            "cost_usd": cost,
            "outcome": outcome.reason or "scored",
            "called_at": now,
        }
