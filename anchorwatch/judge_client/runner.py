"""Many questions at once: bounded concurrency, answers saved as they come, a dead endpoint noticed early."""

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from anchorwatch.errors import TransientError
from anchorwatch.judge_client.client import EndpointDown, OpenAIJudge, RowUnscored
from evaluators import JudgeReply, JudgeRequest, MalformedReply

FAILURES_IN_A_ROW = 20
"""Questions that may fail one after the other before the endpoint counts as dead."""


@dataclass(frozen=True, slots=True)
class Question:
    """One distinct question.

    Attributes:
        key: Cache key.
        parse: Turns the reply's text into what is kept; raises `MalformedReply`.
    """

    key: str
    request: JudgeRequest
    parse: Callable[[str], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question ended in: `parsed`, or the reason why not. Tokens and attempts include re-asks."""

    key: str
    parsed: dict[str, Any] | None
    reason: str | None
    model: str | None
    input_tokens: int
    output_tokens: int
    attempts: int


_Done = asyncio.Queue[tuple[Outcome, asyncio.Event] | Exception | None]


class _Breaker:
    """Counts failures in a row and raises when the endpoint looks dead."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._in_a_row = 0
        self._has_worked = False
        self._last_problem = ""

    def worked(self) -> None:
        self._in_a_row = 0
        self._has_worked = True

    def failed(self, what: str) -> None:
        self._in_a_row += 1
        self._last_problem = what
        if self._in_a_row >= FAILURES_IN_A_ROW:
            self._open()

    def finish(self) -> None:
        """At the end: few questions, and not one of them answered, is a dead endpoint too."""
        if self._in_a_row and not self._has_worked:
            self._open()

    def _open(self) -> None:
        raise TransientError(
            f"the judge at {self._endpoint} does not answer ({self._last_problem}, {self._in_a_row} questions in a "
            "row); what was judged so far is kept, run the day again when it is back"
        )


def ask_all(
    judge: OpenAIJudge,
    questions: Iterable[Question],
    *,
    concurrency: int,
    reasks: int,
    save: Callable[[list[Outcome]], None],
) -> None:
    """Ask every question and hand outcomes to `save` while others are still in flight.

    A place in flight is free again only when its outcome is stored, so a kill loses at most
    `concurrency` answers. What is ready is stored together, so storing costs little.

    Raises:
        TransientError: The endpoint is dead; what was answered before has been saved.
        ConfigError: The endpoint refuses the key or the model.
    """
    asyncio.run(_ask_all(judge, iter(questions), concurrency, reasks, save))


async def _ask_all(
    judge: OpenAIJudge,
    questions: Iterator[Question],
    concurrency: int,
    reasks: int,
    save: Callable[[list[Outcome]], None],
) -> None:
    done: _Done = asyncio.Queue()
    breaker = _Breaker(judge.endpoint.name)

    async def work() -> None:
        for question in questions:
            outcome, stored = await _ask(judge, question, reasks, breaker), asyncio.Event()
            done.put_nowait((outcome, stored))
            await stored.wait()

    async with judge:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(_workers(work, concurrency, done))
                group.create_task(_save_as_they_come(done, save))
        except* Exception as errors:
            raise errors.exceptions[0] from None
        breaker.finish()


async def _workers(work: Callable[[], Coroutine[Any, Any, None]], concurrency: int, done: _Done) -> None:
    """Run the workers; whatever ends them, the saver gets to know."""
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(concurrency):
                group.create_task(work())
    except* Exception as errors:
        done.put_nowait(errors.exceptions[0])
    else:
        done.put_nowait(None)


async def _save_as_they_come(done: _Done, save: Callable[[list[Outcome]], None]) -> None:
    """Store what is ready, together; raise what ended the workers once everything before it is stored."""
    while True:
        ready = [await done.get()]
        while not done.empty():
            ready.append(done.get_nowait())
        answered = [item for item in ready if isinstance(item, tuple)]
        if answered:
            await asyncio.to_thread(save, [outcome for outcome, _ in answered])
        for _, stored in answered:
            stored.set()
        if isinstance(ready[-1], Exception):
            raise ready[-1]
        if ready[-1] is None:
            return


async def _ask(judge: OpenAIJudge, question: Question, reasks: int, breaker: _Breaker) -> Outcome:
    replies: list[JudgeReply] = []
    reason = "judge_reply_unparsable"
    for _ in range(1 + reasks):
        try:
            replies.append(await judge.ask(question.request))
        except EndpointDown as error:
            breaker.failed(str(error))
            return _outcome(question, replies, None, "judge_unavailable")
        except RowUnscored as error:
            return _outcome(question, replies, None, str(error))
        breaker.worked()
        try:
            return _outcome(question, replies, question.parse(replies[-1].text), None)
        except MalformedReply:
            continue
    return _outcome(question, replies, None, reason)


def _outcome(
    question: Question, replies: list[JudgeReply], parsed: dict[str, Any] | None, reason: str | None
) -> Outcome:
    return Outcome(
        key=question.key,
        parsed=parsed,
        reason=reason,
        model=replies[-1].model if replies else None,
        input_tokens=sum(reply.input_tokens for reply in replies),
        output_tokens=sum(reply.output_tokens for reply in replies),
        attempts=len(replies) + (0 if parsed is not None or reason == "judge_reply_unparsable" else 1),
    )
