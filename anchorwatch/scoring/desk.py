"""One shard's rows on their way to the judge: what is known is not asked, what is asked is asked once."""

import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, Outcome, Question, cache_key
from anchorwatch.scoring.answers import Answer, CallLedger, look_up
from anchorwatch.scoring.batch_ledger import Unasked
from anchorwatch.scoring.claims import Claims, Wish, held_by
from anchorwatch.scoring.interactions import PAGE_ROWS
from anchorwatch.scoring.row_sources import RowSource
from anchorwatch.scoring.score_buffer import ScoreBuffer
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, told_errors
from evaluators import Interaction, JudgeRequest, Review

BLOCK_ROWS = 100
"""Rows looked up and claimed together."""
FIRST_PAGE_ROWS = 200
"""So that asking begins at once."""
FIRST_OUTPUT_TOKENS = 200.0
"""Reserved for a reply until some have come in."""


@dataclass(slots=True)
class JudgeTotals:
    """What a shard did.

    Attributes:
        paid: Distinct questions asked in this call.
        estimated: Of them, those whose usage the endpoint did not report.
        cached: Rows answered from the cache, or by another row of the same content.
    """

    rows: int = 0
    paid: int = 0
    estimated: int = 0
    cached: int = 0
    unscored: int = 0
    cost_usd: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)

    def with_more(self, other: "JudgeTotals") -> "JudgeTotals":
        """Add what another judge of the same rows cost."""
        money = {
            name: getattr(self, name) + getattr(other, name) for name in ("paid", "estimated", "cached", "cost_usd")
        }
        return replace(self, **money)


@dataclass(frozen=True, slots=True)
class Row:
    """A row to judge, with its question."""

    interaction: Interaction
    request: JudgeRequest
    key: str


