"""What `judge_batches` knows: a batch is on record before it is sent, so that nobody sends it twice."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.scoring.claims import BATCH_HOLDER
from anchorwatch.scoring.interactions import Shard

_COLUMNS = "batch_key, batch_id, status, api_status, run_id, run_date, shard, judge_model, requests, looks"
_OPEN = sa.text(
    "INSERT INTO judge_batches "
    "(batch_key, status, judge_model, run_id, run_date, shard, requests, submitted_at, looks, is_closed) "
    "VALUES (:batch_key, 'submitting', :judge_model, :run_id, :run_date, :shard, 0, CLOCK_TIMESTAMP(), 0, FALSE)"
)
_UNSENT = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches WHERE status = 'submitting' "  # noqa: S608 - our own column names
    "AND ((run_id = :run_id AND run_date = :run_date AND shard = :shard) "
    "OR (run_date = :run_date AND submitted_at < NOW() - INTERVAL '1 hour'))"
)
_PENDING = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches WHERE status = 'submitted' "  # noqa: S608
    "AND ((run_id = :run_id AND run_date = :run_date AND shard = :shard) "
    "OR (run_id <> :run_id AND run_date = :run_date) OR batch_key = ANY(:keys)) ORDER BY submitted_at, batch_key"
)
_ALL_PENDING = sa.text(
    f"SELECT {_COLUMNS} FROM judge_batches WHERE status = 'submitted' ORDER BY submitted_at"  # noqa: S608
)
_SENT = sa.text(
    "UPDATE judge_batches SET status = 'submitted', batch_id = :batch_id, requests = :requests, ceiling = :ceiling "
    "WHERE batch_key = :batch_key"
)
_SEEN = sa.text("UPDATE judge_batches SET api_status = :api_status WHERE batch_key = :batch_key")
_LOOKED = sa.text("UPDATE judge_batches SET looks = looks + 1 WHERE batch_key = :batch_key")
_ENDED = sa.text(
    "UPDATE judge_batches SET status = :status, api_status = COALESCE(:api_status, api_status), "
    "answered = :answered, requests = COALESCE(:requests, requests), finished_at = NOW() WHERE batch_key = :batch_key"
)
_DISCARD = sa.text("DELETE FROM judge_batches WHERE batch_key = :batch_key")
_LOCK = sa.text("SELECT status FROM judge_batches WHERE batch_key = :batch_key FOR UPDATE")
_CLOSE = sa.text(
    "UPDATE judge_batches SET is_closed = TRUE "
    "WHERE run_id = :run_id AND run_date = :run_date AND shard = :shard AND NOT is_closed"
)
_CEILINGS = sa.text(
    "SELECT ceiling FROM judge_batches WHERE run_id = :run_id AND run_date = :run_date AND shard = :shard "
    "AND judge_model = :judge_model AND NOT is_closed AND ceiling IS NOT NULL ORDER BY submitted_at"
)
_RECENT = sa.text(
    "SELECT status, api_status, requests, run_id = :run_id AND run_date = :run_date AND shard = :shard AS is_own "
    "FROM judge_batches WHERE judge_model = :judge_model "
    "AND status IN ('over_limit', 'harvested', 'submitted') AND submitted_at > NOW() - INTERVAL '2 days' "
    "ORDER BY submitted_at, batch_key"
)
ACCEPTED = frozenset({"in_progress", "finalizing", "completed", "expired", "cancelling", "cancelled"})
"""What the endpoint says of a batch that it had room for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """A row of `judge_batches`."""

    batch_key: str
    batch_id: str | None
    status: str
    api_status: str | None
    run_id: str
    run_date: date
    shard: int
    judge_model: str
    requests: int
    looks: int = 0

    @property
    def holder(self) -> str:
        """Its name in `judge_claims`."""
        return BATCH_HOLDER + self.batch_key


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch as far as it tells how many questions the endpoint has room for."""

    status: str
    api_status: str | None
    requests: int
    is_own: bool = True

    @property
    def was_accepted(self) -> bool:
        """Whether there was room for it."""
        return self.api_status in ACCEPTED


def open_batch(connection: sa.Connection, part: Shard, judge_model: str) -> Batch:
    """Put a batch on record that will be sent."""
    batch = Batch(uuid.uuid4().hex, None, "submitting", None, part.run_id, part.run_date, part.shard, judge_model, 0)
    connection.execute(_OPEN, {name: getattr(batch, name) for name in ("batch_key", "judge_model")} | _key(part))
    return batch


def unsent(connection: sa.Connection, part: Shard) -> list[Batch]:
    """Return batches of which it is not known whether they were sent: the shard's own, and old ones of its day."""
    return [Batch(*row) for row in connection.execute(_UNSENT, _key(part))]


