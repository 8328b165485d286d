"""One judge's scores on their way into the run's copy: a kill loses none that the cache does not have."""

from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.answers import Answer, CallLedger
from anchorwatch.scoring.epochs import judge_identities
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.panel import FIRST, Seat
from anchorwatch.scoring.rows import explanation
from anchorwatch.scoring.second_look import SecondLook
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, copy_rows
from anchorwatch.warehouse.schema import relation
from evaluators import Interaction, Review, Score

ROWS_AT_ONCE = 500
COLUMNS = relation("work_opinions").column_names


class ScoreBuffer:
    """Collects the opinions of a judge and writes them in blocks."""

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        review: Review,
        part: Shard,
        seat: Seat,
        expected: dict[str, dict[str, float]] | None = None,
    ) -> None:
        """Take whose opinions these are.

        Args:
            settings: The whole configuration; the seat's has its own model.
            expected: Of anchors: their frozen values, by row and evaluator.
        """
        self._engine, self._review, self._part, self._seat = engine, review, part, seat
        self._ledger = CallLedger(seat.settings, review, part.run_id, part.run_date)
        self._identities = judge_identities(settings.judge, review)
        self._store_text = settings.privacy.store_text
        self._second_look = SecondLook(settings) if seat.role == FIRST and settings.judge.cascade else None
        self._expected = expected or {}
        self._records: list[tuple[Any, ...]] = []
        self._cached: list[tuple[str, str, str]] = []

    def add_answer(self, interaction: Interaction, answer: Answer, trimmed_chars: int) -> None:
        """Add the scores of an answered row."""
        scores = self._review.scores(answer.parsed, interaction)
        is_unsure = self._review.is_unsure(answer.parsed)
        self._add(interaction, scores, answer.judge_model, trimmed_chars, is_unsure=is_unsure)

    def add_cached(self, interaction: Interaction, key: str, answer: Answer, trimmed_chars: int) -> None:
        """Add the scores of a row that somebody asked about before."""
        self._cached.append((interaction.request_id, key, answer.judge_model))
        self.add_answer(interaction, answer, trimmed_chars)

    def add_unscored(self, interaction: Interaction, reason: str) -> None:
        """Add the reason why a row has no scores."""
        scores = {name: Score.unscored(reason) for name, _ in self._review.evaluators}
        self._add(interaction, scores, self._seat.settings.judge.model, 0, is_unsure=False)

    def flush(self) -> None:
        """Write what is collected."""
        if not self._records:
            return
        with connect(self._engine) as connection:
            copy_rows(connection, "work_opinions", COLUMNS, self._records)
            if self._cached:
                self._ledger.record_cached(connection, self._cached)
        self._records, self._cached = [], []

    def _add(
        self, interaction: Interaction, scores: dict[str, Score], model: str, trimmed_chars: int, *, is_unsure: bool
    ) -> None:
        look = self._second_look
        why = look.reason(interaction, scores, is_unsure=is_unsure) if look is not None else None
        expected = self._expected.get(interaction.request_id, {})
        for identity in self._identities:
            score = scores[identity.name]
            self._records.append(
                (
                    self._part.run_id,
                    self._part.run_date,
                    interaction.request_id,
                    self._seat.role,
                    identity.name,
                    identity.version,
                    identity.epoch,
                    score.value,
                    score.label,
                    explanation(interaction, score, self._store_text),
                    score.unscored_reason,
                    model,
                    trimmed_chars or None,
                    why,
                    expected.get(identity.name),
                )
            )
        if len(self._records) >= ROWS_AT_ONCE:
            self.flush()
