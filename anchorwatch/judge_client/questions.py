"""What goes to the judge and what comes back, and who hands it over."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from anchorwatch.judge_client.tokens import CHARS_PER_TOKEN
from evaluators import JudgeReply, JudgeRequest


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

    @property
    def probable_tokens(self) -> int:
        """Input and output tokens it will take, roughly."""
        return round(self.request.n_chars / CHARS_PER_TOKEN) + 60


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a question ended in: `parsed`, or the reason why not. Tokens and attempts include re-asks.

    Attributes:
        is_estimated: Tokens of at least one attempt are estimated: the endpoint did not report them.
    """

    key: str
    parsed: dict[str, Any] | None
    reason: str | None
    model: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    attempts: int = 0
    is_estimated: bool = False

    @classmethod
    def of(
        cls, key: str, replies: list[JudgeReply], parsed: dict[str, Any] | None, reason: str | None, attempts: int
    ) -> "Outcome":
        """Add up what was paid over all attempts."""
        return cls(
            key=key,
            parsed=parsed,
            reason=reason,
            model=replies[-1].model if replies else None,
            input_tokens=sum(reply.input_tokens for reply in replies),
            output_tokens=sum(reply.output_tokens for reply in replies),
            cached_input_tokens=sum(reply.cached_input_tokens for reply in replies),
            attempts=attempts,
            is_estimated=any(reply.is_estimated for reply in replies),
        )


class Desk(Protocol):
    """Where questions come from and outcomes go. Called by one thread at a time, never by the event loop."""

    def take(self, wanted: int) -> list[Question]:
        """Return about `wanted` further questions; none: there are none now, and none ever if none is in flight."""
        ...

    def save(self, outcomes: list[Outcome]) -> None:
        """Store outcomes, so that a kill after this cannot lose them."""
        ...

    def renew(self) -> None:
        """Say that the questions in flight are still being asked."""
        ...
