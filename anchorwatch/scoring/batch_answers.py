"""The answers of a finished batch on their way into the cache."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from anchorwatch.judge_client import Outcome
from anchorwatch.judge_client.batch_api import BatchApi, BatchState
from anchorwatch.judge_client.errors import RowUnscored
from anchorwatch.judge_client.reply import read_reply
from anchorwatch.scoring import batch_records
from anchorwatch.scoring.answers import CallLedger
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.claims import BATCH_LEASE_SECONDS, Claims
from anchorwatch.scoring.interactions import named_interactions
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from evaluators import Interaction, JudgeDeclined, MalformedReply, Review

LINES_AT_ONCE = 500
_OURS = sa.text("SELECT cache_key, request_id FROM judge_claims WHERE holder = :holder AND cache_key = ANY(:keys)")
_T = TypeVar("_T")


def store_answers(engine: sa.Engine, settings: Settings, api: BatchApi, batch: Batch, state: BatchState) -> int:
    """Store what a batch answered and what it cost; return how many answers there are.

    Answers may come in any order, twice, or not at all. A question's claim ends in the transaction that stores
    its answer, so an attempt that is killed half way goes on where it stopped. Claims that are left over at the
    end are released: their questions are asked in real time.
    """
    claims = Claims(settings.judge, batch.holder, batch.run_id, batch.run_date, BATCH_LEASE_SECONDS)
    review, answered = make_review(settings), 0
    ledger = CallLedger(settings, review, batch.run_id, batch.run_date, "batch")
    for lines in _in_blocks(api.answers(state)):
        answered += _store_block(engine, review, claims, ledger, batch, dict(lines))
    with connect(engine) as connection:
        claims.release_all(connection)
        batch_records.note_ended(connection, batch, "harvested", state.status, answered)
    left = batch.requests - answered
    print(
        f"batch {state.batch_id} {state.status}: {answered} of {batch.requests} answered"
        + (f" ({state.problem})" if state.problem else "")
        + (f"; {left} are asked in real time" if left > 0 else ""),
        flush=True,
    )
    return answered


def _store_block(
    engine: sa.Engine, review: Review, claims: Claims, ledger: CallLedger, batch: Batch, lines: dict[str, Any]
) -> int:
    with connect(engine) as connection:
        ours = connection.execute(_OURS, {"holder": claims.holder, "keys": list(lines)}).all()
        asked = {row.cache_key: row.request_id for row in ours}
        rows = named_interactions(connection, batch.run_date, list(asked.values()))
        outcomes = [
            _outcome(review, key, lines[key], rows[request_id])
            for key, request_id in asked.items()
            if lines[key] is not None and request_id in rows
        ]
        claims.release(connection, [key for key in asked if key not in {o.key for o in outcomes}])
        ledger.save(connection, [(asked[outcome.key], outcome) for outcome in outcomes], claims)
    return sum(outcome.parsed is not None for outcome in outcomes)


def _outcome(review: Review, key: str, body: Any, row: Interaction) -> Outcome:
    try:
        reply = read_reply(body)
    except RowUnscored as error:
        return Outcome.of(key, [error.reply] if error.reply else [], None, str(error), 1)
    try:
        return Outcome.of(key, [reply], review.parse(reply.text, row), None, 1)
    except JudgeDeclined:
        return Outcome.of(key, [reply], None, "judge_refused", 1)
    except MalformedReply:
        return Outcome.of(key, [reply], None, "judge_reply_unparsable", 1)


def _in_blocks(lines: Iterable[_T]) -> Iterator[list[_T]]:
    iterator = iter(lines)
    while block := list(islice(iterator, LINES_AT_ONCE)):
        yield block
