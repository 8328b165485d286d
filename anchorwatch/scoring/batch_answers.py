"""The answers of a batch that has ended, on their way into the cache and the ledger."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal, TypeVar

import sqlalchemy as sa

from anchorwatch.judge_client import CHARS_PER_TOKEN, Outcome
from anchorwatch.judge_client.batch_api import BatchApi, BatchGone
from anchorwatch.judge_client.batch_lines import BatchLine
from anchorwatch.judge_client.batch_states import BatchState
from anchorwatch.judge_client.rejection import quotable
from anchorwatch.scoring import batch_ledger, batch_records
from anchorwatch.scoring.answers import CallLedger
from anchorwatch.scoring.batch_ledger import UNANSWERED, Line, Settled, Sums
from anchorwatch.scoring.batch_outcomes import read_outcome, settled_as
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.claims import BATCH_LEASE_SECONDS, Claims
from anchorwatch.scoring.desk import FIRST_OUTPUT_TOKENS
from anchorwatch.scoring.interactions import named_interactions
from anchorwatch.scoring.panel import with_model
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from evaluators import Interaction

LINES_AT_ONCE = 500
LOOKS = 5
"""Times that a file which is not there is looked for, before what it held counts as lost."""
ALL_REJECTED = 20
"""Questions of a batch that the endpoint may reject, all of them, before the request itself is what is wrong."""
LOST = "judge_batch_lost"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a batch that had ended.

    Attributes:
        kind: `stored`; `late`: a file is not there yet; `rejected`: the endpoint took none of its questions.
        problem: What the endpoint said of the first line that went wrong.
    """

    kind: Literal["stored", "late", "rejected"]
    problem: str | None = None


def store_answers(engine: sa.Engine, settings: Settings, api: BatchApi, batch: Batch, state: BatchState) -> Stored:
    """Store what a batch answered, and book what it cost, each line once.

    Lines may come in any order, twice, or not at all; they may be garbage, or another batch's. A line is booked
    in the transaction that settles it in `judge_batch_lines`, whatever became of its claim or of its row in the
    meantime, so an attempt that is killed half way goes on where it stopped. What the endpoint counts as answered
    and its files do not hold is booked too: it was paid.
    """
    return _Storing(engine, settings, api, batch, state).run()


