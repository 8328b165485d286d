"""Labels of people: out to a file, back in, and how well judges agree with them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.labelling import files
from anchorwatch.labelling.draw import Drawn, candidates_between, draw, store_draws
from anchorwatch.labelling.store import read_labels, store_labels
from anchorwatch.metrics.corrections import correct_days, reopen
from anchorwatch.scoring.interactions import named_interactions
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.rows import lock
from anchorwatch.warehouse.source_view import create_source_views
from evaluators import all_rubrics, names


@dataclass(frozen=True, slots=True)
class Exported:
    """What was drawn.

    Attributes:
        by_reason: Rows by why they were drawn; a row may have several reasons.
        missing: Drawn rows that are in the log no more.
    """

    rows: int
    by_reason: dict[str, int]
    missing: int


def export_labels(engine: sa.Engine, settings: Settings, first: date, last: date, rows: int, output: Path) -> Exported:
    """Draw judged rows of some days, and write them to a file with empty columns for the labels.

    Raises:
        ConfigError: There is no judged row in those days, or the file is there already.
    """
    with connect(engine) as connection:
        create_source_views(connection, settings)
        candidates = candidates_between(connection, first, last)
        if not candidates:
            raise ConfigError(f"no judged row from {first} to {last}; see `anchorwatch report`")
        drawn = draw(candidates, rows, settings.sampling.key)
        texts = list(_with_texts(connection, drawn))
        written = files.write_rows(output, texts, settings.judge.rubrics)
        store_draws(connection, drawn)
    reasons = [reason for row in drawn for reason in row.reasons]
    return Exported(written, {reason: reasons.count(reason) for reason in sorted(set(reasons))}, len(drawn) - written)


def _with_texts(connection: sa.Connection, drawn: Sequence[Drawn]) -> Iterator[dict[str, Any]]:
    for day in sorted({row.run_date for row in drawn}):
        ids = [row.request_id for row in drawn if row.run_date == day]
        found = named_interactions(connection, day, ids)
        for request_id in ids:
            if request_id in found:
                row = found[request_id]
                yield {
                    "request_id": request_id,
                    "run_date": day,
                    "prompt": row.prompt,
                    "context": "\n\n".join(row.context),
                    "response": row.response,
                }


def import_labels(engine: sa.Engine, settings: Settings, source: Path, labeller: str) -> tuple[int, list[date]]:
    """Read a label file back; return how many labels it has, and the days whose corrections were made anew.

    Raises:
        ConfigError: A label is not understood, or a request is in no stored day; nothing is imported then.
    """
    known = sorted({*names(), *all_rubrics(), *(name for rubric in all_rubrics().values() for name in rubric.scores)})
    labels = read_labels(files.read_rows(source), known, labeller)
    if not labels:
        raise ConfigError(f"{source}: no label in it; the columns to fill are named like {', '.join(known[:3])}")
    with connect(engine) as connection:
        lock(connection, "derive")
        create_source_views(connection, settings)
        days = store_labels(connection, labels)
        if days is not None:
            reopen(connection, *days)
        return len(labels), correct_days(connection)
