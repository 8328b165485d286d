"""The judge task: in real time, or sent as a batch and waited for without holding a worker."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

from airflow.sdk import BaseOperator
from airflow.triggers.base import BaseTrigger, TriggerEvent

from anchorwatch.airflow_support.context import find_connection
from anchorwatch.errors import AnchorwatchError, TransientError
from anchorwatch.judge_client import JudgeEndpoint, judge_endpoint
from anchorwatch.settings import load_settings
from anchorwatch.settings.judging import JudgeSettings

JUDGE_CONNECTION = "anchorwatch_judge"


def endpoint_for(settings: JudgeSettings) -> JudgeEndpoint:
    """Return the endpoint: the Airflow connection, if there is one, before configuration and environment."""
    connection = find_connection(JUDGE_CONNECTION)
    return judge_endpoint(
        settings,
        base_url=connection.host if connection else None,
        api_key=connection.password if connection else None,
    )


class JudgeOperator(BaseOperator):
    """Judges one shard of the day's sample.

    A batch's id is in the warehouse before the task is deferred. A retry, a restart of the scheduler or of the
    triggerer, and a cleared task find it there and go on waiting; nothing is sent twice.
    """

    def __init__(self, *, shard: int, shards: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.shard = shard
        self.shards = shards

    def execute(self, context: Any) -> dict[str, int]:
        """Send the shard as a batch where that is wanted, or judge it."""
        from anchorwatch.airflow_support import nightly

        batch_ids = nightly.send_batches(self.shard, self.shards)
        if batch_ids:
            settings = load_settings().judge
            trigger = BatchTrigger(
                batch_ids=batch_ids,
                base_url=settings.base_url,
                poll_seconds=settings.batch.poll_seconds,
                give_up_at=time.time() + settings.batch.max_wait_hours * 3600,
            )
            self.defer(trigger=trigger, method_name="judge_after_batches")
        return nightly.judge(self.shard, self.shards)

    def judge_after_batches(self, context: Any, event: dict[str, Any]) -> dict[str, int]:
        """Store what the batches answered, and judge what they did not."""
        from anchorwatch.airflow_support import nightly

        nightly.store_batches(self.shard, self.shards)
        return nightly.judge(self.shard, self.shards)


class BatchTrigger(BaseTrigger):
    """Waits until batches have ended. Answers are fetched by the task, in a worker.

    Attributes:
        base_url: Of the configuration; the Airflow connection takes precedence.
        give_up_at: Seconds since the epoch; by the wall clock, since a restart moves the trigger elsewhere.
    """

    def __init__(self, batch_ids: list[str], base_url: str | None, poll_seconds: float, give_up_at: float) -> None:
        super().__init__()
        self.batch_ids = batch_ids
        self.base_url = base_url
        self.poll_seconds = poll_seconds
        self.give_up_at = give_up_at

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the metadata database keeps; no secret is in it."""
        names = ("batch_ids", "base_url", "poll_seconds", "give_up_at")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the batches from time to time; an endpoint that does not answer is asked again."""
        while time.time() < self.give_up_at:
            try:
                if await asyncio.to_thread(self._have_all_ended):
                    break
            except TransientError as error:
                self.log.warning("%s; asking again in %s s", error, self.poll_seconds)
            except AnchorwatchError:
                break  # the task meets it too, and can say it where people look
            await asyncio.sleep(self.poll_seconds)
        yield TriggerEvent({"batch_ids": self.batch_ids})

    async def on_kill(self) -> None:
        """Cancel the batches: a person failed or cleared the task. A restart does not come here."""
        await asyncio.to_thread(self._cancel)

    def _api(self) -> Any:
        from anchorwatch.judge_client.batch_api import BatchApi

        settings = JudgeSettings(base_url=self.base_url)
        return BatchApi(settings, endpoint_for(settings))

    def _have_all_ended(self) -> bool:
        with self._api() as api:
            states = [api.state(batch_id) for batch_id in self.batch_ids]
        for state in states:
            self.log.info("batch %s %s: %s of %s", state.batch_id, state.status, state.done, state.total)
        return all(state.has_ended for state in states)

    def _cancel(self) -> None:
        with self._api() as api:
            for batch_id in self.batch_ids:
                try:
                    api.cancel(batch_id)
                    self.log.info("batch %s cancelled", batch_id)
                except AnchorwatchError as error:
                    self.log.warning("batch %s could not be cancelled: %s", batch_id, error)