def pending(connection: sa.Connection, part: Shard, holders: Iterable[str]) -> list[Batch]:
    """Return batches whose answers are still to be stored: the shard's, other runs' of its day, these holders'."""
    keys = [holder.removeprefix(BATCH_HOLDER) for holder in holders if holder.startswith(BATCH_HOLDER)]
    return [Batch(*row) for row in connection.execute(_PENDING, _key(part) | {"keys": keys})]


def all_pending(connection: sa.Connection) -> list[Batch]:
    """Return every batch whose answers are still to be stored."""
    return [Batch(*row) for row in connection.execute(_ALL_PENDING)]


def note_sent(connection: sa.Connection, batch: Batch, batch_id: str, requests: int, ceiling: str | None) -> None:
    """Note the endpoint's id; from here on the batch is only waited for."""
    values = {"batch_key": batch.batch_key, "batch_id": batch_id, "requests": requests, "ceiling": ceiling}
    connection.execute(_SENT, values)


def note_seen(connection: sa.Connection, batch: Batch, api_status: str) -> None:
    """Note what the endpoint says of a batch that is under way."""
    if api_status != batch.api_status:
        connection.execute(_SEEN, {"batch_key": batch.batch_key, "api_status": api_status})


def note_looked(connection: sa.Connection, batch: Batch) -> None:
    """Note that the batch, or its file, was not where it should be."""
    connection.execute(_LOOKED, {"batch_key": batch.batch_key})


def note_ended(
    connection: sa.Connection,
    batch: Batch,
    status: str,
    api_status: str | None,
    answered: int = 0,
    requests: int | None = None,
) -> None:
    """Note that nothing more will come of a batch."""
    values = {"status": status, "api_status": api_status, "answered": answered, "requests": requests}
    connection.execute(_ENDED, values | {"batch_key": batch.batch_key})


def discard(connection: sa.Connection, batch: Batch) -> None:
    """Drop a batch that nothing was put into."""
    connection.execute(_DISCARD, {"batch_key": batch.batch_key})


def lock(connection: sa.Connection, batch: Batch) -> str:
    """Keep others from storing the same batch until the transaction ends; return its status now."""
    return str(connection.execute(_LOCK, {"batch_key": batch.batch_key}).scalar_one())


def close(connection: sa.Connection, part: Shard) -> None:
    """Note that the shard is judged: if it is judged again, its questions may be asked as often again."""
    connection.execute(_CLOSE, _key(part))


def ceilings(connection: sa.Connection, part: Shard, judge_model: str) -> list[str]:
    """Return the ceilings that the shard's batches of a model have met, one a batch that met one."""
    return list(connection.execute(_CEILINGS, _key(part) | {"judge_model": judge_model}).scalars())


def recent(connection: sa.Connection, part: Shard, judge_model: str) -> list[Sent]:
    """Return what became of a model's batches of the last two days, of all runs: they share one queue."""
    return [Sent(*row) for row in connection.execute(_RECENT, _key(part) | {"judge_model": judge_model})]


def _key(part: Shard) -> dict[str, object]:
    return {"run_id": part.run_id, "run_date": part.run_date, "shard": part.shard}
