"""The records every evaluator takes and returns."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Interaction:
    """One logged model call.

    Attributes:
        prompt: Messages as JSON, or text.
        context: Retrieved passages; empty when there were none.
        response: Full output; empty when there was none.
        status: ok or error.
        other_response: Another answer to the same prompt, for pairwise rubrics; logs have none.
    """

    request_id: str
    prompt: str
    response: str
    context: tuple[str, ...] = ()
    ground_truth: str | None = None
    finish_reason: str | None = None
    query_type: str | None = None
    status: str = "ok"
    other_response: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the interaction, so that evidence can be kept without its text.

    Attributes:
        start: First character, from 0.
        end: One past the last character.
    """

    field: Literal["prompt", "context", "response"]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Score:
    """A verdict: a value in [0, 1] where 1 is better, or the reason why there is none.

    Attributes:
        explanation: Why; never quotes the logged text, `spans` say where to look.

    Raises:
        ValueError: The value is outside [0, 1], or both or neither of value and unscored_reason are given.
    """

    value: float | None
    label: str | None = None
    explanation: str | None = None
    unscored_reason: str | None = None
    spans: tuple[Span, ...] = field(default=())

    def __post_init__(self) -> None:
        if (self.value is None) == (self.unscored_reason is None):
            raise ValueError("a score has either a value or an unscored_reason")
        if self.value is not None and not 0.0 <= self.value <= 1.0:
            raise ValueError(f"a score's value is in [0, 1], not {self.value}")

    @classmethod
    def unscored(cls, reason: str) -> "Score":
        """Return a score that counts in no mean, with the reason."""
        return cls(value=None, unscored_reason=reason)
