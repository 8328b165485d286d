"""The judge over one shard of the day's sample: cached answers first, the rest asked and paid once."""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge, Outcome, Question, ask_all, cache_key
from anchorwatch.scoring.cache import CachedAnswer, CallLedger, look_up
from anchorwatch.scoring.epochs import judge_epoch
from anchorwatch.scoring.interactions import chosen_page
from anchorwatch.scoring.rows import COLUMNS, evaluation_row
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, copy_rows
from evaluators import AnswerReview, Interaction, JudgeRequest, Score

ROWS_AT_ONCE = 2000
"""Rows whose texts are held at once; bounds the memory of a shard."""


@dataclass(slots=True)
class JudgeTotals:
    """What a shard did.

    Attributes:
        paid: Distinct questions asked in this call.
        cached: Rows answered from the cache, or by another row of the same content.
    """

    rows: int = 0
    paid: int = 0
    cached: int = 0
    unscored: int = 0
    reasons: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Row:
    interaction: Interaction
    request: JudgeRequest
    key: str


def judge_shard(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    run_id: str,
    run_date: date,
    shard: int,
    shards: int,
    progress: Callable[[int], None] = lambda rows: None,
) -> JudgeTotals:
    """Judge the rows of one shard and write their scores into the run's copy.

    Raises:
        TransientError: The endpoint is dead; the answers so far are in the cache.
        ConfigError: The endpoint refuses the key or the model.
    """
    review = AnswerReview(fence_key=settings.sampling.key)
    ledger = CallLedger(engine, settings, run_id, run_date)
    totals = JudgeTotals()
    after = 0
    while True:
        with connect(engine) as reading:
            page = chosen_page(
                reading, run_id, run_date, shard=shard, shards=shards, after=after, page_rows=ROWS_AT_ONCE
            )
        if not page.interactions:
            return totals
        rows = [_row(review, settings, interaction) for interaction in page.interactions]
        answers, reasons = _answers(engine, settings, endpoint, review, ledger, rows, totals)
        _write(engine, settings, review, run_id, run_date, rows, answers, reasons, totals)
        progress(len(rows))
        after = page.last_rank


def _row(review: AnswerReview, settings: Settings, interaction: Interaction) -> _Row:
    request = review.request(interaction)
    return _Row(interaction, request, cache_key(settings.judge, request))


def _answers(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    review: AnswerReview,
    ledger: CallLedger,
    rows: list[_Row],
    totals: JudgeTotals,
) -> tuple[dict[str, CachedAnswer], dict[str, str]]:
    """Return the answer, or the reason why there is none, of every row's key."""
    reasons = {row.key: "input_too_long" for row in rows if row.request.n_chars > settings.judge.max_input_chars}
    known = look_up(engine, [row.key for row in rows])
    asking = {row.key: row for row in reversed(rows) if row.key not in known and row.key not in reasons}

    def save(outcomes: list[Outcome]) -> None:
        ledger.save(outcomes, {key: row.interaction.request_id for key, row in asking.items()})
        reasons.update({outcome.key: outcome.reason for outcome in outcomes if outcome.reason is not None})
        totals.paid += len(outcomes)

    if asking:
        questions = [
            Question(row.key, row.request, functools.partial(review.parse, interaction=row.interaction))
            for row in asking.values()
        ]
        judge = OpenAIJudge(settings.judge, endpoint)
        ask_all(judge, questions, concurrency=settings.judge.concurrency, reasks=settings.judge.reasks, save=save)
        # Read back: another worker may have stored its answer first, and the first one wins.
        known |= look_up(engine, list(asking))
    asked_by = {row.interaction.request_id for row in asking.values()}
    from_cache = [row for row in rows if row.key in known and row.interaction.request_id not in asked_by]
    ledger.record_cached([(row.interaction.request_id, row.key, known[row.key].judge_model) for row in from_cache])
    totals.cached += len(from_cache)
    return known, reasons


def _write(
    engine: sa.Engine,
    settings: Settings,
    review: AnswerReview,
    run_id: str,
    run_date: date,
    rows: list[_Row],
    answers: dict[str, CachedAnswer],
    reasons: dict[str, str],
    totals: JudgeTotals,
) -> None:
    """Replace the scores of these rows in the run's copy."""
    identities = [(name, version, judge_epoch(name, version, settings.judge)) for name, version in review.evaluators]
    records: list[tuple[Any, ...]] = []
    for row in rows:
        answer = answers.get(row.key)
        scores = _scores(review, row, answer, reasons)
        for identity in identities:
            model = answer.judge_model if answer else settings.judge.model
            records.append(
                evaluation_row(run_id, run_date, row.interaction, identity, scores[identity[0]],
                               judge_model=model, store_text=settings.privacy.store_text)
            )  # fmt: skip
        totals.rows += 1
        if answer is None:
            totals.unscored += 1
            totals.reasons[reasons[row.key]] = totals.reasons.get(reasons[row.key], 0) + 1
    delete = sa.text(
        "DELETE FROM work_evaluations WHERE run_id = :run_id AND run_date = :run_date "
        "AND evaluator = ANY(:names) AND request_id = ANY(:ids)"
    )
    ids = [row.interaction.request_id for row in rows]
    with connect(engine) as connection:
        names = [identity[0] for identity in identities]
        connection.execute(delete, {"run_id": run_id, "run_date": run_date, "names": names, "ids": ids})
        copy_rows(connection, "work_evaluations", COLUMNS, records)


def _scores(review: AnswerReview, row: _Row, answer: CachedAnswer | None, reasons: dict[str, str]) -> dict[str, Score]:
    if answer is None:
        reason = reasons.setdefault(row.key, "judge_unavailable")
        return {name: Score.unscored(reason) for name, _ in review.evaluators}
    return review.scores(answer.parsed, row.interaction)
