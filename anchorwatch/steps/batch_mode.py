"""Batch mode of the judge: send, wait, store; the waiting is Airflow's, or this process's."""

import time
from collections.abc import Callable, Iterable
from datetime import date, timedelta

import sqlalchemy as sa

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client import JudgeEndpoint
from anchorwatch.judge_client.batch_api import BatchApi, BatchState, BatchUnsupported
from anchorwatch.scoring import batch_records
from anchorwatch.scoring.batch_answers import store_answers
from anchorwatch.scoring.batch_records import Batch
from anchorwatch.scoring.batches import BatchSender
from anchorwatch.scoring.interactions import Shard
from anchorwatch.scoring.panel import seats
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect


def wants_batch(settings: Settings, run_date: date, today: date) -> bool:
    """Tell whether a day goes to the Batch API: always, never, or when its results are not needed soon.

    `auto` asks whether the day could still alert: if so, somebody is waiting for it.
    """
    if settings.judge.mode == "auto":
        return run_date < today - timedelta(days=settings.alerts.max_age_days)
    return settings.judge.mode == "batch"


def send_batches(engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint, part: Shard) -> list[Batch]:
    """Send a shard's open questions to the first judge; return the batches to wait for, none where all is answered.

    The strong judge of a cascade, and the other jurors, are asked in real time afterwards.

    Raises:
        ConfigError: The endpoint has no Batch API, and `judge.mode` insists on it.
    """
    with BatchApi(settings.judge, endpoint) as api:
        try:
            return BatchSender(engine, seats(settings)[0].settings, api, part).send()
        except BatchUnsupported as error:
            if settings.judge.mode == "batch":
                raise
            print(f"warning: {error}; judging in real time", flush=True)
            return []


def store_batches(engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint, part: Shard) -> None:
    """Store the answers of the shard's batches that have ended.

    Raises:
        TransientError: One has not; it is kept, and waited for again by the next attempt.
    """
    with BatchApi(settings.judge, endpoint) as api:
        for batch in _pending(engine, part):
            _store_ended(engine, settings, api, batch)


def wait_for_batches(
    engine: sa.Engine,
    settings: Settings,
    endpoint: JudgeEndpoint,
    batches: Iterable[Batch],
    progress: Callable[[str], None] = lambda told: None,
) -> None:
    """Wait in this process until the batches have ended, and store their answers."""
    deadline = time.monotonic() + settings.judge.batch.max_wait_hours * 3600
    with BatchApi(settings.judge, endpoint) as api:
        for batch in batches:
            while not (state := api.state(str(batch.batch_id))).has_ended:
                if time.monotonic() > deadline:
                    raise _unfinished(state)
                progress(f"batch {state.batch_id} {state.status}: {state.done} of {state.total}")
                time.sleep(settings.judge.batch.poll_seconds)
            _store_ended(engine, settings, api, batch)


def waiting_batches(engine: sa.Engine) -> list[Batch]:
    """Return the batches whose answers are not stored yet."""
    with connect(engine) as connection:
        return batch_records.all_pending(connection)


def cancel_batch(engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint, batch_id: str) -> None:
    """Give a batch up: what it has answered is paid and kept, the rest is free to be asked again.

    Raises:
        ConfigError: There is no such batch waiting.
    """
    if not any(batch.batch_id == batch_id for batch in waiting_batches(engine)):
        raise ConfigError(f"no batch {batch_id} is waiting; `anchorwatch batches list` shows those that are")
    with BatchApi(settings.judge, endpoint) as api:
        api.cancel(batch_id)


def _pending(engine: sa.Engine, part: Shard) -> list[Batch]:
    with connect(engine) as connection:
        return batch_records.pending(connection, part, [])


def _store_ended(engine: sa.Engine, settings: Settings, api: BatchApi, batch: Batch) -> None:
    state = api.state(str(batch.batch_id))
    if not state.has_ended:
        raise _unfinished(state)
    store_answers(engine, settings, api, batch, state)


def _unfinished(state: BatchState) -> TransientError:
    return TransientError(
        f"batch {state.batch_id} is {state.status} ({state.done} of {state.total}) after judge.batch.max_wait_hours; "
        "clear the task to go on waiting, or give it up with `anchorwatch batches cancel`"
    )
