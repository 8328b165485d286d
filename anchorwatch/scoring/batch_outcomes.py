"""What one line of a batch's files means for its question."""

from dataclasses import dataclass, replace

from anchorwatch.judge_client import Outcome
from anchorwatch.judge_client.batch_lines import BatchLine
from anchorwatch.judge_client.errors import Garbled, RowUnscored
from anchorwatch.judge_client.rejection import Rejected
from anchorwatch.judge_client.reply import FILTERED, read_reply
from anchorwatch.scoring.batch_ledger import UNANSWERED, Ending, Settled, Tries
from evaluators import Interaction, JudgeDeclined, MalformedReply, Review

ROW_GONE = "judge_batch_row_gone"


@dataclass(frozen=True, slots=True)
class ReadLine:
    """A paid line: what is noted of it, and what is booked and kept."""

    settled: Settled
    outcome: Outcome


def settled_as(line: BatchLine) -> Settled:
    """Say what a line without an answer means: the endpoint rejects the question, or it may answer another time."""
    if line.status is None:
        return Settled(line.key, "unanswered", UNANSWERED)
    if not 400 <= line.status < 500 or line.status in (408, 409, 429):
        return Settled(line.key, "unanswered", "judge_unavailable")
    error = Rejected(line.status, line.body)
    if error.is_filter or line.status in (403, 406, 451):
        return Settled(line.key, "final", FILTERED)
    too_long = error.is_too_long and line.status != 413
    return Settled(line.key, "final", "judge_input_too_long" if too_long else f"judge_rejected_request_{line.status}")


def read_outcome(review: Review, line: BatchLine, row: Interaction | None, earlier: Tries, reasks: int) -> ReadLine:
    """Read an answer as in real time, where a malformed one is asked again `reasks` times.

    Args:
        row: What was asked about; None where it is gone from the log.
        earlier: The question's tries before this one.
    """
    ending, outcome = _read(review, line, row)
    partial = None
    if ending == "malformed":
        partial = outcome.parsed or earlier.partial
        is_last = earlier.malformed >= reasks
        outcome = replace(outcome, parsed=partial if is_last else None)
        if outcome.parsed is not None:
            ending, outcome = "answered", replace(outcome, reason=None)
    outcome = replace(outcome, model=outcome.model.replace("\0", "") if outcome.model else None)
    settled = Settled(
        line.key, ending, outcome.reason or "scored", outcome.input_tokens, outcome.output_tokens, partial
    )
    return ReadLine(settled, outcome)


def _read(review: Review, line: BatchLine, row: Interaction | None) -> tuple[Ending, Outcome]:
    """Return the ending and the outcome; of a malformed reply, what is usable of it."""
    request = review.request(row) if row is not None else None
    try:
        reply = read_reply(line.body, request)
    except Garbled as error:
        return "malformed", Outcome.of(line.key, [error.reply] if error.reply else [], None, str(error), 1)
    except RowUnscored as error:
        return "final", Outcome.of(line.key, [error.reply] if error.reply else [], None, str(error), 1)
    if row is None:
        return "final", Outcome.of(line.key, [reply], None, ROW_GONE, 1)
    try:
        return "answered", Outcome.of(line.key, [reply], review.parse(reply.text, row, request), None, 1)
    except JudgeDeclined:
        return "final", Outcome.of(line.key, [reply], None, "judge_refused", 1)
    except MalformedReply as error:
        return "malformed", Outcome.of(line.key, [reply], error.partial, "judge_reply_unparsable", 1)
