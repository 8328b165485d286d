"""Several opinions of a row become its score."""

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.interactions import ROWS_AT_ONCE, Shard
from anchorwatch.scoring.panel import Opinion, combine
from anchorwatch.scoring.rows import COLUMNS
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.warehouse import connect, copy_rows, query
from anchorwatch.warehouse.rows import plan_for_fresh_rows
from evaluators import Review


def combine_shard(engine: sa.Engine, judge: JudgeSettings, review: Review, part: Shard) -> None:
    """Write the judged scores of a shard, one a row and evaluator, in place of those of an earlier attempt."""
    key = {"run_id": part.run_id, "run_date": part.run_date, "shard": part.shard, "shards": part.shards}
    names = [name for name, _ in review.evaluators]
    with connect(engine) as reading, connect(engine) as writing:
        writing.execute(query("work_evaluations", "clear_shard"), key | {"evaluators": names})
        plan_for_fresh_rows(reading)
        opinions = reading.execute(
            query("work_opinions", "of_shard"), key, execution_options={"yield_per": ROWS_AT_ONCE}
        )
        copy_rows(writing, "work_evaluations", COLUMNS, _rows(judge, part, opinions))


def _rows(judge: JudgeSettings, part: Shard, opinions: sa.Result[Any]) -> Iterator[tuple[Any, ...]]:
    for (request_id, evaluator), group in groupby(opinions, lambda row: (row.request_id, row.evaluator)):
        rows = list(group)
        found = combine(judge, [_opinion(row) for row in rows])
        yield (
            part.run_id,
            part.run_date,
            request_id,
            evaluator,
            rows[0].evaluator_version,
            rows[0].epoch,
            found.value,
            found.label,
            found.explanation,
            found.unscored_reason,
            found.judge_model,
            found.trimmed_chars,
        )


def _opinion(row: Any) -> Opinion:
    return Opinion(
        role=row.role,
        judge_model=row.judge_model,
        value=row.value,
        label=row.label,
        explanation=row.explanation,
        unscored_reason=row.unscored_reason,
        trimmed_chars=row.trimmed_chars,
        escalation=row.escalation,
    )
