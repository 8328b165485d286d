"""Looks at the batches that are under way, and does what their state asks for."""

from dataclasses import dataclass, field

import sqlalchemy as sa

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client.batch_api import BatchApi, BatchGone
from anchorwatch.judge_client.batch_states import BatchState
from anchorwatch.scoring import batch_ledger, batch_records
from anchorwatch.scoring.batch_answers import LOOKS, store_answers
from anchorwatch.scoring.batch_ledger import UNANSWERED, Settled
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.claims import BATCH_LEASE_SECONDS, Claims
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect


class BatchCancelled(ConfigError):
    """Somebody cancelled a batch that a run was waiting for."""


@dataclass(slots=True)
class Looked:
    """What was found.

    Attributes:
        stored: Batches that ended and are booked.
        refused: Models whose queue was full.
        late: Batches that have ended, or are gone, and are looked at again.
    """

    stored: int = 0
    refused: set[str] = field(default_factory=set)
    late: int = 0


class BatchWatch:
    """Looks after one shard's batches, and those of other runs of its day."""

    def __init__(self, engine: sa.Engine, settings: Settings, api: BatchApi, part: Shard) -> None:
        self._engine, self._settings, self._api, self._part = engine, settings, api, part
        self._found = Looked()

    def look(self, *, is_first: bool) -> Looked:
        """Find batches whose sending was cut off, store those that have ended, note those that were refused.

        Args:
            is_first: An attempt begins: batches cancelled before it are no reason to stop.

        Raises:
            BatchCancelled: One was cancelled while this attempt waited for it.
            ConfigError, TransientError: The endpoint takes none of a file, or the account has no money.
        """
        self._found = Looked()
        self._adopt_or_abandon()
        with connect(self._engine) as connection:
            mine = batch_records.pending(connection, self._part, [])
        for batch in mine:
            self._look_at(batch, is_first)
        return self._found

    def _adopt_or_abandon(self) -> None:
        """Find out what became of batches that an attempt was killed over."""
        with connect(self._engine) as connection:
            cut_off = batch_records.unsent(connection, self._part)
        for batch in cut_off:
            found = self._api.find(batch.batch_key)
            if found is None:
                drop(self._engine, self._settings, batch, "abandoned")
                continue
            with connect(self._engine) as connection:
                requests = batch_ledger.sums(connection, batch).lines
                batch_records.note_sent(connection, batch, found.batch_id, requests, None)

    def _look_at(self, batch: Batch, is_first: bool) -> None:
        try:
            state = self._api.state(str(batch.batch_id))
        except BatchGone:
            self._miss(batch)
            return
        if not state.has_ended:
            # A first look that finds `cancelling` is on record, so that the end of it is no surprise.
            if is_first or state.status != "cancelling":
                with connect(self._engine) as connection:
                    batch_records.note_seen(connection, batch, state.status)
            return
        match state.step:
            case "split":
                drop(self._engine, self._settings, batch, "over_limit", state.status)
                print(f"batch {state.batch_id} was refused: {state.problem or state.code}", flush=True)
                self._found.refused.add(batch.judge_model)
            case "stop" | "fix":
                drop(self._engine, self._settings, batch, "refused", state.status)
                self._stop(batch, state)
            case _:
                self._store(batch, state, is_first)

    def _miss(self, batch: Batch) -> None:
        """Look for a batch that the endpoint does not know some times more, then let its questions go."""
        with connect(self._engine) as connection:
            batch_records.note_looked(connection, batch)
        if batch.looks + 1 < LOOKS:
            self._found.late += 1
            return
        with connect(self._engine) as connection:
            silent = batch_ledger.silent_lines(connection, batch)
            batch_ledger.settle(connection, batch, [Settled(line.key, "unanswered", UNANSWERED) for line in silent])
        drop(self._engine, self._settings, batch, "vanished", keeps_lines=True)
        print(f"batch {batch.batch_id} is gone from the endpoint; what it cost is not known", flush=True)
        self._found.stored += 1

    def _store(self, batch: Batch, state: BatchState, is_first: bool) -> None:
        stored = store_answers(self._engine, self._settings, self._api, batch, state)
        if stored.kind == "late":
            self._found.late += 1
            return
        self._found.stored += 1
        if stored.kind == "rejected" and self._is_own(batch):
            raise ConfigError(
                f"{self._api.endpoint.name} rejected every question of batch {batch.batch_id}"
                + (f": {stored.problem}" if stored.problem else "")
                + "; see judge.model, judge.structured_output, judge.temperature and judge.seed"
            )
        if state.status == "cancelled" and self._is_own(batch) and not is_first and batch.api_status != "cancelling":
            raise BatchCancelled(
                f"batch {batch.batch_id} was cancelled; what it had answered is booked and kept. Run the day again, "
                "or clear the task, to send the rest"
            )

    def _stop(self, batch: Batch, state: BatchState) -> None:
        if not self._is_own(batch):
            return
        told = f"batch {batch.batch_id} failed at {self._api.endpoint.name}: {state.problem or state.code}"
        if state.step == "stop":
            raise TransientError(f"{told}; nothing was paid, run the day again when the account has money")
        raise ConfigError(f"{told}; nothing was paid")

    def _is_own(self, batch: Batch) -> bool:
        part = self._part
        return (batch.run_id, batch.run_date, batch.shard) == (part.run_id, part.run_date, part.shard)


def drop(
    engine: sa.Engine,
    settings: Settings,
    batch: Batch,
    status: str,
    api_status: str | None = None,
    *,
    requests: int | None = None,
    keeps_lines: bool = False,
) -> None:
    """Note that nothing will come of a batch, and let its questions go."""
    claims = Claims(settings.judge, batch.holder, batch.run_id, batch.run_date, BATCH_LEASE_SECONDS)
    with connect(engine) as connection:
        claims.release_all(connection)
        if not keeps_lines:
            batch_ledger.forget(connection, batch)
        batch_records.note_ended(connection, batch, status, api_status, requests=requests)
