"""Rows of the warehouse as interactions, streamed so that memory does not grow with the day."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.rows import plan_for_fresh_rows
from evaluators import Interaction

ROWS_AT_ONCE = 1000


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


def chosen_page(
    connection: sa.Connection, run_id: str, run_date: date, *, shard: int, shards: int, after: int, page_rows: int
) -> Page:
    """Return the next rows one shard has to judge, in the order of the keyed hash; an empty page is the end."""
    arguments = {"run_id": run_id, "run_date": run_date, "shard": shard, "shards": shards, **day_window(run_date)}
    plan_for_fresh_rows(connection)
    rows = connection.execute(
        query("evaluations", "chosen"), arguments | {"after": after, "page_rows": page_rows}
    ).all()
    return Page([_interaction(row) for row in rows], rows[-1].selection_rank if rows else after)


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
