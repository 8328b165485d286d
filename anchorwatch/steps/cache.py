"""The judge's stored answers, looked at and thinned out by a person."""

from typing import Any

import sqlalchemy as sa

from anchorwatch.warehouse import connect, query


def stats(engine: sa.Engine) -> list[dict[str, Any]]:
    """Return what is stored, by judge model, and how often it was used again."""
    with connect(engine) as connection:
        return [dict(row) for row in connection.execute(query("judge_cache", "stats")).mappings()]


def prune(engine: sa.Engine, older_than_days: int, judge_model: str | None, *, dry_run: bool) -> int:
    """Delete answers that were paid longer ago than this; return how many."""
    with connect(engine) as connection:
        transaction = connection.begin_nested()
        arguments = {"days": older_than_days, "judge_model": judge_model}
        count = connection.execute(query("judge_cache", "prune"), arguments).rowcount
        if dry_run:
            transaction.rollback()
    return count
