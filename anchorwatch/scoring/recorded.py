"""Verdicts that somebody else recorded, in place of a judge's: from a column of the log, or from a file."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.scoring.answers import Answer
from anchorwatch.scoring.combining import combine_shard
from anchorwatch.scoring.desk import JudgeTotals
from anchorwatch.scoring.interactions import Shard, chosen_page
from anchorwatch.scoring.panel import FIRST, Seat
from anchorwatch.scoring.reviews import make_review
from anchorwatch.scoring.score_buffer import ScoreBuffer
from anchorwatch.settings import Settings, beside_config
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.days import day_window
from evaluators import Interaction, MalformedReply, Review

NOT_RECORDED = "judge_not_recorded"


def read_recorded_shard(
    engine: sa.Engine,
    settings: Settings,
    part: Shard,
    progress: Callable[[JudgeTotals], None] = lambda totals: None,
) -> JudgeTotals:
    """Score the rows of one shard by their recorded verdicts, and write the scores into the run's copy.

    A verdict has the form of a judge's reply, and is read like one. A row without one is unscored as
    `judge_not_recorded`.

    Raises:
        ConfigError: The file is not there, or a line of it is no JSON object with a request_id.
    """
    review = make_review(settings)
    key = {"run_id": part.run_id, "run_date": part.run_date, "shard": part.shard, "shards": part.shards}
    with connect(engine) as connection:
        connection.execute(query("work_opinions", "clear_shard"), key)
    buffer = ScoreBuffer(engine, settings, review, part, Seat(FIRST, settings))
    totals, after = JudgeTotals(), 0
    while True:
        with connect(engine) as connection:
            page = chosen_page(connection, part, after=after)
            verdicts = _verdicts(connection, settings.judge, part, [row.request_id for row in page.interactions])
        if not page.interactions:
            break
        after = page.last_rank
        for row in page.interactions:
            _score(buffer, review, settings.judge.model, row, verdicts.get(row.request_id), totals)
        progress(totals)
    buffer.flush()
    combine_shard(engine, settings.judge, review, part)
    return totals


def _score(
    buffer: ScoreBuffer, review: Review, model: str, row: Interaction, verdict: str | None, totals: JudgeTotals
) -> None:
    totals.rows += 1
    reason, parsed = NOT_RECORDED, None
    if verdict is not None:
        try:
            parsed = review.parse(_as_reply(review, verdict), row)
        except MalformedReply as error:
            parsed, reason = error.partial, error.reason
    if parsed is not None:
        buffer.add_answer(row, Answer(parsed, model), 0)
        return
    buffer.add_unscored(row, reason)
    totals.unscored += 1
    totals.reasons[reason] = totals.reasons.get(reason, 0) + 1


def _as_reply(review: Review, verdict: str) -> str:
    """Return a verdict as a reply: of a single rubric its value alone will do."""
    is_bare = len(review.rubrics) == 1 and "{" not in verdict
    return json.dumps({review.rubrics[0].name: verdict}) if is_bare else verdict


def _verdicts(
    connection: sa.Connection, judge: JudgeSettings, part: Shard, request_ids: list[str]
) -> Mapping[str, str]:
    if judge.file is not None:
        return read_verdict_file(beside_config(judge.file, "judge.file"), set(request_ids))
    arguments = {"request_ids": request_ids, "column": judge.column, **day_window(part.run_date)}
    return {row.request_id: row.verdict for row in connection.execute(query("evaluations", "recorded"), arguments)}


def read_verdict_file(file: Path, request_ids: set[str]) -> dict[str, str]:
    """Return the lines about some requests: JSONL with request_id and a verdict for each rubric; the last one counts.

    Raises:
        ConfigError: The file is not there, or a line is not of that form.
    """
    found: dict[str, str] = {}
    try:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and (request_id := _request_of(file, number, line)) in request_ids:
                    found[request_id] = line.decode("utf-8", "replace")
    except OSError as error:
        raise ConfigError(f"judge.file: {file}: {error.strerror}") from None
    return found


def _request_of(file: Path, number: int, line: bytes) -> str:
    try:
        data: Any = json.loads(line)
    except (ValueError, RecursionError):
        data = None
    if not isinstance(data, dict) or not isinstance(data.get("request_id"), str | int):
        raise ConfigError(f"judge.file: {file}:{number}: not a JSON object with a request_id")
    return str(data["request_id"])
