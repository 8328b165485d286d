"""How many questions go into the next batch, and when it goes, after the endpoint had no room for one."""

from collections.abc import Sequence
from dataclasses import dataclass

from anchorwatch.scoring.batch_records import Sent

LONGEST_WAIT_POLLS = 32
"""Between two tries while the queue stays full, in units of `judge.batch.poll_seconds`."""


@dataclass(frozen=True, slots=True)
class Room:
    """What the next batch of a model may be.

    Attributes:
        most: Questions in it; None: no batch was refused, as many as the files' limits allow.
        is_open: Whether it may go now; if not, it is not known yet whether there was room for the last one.
        polls: Looks to let pass before the next try.
    """

    most: int | None = None
    is_open: bool = True
    polls: int = 1


def next_room(sent: Sequence[Sent]) -> Room:
    """Halve after each refusal, double after each batch that there was room for, one at a time.

    The waits double with the halvings: the queue may be full of others' batches, which takes hours.

    Args:
        sent: What became of the model's batches, the oldest first.
    """
    most: int | None = None
    refused: set[int] = set()
    for batch in sent:
        if batch.status == "over_limit":
            most = max(1, batch.requests // 2)
            refused.add(batch.requests)
        elif batch.was_accepted and most is not None:
            most = max(most, 2 * batch.requests)
            refused.clear()
    is_known = all(batch.was_accepted for batch in sent if batch.status == "submitted" and batch.is_own)
    polls = min(2 ** max(0, len(refused) - 1), LONGEST_WAIT_POLLS)
    return Room(most, is_open=most is None or is_known, polls=polls)
