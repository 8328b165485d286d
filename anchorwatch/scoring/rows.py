"""A score as a row of `work_evaluations`."""

from collections.abc import Iterable
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.epochs import Identity
from anchorwatch.warehouse import copy_rows
from anchorwatch.warehouse.schema import relation
from evaluators import Interaction, Score

COLUMNS = relation("work_evaluations").column_names
NO_RESPONSE = "not_applicable: no_response"


def evaluation_row(
    run_id: str,
    run_date: date,
    interaction: Interaction,
    identity: Identity,
    score: Score,
    *,
    store_text: bool = False,
) -> tuple[Any, ...]:
    """Return the row of a deterministic score."""
    return (
        run_id,
        run_date,
        interaction.request_id,
        identity.name,
        identity.version,
        identity.epoch,
        score.value,
        score.label,
        explanation(interaction, score, store_text),
        score.unscored_reason,
        None,
        None,
    )


def explanation(interaction: Interaction, score: Score, store_text: bool) -> str | None:
    """Say why and where; what stands there only if the configuration allows it."""
    places = [f"{span.field}[{span.start}:{span.end}]" for span in score.spans]
    if store_text:
        fields = {"prompt": interaction.prompt, "response": interaction.response}
        quotes = [fields.get(span.field, "")[span.start : span.end] for span in score.spans]
        places = [f"{place} {quote!r}" for place, quote in zip(places, quotes, strict=True)]
    parts = [part for part in (score.explanation, ", ".join(places)) if part]
    return " at ".join(parts) or None


def replace_rows(
    connection: sa.Connection, rows: Iterable[tuple[Any, ...]], run_id: str, run_date: date, names: list[str]
) -> int:
    """Replace the run's rows of some evaluators; return how many were written."""
    statement = sa.text(
        "DELETE FROM work_evaluations WHERE run_id = :run_id AND run_date = :run_date AND evaluator = ANY(:names)"
    )
    connection.execute(statement, {"run_id": run_id, "run_date": run_date, "names": names})
    return copy_rows(connection, "work_evaluations", COLUMNS, rows)
