"""Many questions at once: bounded concurrency, answers saved as they come, a dead endpoint noticed early."""

import asyncio
import contextlib
import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from anchorwatch.errors import AnchorwatchError
from anchorwatch.judge_client.breaker import Breaker
from anchorwatch.judge_client.client import OpenAIJudge
from anchorwatch.judge_client.errors import EndpointDown, Garbled, RowUnscored
from anchorwatch.judge_client.questions import Desk, Outcome, Question
from evaluators import JudgeDeclined, JudgeReply, MalformedReply

RENEW_SECONDS = 5.0
_T = TypeVar("_T")
_Done = asyncio.Queue[tuple[Outcome, asyncio.Event]]


def ask_all(
    judge: OpenAIJudge,
    desk: Desk,
    *,
    concurrency: int,
    reasks: int,
    has_answers: Callable[[], bool] = lambda: False,
) -> None:
    """Ask every question of the desk and hand it the outcomes while others are still in flight.

    A place in flight is free again only when its outcome is stored, so a kill loses at most
    `concurrency` answers. What is ready is stored together, so storing costs little.

    Args:
        has_answers: Tells whether some of the rows were answered before.

    Raises:
        TransientError: The endpoint is dead; what was answered before has been saved.
        ConfigError: The endpoint refuses the key, the model or a parameter, or none of the first rows got a verdict.
    """
    with ThreadPoolExecutor(1, "judge-desk") as thread:
        breaker = Breaker(judge.endpoint.name, has_answers)
        asyncio.run(_Run(judge, desk, concurrency, reasks, thread, breaker).run())


class _Run:
    """The tasks of one `ask_all`: a feeder, the askers, a saver, and a heartbeat for claims."""

    def __init__(
        self,
        judge: OpenAIJudge,
        desk: Desk,
        concurrency: int,
        reasks: int,
        thread: ThreadPoolExecutor,
        breaker: Breaker,
    ) -> None:
        self._judge = judge
        self._desk = desk
        self._concurrency = concurrency
        self._attempts = 1 + reasks
        self._thread = thread
        self._breaker = breaker
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
                outcome, problem = await self._ask(question)
            finally:
                self._judge.pace.end()
            stored = asyncio.Event()
            self._done.put_nowait((outcome, stored))
            # Only now: what was paid for this row is stored even if it is one too many.
            self._note(outcome, problem)
            await stored.wait()

    async def _save(self) -> None:
        while True:
            await self._store([await self._done.get()])

    async def _store(self, ready: list[tuple[Outcome, asyncio.Event]]) -> None:
        while not self._done.empty():
            ready.append(self._done.get_nowait())
        # Shielded: a run that is ending must not take back what waits to be stored.
        await asyncio.shield(self._at_desk(self._desk.save, [outcome for outcome, _ in ready]))
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

    async def _ask(self, question: Question) -> tuple[Outcome, Exception | None]:
        """Return what became of a question, and the problem where there is no verdict."""
        attempt = 0
        replies: list[JudgeReply] = []
        problem: Exception = RowUnscored("judge_reply_unparsable")
        partial: dict[str, Any] | None = None
        while attempt < self._attempts:
            attempt += 1
            try:
                reply = await self._judge.ask(question.request)
                replies.append(reply)
                return self._outcome(question, replies, question.parse(reply.text), None, attempt), None
            except MalformedReply as error:
                partial, problem = (
                    error.partial or partial,
                    RowUnscored(error.reason, words=functools.partial(str, error)),
                )
                if isinstance(error, JudgeDeclined):
                    problem = RowUnscored("judge_refused")
                    break
            except RowUnscored as error:
                problem = error
                replies += [error.reply] if error.reply else []
                if not isinstance(error, Garbled):
                    break
            except EndpointDown as error:
                return self._outcome(question, replies, None, "judge_unavailable", attempt), error
            except AnchorwatchError:
                # It ends the run; what was paid so far is booked all the same.
                if replies or self._judge.probe.replies:
                    outcome = self._outcome(question, replies, None, "judge_unavailable", attempt)
                    self._done.put_nowait((outcome, asyncio.Event()))
                raise
            except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError) as error:
                # Whatever a reply holds, it is that row's.
                problem = RowUnscored("judge_reply_unparsable", words=functools.partial(str, type(error).__name__))
        return self._outcome(question, replies, partial, None if partial else str(problem), attempt), problem

    def _note(self, outcome: Outcome, problem: Exception | None) -> None:
        """Count what became of a question.

        Raises:
            TransientError, ConfigError: It is one failure too many.
        """
        if isinstance(problem, EndpointDown):
            self._breaker.failed(str(problem))
            return
        self._breaker.worked()
        if outcome.parsed is not None:
            self._breaker.scored()
        elif isinstance(problem, RowUnscored) and self._breaker.useless(str(problem), problem.words):
            self._judge.probe.forget()

    def _outcome(
        self,
        question: Question,
        replies: list[JudgeReply],
        parsed: dict[str, Any] | None,
        reason: str | None,
        attempts: int,
    ) -> Outcome:
        """Return a question's outcome; what probing cost meanwhile is booked with it."""
        probing, self._judge.probe.replies = self._judge.probe.replies, []
        return Outcome.of(question.key, probing + replies, parsed, reason, attempts)


def _first(errors: BaseExceptionGroup) -> BaseException:
    """Return the first error of a group that is none itself."""
    first = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
