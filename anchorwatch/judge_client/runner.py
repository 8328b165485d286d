"""Many questions at once: bounded concurrency, answers saved as they come, a dead endpoint noticed early."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
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


class _Breaker:
    """Counts failures in a row and raises when the endpoint looks dead."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._failures = 0

    def worked(self) -> None:
        self._failures = 0

    def failed(self, what: str) -> None:
        self._failures += 1
        if self._failures >= FAILURES_IN_A_ROW:
            raise TransientError(
                f"the judge at {self._endpoint} does not answer ({what}, {self._failures} questions in a row); "
                "what was judged so far is kept, run the day again when it is back"
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

    A kill loses at most the calls in flight: `save` gets what is ready as soon as it has stored the
    last lot.

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
    done: asyncio.Queue[Outcome | None] = asyncio.Queue()
    breaker = _Breaker(judge.endpoint.name)

    async def work() -> None:
        for question in questions:
            done.put_nowait(await _ask(judge, question, reasks, breaker))

    async with judge:
        saver = asyncio.create_task(_save_as_they_come(done, save))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(concurrency):
                    group.create_task(work())
        except* Exception as errors:
            raise errors.exceptions[0] from None
        finally:
            done.put_nowait(None)
            await saver


async def _save_as_they_come(done: "asyncio.Queue[Outcome | None]", save: Callable[[list[Outcome]], None]) -> None:
    while True:
        ready = [await done.get()]
        while not done.empty():
            ready.append(done.get_nowait())
        outcomes = [outcome for outcome in ready if outcome is not None]
        if outcomes:
            await asyncio.to_thread(save, outcomes)
        if None in ready:
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
