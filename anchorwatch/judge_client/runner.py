"""Many questions at once: bounded concurrency, answers saved as they come, a dead endpoint noticed early."""

import asyncio
import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from anchorwatch.judge_client.breaker import Breaker
from anchorwatch.judge_client.client import OpenAIJudge
from anchorwatch.judge_client.errors import EndpointDown, Garbled, RowUnscored
from anchorwatch.judge_client.questions import Desk, Outcome, Question
from evaluators import JudgeDeclined, JudgeReply, MalformedReply

RENEW_SECONDS = 5.0
_T = TypeVar("_T")
_Done = asyncio.Queue[tuple[Outcome, asyncio.Event]]


def ask_all(judge: OpenAIJudge, desk: Desk, *, concurrency: int, reasks: int) -> None:
    """Ask every question of the desk and hand it the outcomes while others are still in flight.

    A place in flight is free again only when its outcome is stored, so a kill loses at most
    `concurrency` answers. What is ready is stored together, so storing costs little.

    Raises:
        TransientError: The endpoint is dead; what was answered before has been saved.
        ConfigError: The endpoint refuses the key or the model.
    """
    with ThreadPoolExecutor(1, "judge-desk") as thread:
        asyncio.run(_Run(judge, desk, concurrency, reasks, thread).run())


class _Run:
    """The tasks of one `ask_all`: a feeder, the askers, a saver, and a heartbeat for claims."""

    def __init__(
        self, judge: OpenAIJudge, desk: Desk, concurrency: int, reasks: int, thread: ThreadPoolExecutor
    ) -> None:
        self._judge = judge
        self._desk = desk
        self._concurrency = concurrency
        self._attempts = 1 + reasks
        self._thread = thread
        self._breaker = Breaker(judge.endpoint.name)
        self._waiting: asyncio.Queue[Question] = asyncio.Queue()
        self._done: _Done = asyncio.Queue()
        self._taken = asyncio.Event()
        self._saved = asyncio.Event()
        self._in_hand = 0

    async def run(self) -> None:
        async with self._judge:
            try:
                async with asyncio.TaskGroup() as group:
                    helpers = [group.create_task(self._renew()), group.create_task(self._save())]
                    helpers += [group.create_task(self._ask_until_cancelled()) for _ in range(self._concurrency)]
                    await self._feed()
                    for helper in helpers:
                        helper.cancel()
            except BaseExceptionGroup as errors:
                # If this fails too, what came first is what people need to know.
                with contextlib.suppress(Exception):
                    await self._save_what_is_ready()
                raise _first(errors) from None
        self._breaker.finish()

    async def _feed(self) -> None:
        """Keep as many questions waiting as can be in flight; return when all outcomes are stored."""
        while True:
            if self._waiting.qsize() >= self._concurrency:
                self._taken.clear()
                await self._taken.wait()
                continue
            self._saved.clear()
            questions = await self._at_desk(self._desk.take, self._concurrency)
            self._in_hand += len(questions)
            for question in questions:
                self._waiting.put_nowait(question)
            if not questions:
                if not self._in_hand:
                    return
                await self._saved.wait()

    async def _ask_until_cancelled(self) -> None:
        while True:
            question = await self._waiting.get()
            self._taken.set()
            await self._judge.pace.begin(question.probable_tokens)
            try:
                outcome, stored = await self._ask(question), asyncio.Event()
            finally:
                self._judge.pace.end()
            self._done.put_nowait((outcome, stored))
            await stored.wait()

    async def _save(self) -> None:
        while True:
            await self._store([await self._done.get()])

    async def _store(self, ready: list[tuple[Outcome, asyncio.Event]]) -> None:
        while not self._done.empty():
            ready.append(self._done.get_nowait())
        await self._at_desk(self._desk.save, [outcome for outcome, _ in ready])
        for _, stored in ready:
            stored.set()
        self._in_hand -= len(ready)
        self._saved.set()

    async def _save_what_is_ready(self) -> None:
        """After a failure: what was answered has been paid, and is kept."""
        if not self._done.empty():
            await self._store([])

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            await self._at_desk(self._desk.renew)

    async def _at_desk(self, call: Callable[..., _T], *arguments: Any) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *arguments)

    async def _ask(self, question: Question) -> Outcome:
        replies: list[JudgeReply] = []
        reason, partial = "judge_reply_unparsable", None
        for attempt in range(1, 1 + self._attempts):
            try:
                replies.append(await self._judge.ask(question.request))
                self._breaker.worked()
                return Outcome.of(question.key, replies, question.parse(replies[-1].text), None, attempt)
            except JudgeDeclined:
                return Outcome.of(question.key, replies, None, "judge_refused", attempt)
            except MalformedReply as error:
                reason, partial = "judge_reply_unparsable", error.partial or partial
            except Garbled as error:
                reason = str(error)
                replies += [error.reply] if error.reply else []
            except RowUnscored as error:
                self._breaker.worked()
                replies += [error.reply] if error.reply else []
                return Outcome.of(question.key, replies, None, str(error), attempt)
            except EndpointDown as error:
                self._breaker.failed(str(error))
                return Outcome.of(question.key, replies, None, "judge_unavailable", attempt)
        return Outcome.of(question.key, replies, partial, None if partial else reason, self._attempts)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """Return the first error of a group that is none itself."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
