"""What `judge_batches` knows: a batch is on record before it is sent, so that nobody sends it twice."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.scoring.claims import BATCH_HOLDER
from anchorwatch.scoring.interactions import Shard

_COLUMNS = "batch_key, batch_id, status, run_id, run_date, shard, judge_model, requests"
_OPEN = sa.text(
    "INSERT INTO judge_batches (batch_key, status, judge_model, run_id, run_date, shard, requests, submitted_at) "
    "VALUES (:batch_key, 'submitting', :judge_model, :run_id, :run_date, :shard, 0, NOW())"
)
_UNSENT = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches "  # noqa: S608 - our own column names
    "WHERE status = 'submitting' AND run_id = :run_id AND run_date = :run_date AND shard = :shard"
)
_PENDING = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches WHERE status = 'submitted' "  # noqa: S608
    "AND ((run_id = :run_id AND run_date = :run_date AND shard = :shard) OR batch_key = ANY(:keys)) ORDER BY batch_key"
)
_ALL_PENDING = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches WHERE status = 'submitted' ORDER BY submitted_at"  # noqa: S608
)
_SENT = sa.text(
    "UPDATE judge_batches SET status = 'submitted', batch_id = :batch_id, requests = :requests "
    "WHERE batch_key = :batch_key"
)
_ENDED = sa.text(
    "UPDATE judge_batches SET status = :status, api_status = :api_status, answered = :answered, finished_at = NOW() "
    "WHERE batch_key = :batch_key"
)


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of `judge_batches`."""

    batch_key: str
    batch_id: str | None
    status: str
    run_id: str
    run_date: date
    shard: int
    judge_model: str
    requests: int

    @property
    def holder(self) -> str:
        """Its name in `judge_claims`."""
        return BATCH_HOLDER + self.batch_key


def open_batch(connection: sa.Connection, part: Shard, judge_model: str) -> Batch:
    """Put a batch on record that will be sent."""
    batch = Batch(uuid.uuid4().hex, None, "submitting", part.run_id, part.run_date, part.shard, judge_model, 0)
    connection.execute(_OPEN, {name: getattr(batch, name) for name in ("batch_key", "judge_model")} | _key(part))
    return batch


def unsent(connection: sa.Connection, part: Shard) -> list[Batch]:
    """Return the batches of which it is not known whether they were sent."""
    return [Batch(*row) for row in connection.execute(_UNSENT, _key(part))]


def pending(connection: sa.Connection, part: Shard, holders: Iterable[str]) -> list[Batch]:
    """Return the batches whose answers are still to be stored: the shard's own, and those of these holders."""
    keys = [holder.removeprefix(BATCH_HOLDER) for holder in holders if holder.startswith(BATCH_HOLDER)]
    return [Batch(*row) for row in connection.execute(_PENDING, _key(part) | {"keys": keys})]


def all_pending(connection: sa.Connection) -> list[Batch]:
    """Return every batch whose answers are still to be stored."""
    return [Batch(*row) for row in connection.execute(_ALL_PENDING)]


def note_sent(connection: sa.Connection, batch: Batch, batch_id: str, requests: int) -> None:
    """Note the endpoint's id; from here on the batch is only waited for."""
    connection.execute(_SENT, {"batch_key": batch.batch_key, "batch_id": batch_id, "requests": requests})


def note_ended(connection: sa.Connection, batch: Batch, status: str, api_status: str | None, answered: int) -> None:
    """Note that nothing more will come of a batch."""
    values = {"batch_key": batch.batch_key, "status": status, "api_status": api_status, "answered": answered}
    connection.execute(_ENDED, values)


def _key(part: Shard) -> dict[str, object]:
    return {"run_id": part.run_id, "run_date": part.run_date, "shard": part.shard}