class _Storing:
    def __init__(self, engine: sa.Engine, settings: Settings, api: BatchApi, batch: Batch, state: BatchState) -> None:
        self._engine, self._api, self._batch, self._state = engine, api, batch, state
        settings = with_model(settings, batch.judge_model)
        self._reasks = settings.judge.reasks
        self._review = make_review(settings)
        self._claims = Claims(settings.judge, batch.holder, batch.run_id, batch.run_date, BATCH_LEASE_SECONDS)
        self._ledger = CallLedger(settings, self._review, batch.run_id, batch.run_date, "batch")
        self._unreadable = 0
        self._problem: str | None = None

    def run(self) -> Stored:
        is_missing = self._state.completed > 0 and self._state.output_file is None
        for file in self._state.files:
            try:
                for block in _in_blocks(self._api.lines(file)):
                    self._store_block(block)
            except BatchGone:
                is_missing = True
        if is_missing and self._batch.looks + 1 < LOOKS:
            with connect(self._engine) as connection:
                batch_records.note_looked(connection, self._batch)
            return Stored("late")
        return self._end()

    def _store_block(self, block: list[BatchLine | None]) -> None:
        lines = _one_a_question(line for line in block if line is not None)
        self._unreadable += sum(line is None for line in block)
        with connect(self._engine) as connection:
            batch_records.lock(connection, self._batch)
            ours = batch_ledger.open_lines(connection, self._batch, lines)
            rows = named_interactions(connection, self._batch.run_date, [line.request_id for line in ours.values()])
            tries = batch_ledger.tries(connection, self._batch.run_id, self._batch.run_date, ours)
            settled: list[Settled] = []
            paid: list[tuple[str, Outcome]] = []
            for key, line in ours.items():
                found = lines[key]
                if not found.is_answer:
                    self._problem = self._problem or self._words(found, rows.get(line.request_id))
                    settled.append(settled_as(found))
                    continue
                earlier = tries.get(key, batch_ledger.Tries())
                read = read_outcome(self._review, found, rows.get(line.request_id), earlier, self._reasks)
                settled.append(read.settled)
                paid.append((line.request_id, read.outcome))
            batch_ledger.settle(connection, self._batch, settled)
            self._claims.release(connection, [line.key for line in settled])
            self._ledger.save(connection, paid, self._claims)

    def _words(self, line: BatchLine, row: Interaction | None) -> str | None:
        """Return what the endpoint says of a line, without what it quotes of the logged text, and without secrets."""
        if not line.problem:
            return None
        sent = "\n".join(m["content"] for m in self._review.request(row).messages) if row is not None else ""
        return self._api.endpoint.hide_secrets(quotable(line.problem, sent, self._api.endpoint.api_key))

    def _end(self) -> Stored:
        """Settle what the files say nothing of, and close the batch."""
        with connect(self._engine) as connection:
            if batch_records.lock(connection, self._batch) != "submitted":
                return Stored("stored")  # somebody else was quicker
            silent = batch_ledger.silent_lines(connection, self._batch)
            sums = batch_ledger.sums(connection, self._batch)
            lost = silent[: max(0, self._state.completed - sums.booked)]
            self._book_lost(connection, lost, sums)
            rest = [Settled(line.key, "unanswered", UNANSWERED) for line in silent[len(lost) :]]
            batch_ledger.settle(connection, self._batch, rest)
            self._claims.release_all(connection)
            is_rejected = sums.rejected == sums.lines >= ALL_REJECTED
            if is_rejected:
                batch_ledger.forget(connection, self._batch)
            status = "refused" if is_rejected else "harvested"
            batch_records.note_ended(connection, self._batch, status, self._state.status, sums.answered)
        self._say(sums, len(lost))
        return Stored("rejected" if is_rejected else "stored", self._problem)

    def _book_lost(self, connection: sa.Connection, lost: list[Line], sums: Sums) -> None:
        """Book answers that were paid and are nowhere: what the batch's usage has left for them, or an estimate."""
        if not lost:
            return
        left_in = (self._state.input_tokens or 0) - sums.input_tokens
        left_out = (self._state.output_tokens or 0) - sums.output_tokens
        if left_in > 0:
            tokens = list(zip(_shares(left_in, len(lost)), _shares(max(0, left_out), len(lost)), strict=True))
        else:
            tokens = [(round(line.n_chars / CHARS_PER_TOKEN), round(FIRST_OUTPUT_TOKENS)) for line in lost]
        outcomes = [
            Outcome(
                line.key,
                None,
                LOST,
                input_tokens=asked,
                output_tokens=said,
                attempts=1,
                is_estimated=left_in <= 0,
            )
            for line, (asked, said) in zip(lost, tokens, strict=True)
        ]
        settled = [Settled(o.key, "unanswered", LOST, o.input_tokens, o.output_tokens) for o in outcomes]
        batch_ledger.settle(connection, self._batch, settled)
        asked_for = [line.request_id for line in lost]
        self._ledger.save(connection, list(zip(asked_for, outcomes, strict=True)), self._claims)

    def _say(self, sums: Sums, lost: int) -> None:
        problem = self._state.problem or self._problem
        print(
            f"batch {self._state.batch_id} {self._state.status}: {sums.answered} of {sums.lines} answered"
            + (f", {lost} paid answers are in none of its files" if lost else "")
            + (f", {self._unreadable} lines cannot be read" if self._unreadable else "")
            + (f" ({problem})" if problem else ""),
            flush=True,
        )


def _one_a_question(lines: Iterable[BatchLine]) -> dict[str, BatchLine]:
    """Keep one line a question: an answer before an error, and the first before the others."""
    kept: dict[str, BatchLine] = {}
    for line in lines:
        if line.key not in kept or (line.is_answer and not kept[line.key].is_answer):
            kept[line.key] = line
    return kept


def _shares(total: int, parts: int) -> list[int]:
    """Divide a whole number into whole numbers."""
    return [total // parts + (n < total % parts) for n in range(parts)]


def _in_blocks(lines: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(lines)
    while block := list(islice(iterator, LINES_AT_ONCE)):
        yield block