class ShardDesk:
    """Hands out a shard's questions and takes the outcomes in; see `judge_client.Desk`.

    Attributes:
        set_aside: Keys that somebody else is asking right now; a later pass finds their answers.
    """

    def __init__(
        self,
        engine: sa.Engine,
        settings: Settings,
        review: Review,
        rows: RowSource,
        claims: Claims,
        buffer: ScoreBuffer,
        progress: Callable[[JudgeTotals], None] = lambda totals: None,
        unasked: Unasked | None = None,
    ) -> None:
        """Take where rows come from and scores go.

        Args:
            unasked: Nothing is to be asked: why a row that the cache has no answer for has none.
        """
        self._engine, self._settings, self._review, self._source = engine, settings, review, rows
        self._claims, self._buffer, self._progress = claims, buffer, progress
        self._unasked = unasked
        self._ledger = CallLedger(settings, review, rows.part.run_id, rows.part.run_date)
        self._price = settings.price_table.get(settings.judge.model)
        self._connection: sa.Connection | None = None
        self._rows: Iterator[Row] = iter(())
        self._asking: dict[str, list[Row]] = {}
        self._failed: dict[str, str] = {}
        self._refused: list[Row] = []
        self._ceiling_hit: str | None = None
        self._chars = self._input_tokens = self._output_tokens = self._answers = 0
        self.set_aside: list[str] = []
        self.totals = JudgeTotals()

    def has_answers(self) -> bool:
        """Tell whether the judge has answered some of the rows before."""
        return self.totals.cached > 0

    def begin_pass(self, *, only_open: bool) -> None:
        """Start with the first row again: all rows of the shard, or those that have nothing yet."""
        self.set_aside = []
        self._rows = self._read(only_open)

    def take(self, wanted: int) -> list[Question]:
        """Return further questions, claimed and within the ceilings."""
        while True:
            rows = self._refused or list(islice(self._rows, max(wanted, BLOCK_ROWS)))
            self._refused = []
            if not rows:
                return []
            questions = self._sort_out(rows)
            if questions:
                return questions
            if self._refused and self._asking:
                return []  # what is in flight may turn out cheaper than was set aside for it

    def settle_all(self) -> None:
        """Give every row of the pass its answer from the cache, or the reason why it has none; ask nothing."""
        while rows := list(islice(self._rows, BLOCK_ROWS)):
            self._sort_out(rows)

    def save(self, outcomes: list[Outcome]) -> None:
        """Store answers and what was paid, then the scores of every row that waited for them."""
        asked = [(self._asking[outcome.key][0].interaction.request_id, outcome) for outcome in outcomes]
        with self._own_connection() as connection:
            answers = self._ledger.save(connection, asked, self._claims)
        self.totals.paid += len(outcomes)
        self.totals.estimated += sum(outcome.is_estimated for outcome in outcomes)
        self.totals.cost_usd += sum(self._ledger.cost(outcome) or 0 for outcome in outcomes)
        for outcome in outcomes:
            self._learn(outcome)
            first, *others = self._asking.pop(outcome.key)
            if outcome.reason is not None:
                self._failed[outcome.key] = outcome.reason
                for row in (first, *others):
                    self._unscored(row, outcome.reason)
                continue
            self._buffer.add_answer(first.interaction, answers[outcome.key], first.request.trimmed_chars)
            self.totals.rows += 1
            for row in others:
                self._cached(row, answers[outcome.key])
        self._progress(self.totals)

    def renew(self) -> None:
        """Keep the claims."""
        with self._own_connection() as connection:
            self._claims.renew(connection)

    def end_pass(self) -> None:
        """Write the scores that are still collected, and let the connection go."""
        self._buffer.flush()
        self.close()

    def close(self) -> None:
        """Let the connection go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    @contextmanager
    def _own_connection(self) -> Iterator[sa.Connection]:
        """Return a connection that stays open during a pass and commits every statement by itself.

        Storing an answer must not cost a ping, a BEGIN and a COMMIT, some hundred times a second.
        """
        with told_errors(self._engine):
            if self._connection is None:
                self._connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
            try:
                yield self._connection
            except sa.exc.SQLAlchemyError:
                self._connection.invalidate()  # the next call begins with a new one
                self.close()
                raise

    def _read(self, only_open: bool) -> Iterator[Row]:
        """Yield the shard's rows, reading the next page while this one is worked on."""
        with ThreadPoolExecutor(1, "judge-pages") as thread:
            after = 0
            coming = thread.submit(self._page, after, FIRST_PAGE_ROWS, only_open)
            while True:
                rows, after = coming.result()
                if not rows:
                    return
                coming = thread.submit(self._page, after, PAGE_ROWS, only_open)
                yield from rows

    def _page(self, after: int, page_rows: int, only_open: bool) -> tuple[list[Row], int]:
        with connect(self._engine) as connection:
            page = self._source.page(connection, after=after, page_rows=page_rows, only_open=only_open)
        return [self._row(interaction) for interaction in page.interactions], page.last_rank

    def _row(self, interaction: Interaction) -> Row:
        request = self._review.request(interaction)
        return Row(interaction, request, cache_key(self._settings.judge, request, self._source.occasion))

    def _sort_out(self, rows: list[Row]) -> list[Question]:
        """Settle what can be settled without asking; return the questions for the rest."""
        unknown: dict[str, list[Row]] = {}
        for row in rows:
            if row.request.n_chars > self._settings.judge.max_input_chars:
                self._unscored(row, "input_too_long")
            elif row.key in self._failed:
                self._unscored(row, self._failed[row.key])
            elif row.key in self._asking:
                self._asking[row.key].append(row)
            else:
                unknown.setdefault(row.key, []).append(row)
        if self._unasked is not None:
            self._look_up_only(unknown, self._unasked)
            return []
        return self._claim(unknown) if unknown else []

    def _look_up_only(self, unknown: dict[str, list[Row]], unasked: Unasked) -> None:
        with connect(self._engine) as connection:
            held = held_by(connection, list(unknown))
            known = look_up(connection, unknown)
        for key, rows in unknown.items():
            if key in known:
                for row in rows:
                    self._cached(row, known[key])
            elif key in held:
                self.set_aside.append(key)
            else:
                for row in rows:
                    self._unscored(row, unasked.reason(key))

    def _claim(self, unknown: dict[str, list[Row]]) -> list[Question]:
        with connect(self._engine) as connection:
            known = look_up(connection, unknown)
            wishes = [self._wish(rows[0]) for key, rows in unknown.items() if key not in known]
            if self._ceiling_hit is not None:
                wishes = []
            taken = self._claims.take(connection, wishes)
            # Between the look and the claim its answer may have come.
            late = look_up(connection, taken.granted)
            self._claims.release(connection, list(late))
        known |= late
        if taken.refused and not taken.granted and not self._asking:
            self._ceiling_hit = next(iter(taken.refused.values()))
        questions = []
        for key, rows in unknown.items():
            if key in known:
                for row in rows:
                    self._cached(row, known[key])
            elif key in taken.granted:
                self._asking[key] = rows
                questions.append(self._question(rows[0]))
            elif key in taken.held:
                self.set_aside.append(key)
            elif self._ceiling_hit is not None:
                for row in rows:
                    self._unscored(row, f"over_budget: {self._ceiling_hit}")
            else:
                self._refused += rows
        return questions

    def _wish(self, row: Row) -> Wish:
        """Say what a question may cost: its characters as tokens, at the rates seen so far, and some reserve."""
        if self._price is None:
            return Wish(row.key, row.interaction.request_id, 0.0)
        chars_per_token = self._chars / self._input_tokens if self._input_tokens else CHARS_PER_TOKEN
        output = 1.5 * self._output_tokens / self._answers if self._answers else FIRST_OUTPUT_TOKENS
        usd = self._price.usd(row.request.n_chars / chars_per_token, self._settings.judge.max_output_tokens or output)
        return Wish(row.key, row.interaction.request_id, usd)

    def _learn(self, outcome: Outcome) -> None:
        if outcome.parsed is not None and outcome.input_tokens:
            self._chars += self._asking[outcome.key][0].request.n_chars * outcome.attempts
            self._input_tokens += outcome.input_tokens
            self._output_tokens += outcome.output_tokens
            self._answers += 1

    def _question(self, row: Row) -> Question:
        return Question(
            row.key,
            row.request,
            functools.partial(self._review.parse, interaction=row.interaction, request=row.request),
        )

    def _cached(self, row: Row, answer: Answer) -> None:
        self._buffer.add_cached(row.interaction, row.key, answer, row.request.trimmed_chars)
        self.totals.rows += 1
        self.totals.cached += 1
        self._progress(self.totals)

    def _unscored(self, row: Row, reason: str) -> None:
        self._buffer.add_unscored(row.interaction, reason)
        self.totals.rows += 1
        self.totals.unscored += 1
        self.totals.reasons[reason] = self.totals.reasons.get(reason, 0) + 1
