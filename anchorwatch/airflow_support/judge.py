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
        return self._go_on(is_first=True, give_up_at=None)

    def judge_after_batches(self, context: Any, event: dict[str, Any]) -> dict[str, int]:
        """Store what the batches answered; send what is open and wait again, or judge from what is there."""
        return self._go_on(is_first=False, give_up_at=event.get("give_up_at"))

    def _go_on(self, *, is_first: bool, give_up_at: float | None) -> dict[str, int]:
        from anchorwatch.airflow_support import nightly

        now = time.time()
        has_given_up = give_up_at is not None and now >= give_up_at
        step = nightly.advance_batches(self.shard, self.shards, is_first=is_first, has_given_up=has_given_up)
        if step is None:
            return nightly.judge(self.shard, self.shards)
        if not step.is_waiting:
            return nightly.judge(self.shard, self.shards, unasked=step.unasked)
        settings = load_settings().judge
        if give_up_at is None or step.has_progressed:
            give_up_at = now + settings.batch.max_wait_hours * 3600
        trigger = BatchTrigger(
            batch_ids=[batch.batch_id for batch in step.batches if batch.batch_id],
            base_url=settings.base_url,
            poll_seconds=settings.batch.poll_seconds,
            give_up_at=give_up_at,
            polls=step.polls,
        )
        self.defer(trigger=trigger, method_name="judge_after_batches")
        raise AssertionError("a deferred task has ended")


class BatchTrigger(BaseTrigger):
    """Waits until batches have ended. Answers are fetched by the task, in a worker.

    Attributes:
        base_url: Of the configuration; the Airflow connection takes precedence.
        give_up_at: Seconds since the epoch; by the wall clock, since a restart moves the trigger elsewhere.
        polls: Looks after which there is more to send, whether a batch has ended or not; None: when all have ended.
    """

    def __init__(
        self,
        batch_ids: list[str],
        base_url: str | None,
        poll_seconds: float,
        give_up_at: float,
        polls: int | None = None,
    ) -> None:
        super().__init__()
        self.batch_ids = batch_ids
        self.base_url = base_url
        self.poll_seconds = poll_seconds
        self.give_up_at = give_up_at
        self.polls = polls

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return what the metadata database keeps; no secret is in it."""
        names = ("batch_ids", "base_url", "poll_seconds", "give_up_at", "polls")
        return f"{type(self).__module__}.{type(self).__name__}", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look at the batches from time to time; an endpoint that does not answer is asked again."""
        looks = 0
        while time.time() < self.give_up_at and (self.polls is None or looks < self.polls):
            if looks or self.polls is not None:
                await asyncio.sleep(self.poll_seconds)
            looks += 1
            try:
                if await asyncio.to_thread(self._is_over):
                    break
            except TransientError as error:
                self.log.warning("%s; asking again in %s s", error, self.poll_seconds)
            except AnchorwatchError:
                break  # the task meets it too, and can say it where people look
        yield TriggerEvent({"batch_ids": self.batch_ids, "give_up_at": self.give_up_at})

    async def on_kill(self) -> None:
        """Cancel the batches: a person failed or cleared the task. A restart does not come here."""
        await asyncio.to_thread(self._cancel)

    def _api(self) -> Any:
        from anchorwatch.judge_client.batch_api import BatchApi

        settings = JudgeSettings(base_url=self.base_url)
        return BatchApi(settings, endpoint_for(settings))

    def _is_over(self) -> bool:
        from anchorwatch.steps.batch_mode import has_news, look_at

        with self._api() as api:
            states = look_at(api, self.batch_ids)
        for state in states:
            if state is not None:
                self.log.info("batch %s %s: %s of %s", state.batch_id, state.status, state.done, state.total)
        return has_news(states, wants_any=self.polls is not None)

    def _cancel(self) -> None:
        from anchorwatch.judge_client.batch_api import BatchGone

        with self._api() as api:
            for batch_id in self.batch_ids:
                try:
                    api.cancel(batch_id)
                    self.log.info("batch %s cancelled", batch_id)
                except (AnchorwatchError, BatchGone) as error:
                    self.log.warning("batch %s could not be cancelled: %s", batch_id, error)
