"""What a judge evaluator asks and gets: the protocol that `anchorwatch.judge_client` implements."""

from dataclasses import dataclass
from typing import Any, Protocol


class MalformedReply(ValueError):
    """The judge's reply does not fit the schema: it is asked again, then the row is unscored."""


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One question to the judge.

    Attributes:
        messages: Chat messages: the static rubric first, the row last.
        schema_name: Name of the JSON schema the reply has to follow.
        schema: That schema, strict.
        rubric_version: Part of the cache key and of the epoch.
    """

    messages: tuple[dict[str, str], ...]
    schema_name: str
    schema: dict[str, Any]
    rubric_version: str

    @property
    def n_chars(self) -> int:
        """Characters of all messages."""
        return sum(len(message["content"]) for message in self.messages)


@dataclass(frozen=True, slots=True)
class JudgeReply:
    """The judge's answer, and what it cost.

    Attributes:
        text: The reply's content.
        model: Model name as the endpoint returned it.
    """

    text: str
    model: str
    input_tokens: int
    output_tokens: int


class Judge(Protocol):
    """Anything that answers judge requests."""

    async def ask(self, request: JudgeRequest) -> JudgeReply:
        """Return the reply; raises the implementation's errors when there is none."""
        ...
