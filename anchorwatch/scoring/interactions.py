"""Rows of the warehouse as interactions, streamed so that memory does not grow with the day."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.panel import FIRST, STRONG
from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.rows import plan_for_fresh_rows
from evaluators import Interaction

ROWS_AT_ONCE = 1000
PAGE_ROWS = 2000
"""Rows to judge whose texts are held at once; bounds the memory of a shard."""


def logged_interactions(connection: sa.Connection, run_id: str, run_date: date) -> Iterator[Interaction]:
    """Yield every logged row of the run's ledger, in the order of the keyed hash."""
    arguments = {"run_id": run_id, "run_date": run_date, **day_window(run_date)}
    plan_for_fresh_rows(connection)
    # Of this statement, not of the connection: what else runs on it is not streamed.
    streaming = {"yield_per": ROWS_AT_ONCE}
    for row in connection.execute(query("evaluations", "logged"), arguments, execution_options=streaming):
        yield _interaction(row)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows to judge, and where the next page begins."""

    interactions: list[Interaction]
    last_rank: int


@dataclass(frozen=True, slots=True)
class Shard:
    """One part of what the judge has to do for a day, in one run."""

    run_id: str
    run_date: date
    shard: int = 0
    shards: int = 1


def chosen_page(
    connection: sa.Connection,
    part: Shard,
    *,
    after: int,
    page_rows: int = PAGE_ROWS,
    role: str = FIRST,
    evaluator: str = "",
    only_open: bool = False,
) -> Page:
    """Return the next rows a shard has to judge, in the order of the keyed hash; an empty page is the end.

    Args:
        role: Who judges; the strong judge of a cascade gets the rows that the first one hands on.
        evaluator: One of the judge's evaluators.
        only_open: Leave out rows of which that judge has given a score, or a reason for having none, already.
    """
    arguments = {
        "run_id": part.run_id,
        "run_date": part.run_date,
        "shard": part.shard,
        "shards": part.shards,
        **day_window(part.run_date),
        "after": after,
        "page_rows": page_rows,
        "role": role,
        "evaluator": evaluator,
        "only_open": only_open,
        "only_escalated": role == STRONG,
    }
    plan_for_fresh_rows(connection)
    rows = connection.execute(query("evaluations", "chosen"), arguments).all()
    return Page([_interaction(row) for row in rows], rows[-1].selection_rank if rows else after)


def named_interactions(connection: sa.Connection, run_date: date, request_ids: list[str]) -> dict[str, Interaction]:
    """Return rows of a day by their id."""
    arguments = {"request_ids": request_ids, **day_window(run_date)}
    found = connection.execute(query("evaluations", "named"), arguments)
    return {row.request_id: _interaction(row) for row in found}


def _interaction(row: Any) -> Interaction:
    return Interaction(
        request_id=row.request_id,
        prompt=row.prompt or "",
        response=row.response or "",
        context=passages(row.context),
        ground_truth=row.ground_truth,
        finish_reason=row.finish_reason,
        query_type=row.query_type,
        status=row.status or "error",
    )


def passages(context: str | None) -> tuple[str, ...]:
    """Read the context: a JSON array of passages (texts, or objects with a text), or one text."""
    if not context or not context.strip():
        return ()
    if context.lstrip().startswith("["):
        try:
            passages = json.loads(context)
        except (ValueError, RecursionError):
            return (context,)
        return tuple(text for passage in passages if (text := _passage_text(passage)))
    return (context,)


def _passage_text(passage: Any) -> str:
    if isinstance(passage, dict):
        passage = next((passage[key] for key in ("text", "content", "document.content") if key in passage), passage)
    return passage if isinstance(passage, str) else json.dumps(passage, ensure_ascii=False)
