"""Batch mode of the judge: look, store, send, until nothing is left; the waiting is Airflow's, or this process's."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta

import sqlalchemy as sa

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client import JudgeEndpoint
from anchorwatch.judge_client.batch_api import BatchApi, BatchApiDown, BatchGone, BatchState, BatchUnsupported
from anchorwatch.scoring import batch_records
from anchorwatch.scoring.batch_ledger import Unasked
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.batch_waits import BatchWatch
from anchorwatch.scoring.batches import BatchSender, Sending
from anchorwatch.scoring.claims import BATCH_HOLDER
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.panel import STRONG, seats
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect


@dataclass(frozen=True, slots=True)
class BatchStep:
    """Where a shard stands after everything was done that can be done now.

    Attributes:
        batches: Those to wait for.
        polls: Looks after which there is more to do even if none of them has ended; None: not before.
        has_progressed: Whether a batch was stored or sent.
        unasked: By role of a judge, why its open questions are in no batch. A judge that is not in it is asked in
            real time: the strong judge of a cascade.
    """

    batches: list[Batch]
    polls: int | None = None
    has_progressed: bool = False
    unasked: dict[str, Unasked] = field(default_factory=dict)

    @property
    def is_waiting(self) -> bool:
        """Whether the shard is not ready to be judged from the cache."""
        return bool(self.batches) or self.polls is not None


def wants_batch(settings: Settings, run_date: date, today: date) -> bool:
    """Tell whether a day goes to the Batch API: always, never, or when its results are not needed soon.

    `auto` asks whether the day could still alert: if so, somebody is waiting for it.
    """
    if settings.judge.mode == "auto":
        return run_date < today - timedelta(days=settings.alerts.max_age_days)
    return settings.judge.mode == "batch"


def advance(
    engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint, part: Shard, *, is_first: bool = True
) -> BatchStep | None:
    """Store the shard's batches that have ended, and send what is open; None: it has to be judged in real time.

    All state is in the warehouse: after a kill, the next call goes on where this one stopped.

    Args:
        is_first: An attempt of the task begins; False after a wait.

    Raises:
        ConfigError: The endpoint has no Batch API, and `judge.mode` insists on it or a batch is under way; a batch
            was cancelled; the endpoint takes none of a file.
        TransientError: It does not answer, or the account has no money.
    """
    with BatchApi(settings.judge, endpoint) as api:
        try:
            looked = BatchWatch(engine, settings, api, part).look(is_first=is_first)
            done: dict[str, Sending] = {}
            for seat in seats(settings):
                if seat.role != STRONG:
                    refused = seat.settings.judge.model in looked.refused and not looked.stored
                    done[seat.role] = BatchSender(engine, seat.settings, api, part).send(was_refused=refused)
        except BatchUnsupported as error:
            if settings.judge.mode == "batch" or _waiting_for(engine, part, set())[0]:
                raise
            print(f"warning: {error}; judging in real time", flush=True)
            return None
    batches, is_held_elsewhere = _waiting_for(engine, part, {h for one in done.values() for h in one.holders})
    polls = [one.polls for one in done.values() if one.polls is not None]
    polls += [1] if is_held_elsewhere or looked.late else []
    return BatchStep(
        batches=batches,
        polls=min(polls) if polls else None,
        has_progressed=bool(looked.stored) or any(one.sent for one in done.values()),
        unasked={role: one.unasked for role, one in done.items()},
    )


def judge_by_batches(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    part: Shard,
    progress: Callable[[str], None] = lambda told: None,
) -> dict[str, Unasked] | None:
    """Send a shard's questions, wait in this process, and store the answers, until none is left to be sent.

    Returns:
        By role of a judge, why questions have no answer; None: the shard has to be judged in real time.

    Raises:
        TransientError: For `judge.batch.max_wait_hours` no batch has ended, and none could be sent.
        ConfigError: As `advance`.
    """
    step = advance(engine, settings, endpoint, part)
    deadline = time.monotonic() + settings.judge.batch.max_wait_hours * 3600
    while step is not None and step.is_waiting:
        if time.monotonic() > deadline:
            raise unfinished(step)
        _wait(settings, endpoint, step, deadline, progress)
        try:
            step = advance(engine, settings, endpoint, part, is_first=False)
        except BatchApiDown as error:
            progress(f"{error}; asking again")
            time.sleep(settings.judge.batch.poll_seconds)
            continue
        if step is not None and step.has_progressed:
            deadline = time.monotonic() + settings.judge.batch.max_wait_hours * 3600
    return step.unasked if step is not None else None


def _wait(
    settings: Settings, endpoint: JudgeEndpoint, step: BatchStep, deadline: float, progress: Callable[[str], None]
) -> None:
    """Wait until the batches have ended, or it is time to look again, or to give up."""
    poll = settings.judge.batch.poll_seconds
    until = min(deadline, time.monotonic() + step.polls * poll if step.polls is not None else deadline)
    with BatchApi(settings.judge, endpoint) as api:
        if step.polls is not None:
            time.sleep(poll)  # what was found a moment ago is not looked at again at once
        while not _is_over(api, step, progress) and time.monotonic() < until:
            time.sleep(min(poll, max(0.0, until - time.monotonic())))


def _is_over(api: BatchApi, step: BatchStep, progress: Callable[[str], None]) -> bool:
    """Tell whether the batches that are waited for have ended; where more is to be sent, one of them will do."""
    try:
        states = look_at(api, [str(batch.batch_id) for batch in step.batches])
    except BatchApiDown as error:
        progress(f"{error}; asking again")
        return False
    for state in states:
        if state is not None and not state.has_ended:
            progress(f"batch {state.batch_id} {state.status}: {state.done} of {state.total}")
    return has_news(states, wants_any=step.polls is not None)


def look_at(api: BatchApi, batch_ids: list[str]) -> list[BatchState | None]:
    """Return the states of batches; None for one that the endpoint does not know."""
    states: list[BatchState | None] = []
    for batch_id in batch_ids:
        try:
            states.append(api.state(batch_id))
        except BatchGone:
            states.append(None)
    return states


def has_news(states: list[BatchState | None], *, wants_any: bool) -> bool:
    """Tell whether batches have ended: all of them, or any of them."""
    ended = [state.has_ended for state in states if state is not None]
    if not states:
        return False
    return any(ended) if wants_any else all(ended)


def unfinished(step: BatchStep) -> TransientError:
    """Return the error of a shard that has waited for too long."""
    waiting = ", ".join(f"batch {batch.batch_id}" for batch in step.batches) or "a place in the endpoint's queue"
    return TransientError(
        f"waited for {waiting} for longer than judge.batch.max_wait_hours; clear the task to go on waiting (without "
        "Airflow: run the day again), or give a batch up with `anchorwatch batches cancel`"
    )


def close_batches(engine: sa.Engine, part: Shard) -> None:
    """Note that the shard is judged: if it is judged again, what had no answer may be asked again."""
    with connect(engine) as connection:
        batch_records.close(connection, part)


def waiting_batches(engine: sa.Engine) -> list[Batch]:
    """Return the batches whose answers are not stored yet."""
    with connect(engine) as connection:
        return batch_records.all_pending(connection)


def cancel_batch(engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint, batch_id: str) -> None:
    """Give a batch up: what it has answered is paid and kept, the rest is free to be asked by the next run.

    Raises:
        ConfigError: There is no such batch waiting.
    """
    if not any(batch.batch_id == batch_id for batch in waiting_batches(engine)):
        raise ConfigError(f"no batch {batch_id} is waiting; `anchorwatch batches list` shows those that are")
    with BatchApi(settings.judge, endpoint) as api:
        try:
            api.cancel(batch_id)
        except BatchGone:
            raise ConfigError(f"{endpoint.name} does not know batch {batch_id}: see judge.base_url") from None


def _waiting_for(engine: sa.Engine, part: Shard, holders: set[str]) -> tuple[list[Batch], bool]:
    """Return the shard's own batches and those that ask its questions, and whether one of these is not sent yet."""
    keys = {holder.removeprefix(BATCH_HOLDER) for holder in holders if holder.startswith(BATCH_HOLDER)}
    with connect(engine) as connection:
        found = batch_records.pending(connection, part, holders)
    own = (part.run_id, part.run_date, part.shard)
    batches = [b for b in found if (b.run_id, b.run_date, b.shard) == own or b.batch_key in keys]
    return batches, bool(keys - {batch.batch_key for batch in batches})
