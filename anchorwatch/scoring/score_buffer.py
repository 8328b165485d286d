"""Judged scores on their way into the run's copy, many at a time: a kill loses none that the cache does not have."""

from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.answers import Answer, CallLedger
from anchorwatch.scoring.epochs import judge_epoch
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.rows import COLUMNS, evaluation_row
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, copy_rows, query
from evaluators import AnswerReview, Interaction, Score

ROWS_AT_ONCE = 500


class ScoreBuffer:
    """Collects the scores of a shard and writes them in blocks."""

    def __init__(self, engine: sa.Engine, settings: Settings, review: AnswerReview, part: Shard) -> None:
        self._engine, self._settings, self._review, self._part = engine, settings, review, part
        self._ledger = CallLedger(settings, part.run_id, part.run_date)
        self._identities = [
            (name, version, judge_epoch(name, version, settings.judge)) for name, version in review.evaluators
        ]
        self._records: list[tuple[Any, ...]] = []
        self._cached: list[tuple[str, str, str]] = []

    def clear(self) -> None:
        """Drop what an earlier attempt of this shard wrote."""
        part = self._part
        arguments = {
            "run_id": part.run_id,
            "run_date": part.run_date,
            "shard": part.shard,
            "shards": part.shards,
            "evaluators": [name for name, _ in self._review.evaluators],
        }
        with connect(self._engine) as connection:
            connection.execute(query("work_evaluations", "clear_shard"), arguments)

    def add_answer(self, interaction: Interaction, answer: Answer, trimmed_chars: int) -> None:
        """Add the scores of an answered row."""
        self._add(interaction, self._review.scores(answer.parsed, interaction), answer.judge_model, trimmed_chars)

    def add_cached(self, interaction: Interaction, key: str, answer: Answer, trimmed_chars: int) -> None:
        """Add the scores of a row that somebody asked about before."""
        self._cached.append((interaction.request_id, key, answer.judge_model))
        self.add_answer(interaction, answer, trimmed_chars)

    def add_unscored(self, interaction: Interaction, reason: str) -> None:
        """Add the reason why a row has no scores."""
        scores = {name: Score.unscored(reason) for name, _ in self._review.evaluators}
        self._add(interaction, scores, self._settings.judge.model, 0)

    def flush(self) -> None:
        """Write what is collected."""
        if not self._records:
            return
        with connect(self._engine) as connection:
            copy_rows(connection, "work_evaluations", COLUMNS, self._records)
            if self._cached:
                self._ledger.record_cached(connection, self._cached)
        self._records, self._cached = [], []

    def _add(self, interaction: Interaction, scores: dict[str, Score], model: str, trimmed_chars: int) -> None:
        part = self._part
        for identity in self._identities:
            self._records.append(
                evaluation_row(
                    part.run_id,
                    part.run_date,
                    interaction,
                    identity,
                    scores[identity[0]],
                    judge_model=model,
                    trimmed_chars=trimmed_chars or None,
                    store_text=self._settings.privacy.store_text,
                )
            )
        if len(self._records) >= ROWS_AT_ONCE:
            self.flush()
