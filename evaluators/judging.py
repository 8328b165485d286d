"""What a judge evaluator asks and gets: the protocol that `anchorwatch.judge_client` implements."""

from dataclasses import dataclass, field
from typing import Any, Protocol

FENCE_CHARS = 16
"""Length of the random code around logged text."""


class MalformedReply(ValueError):
    """The judge's reply does not fit the schema: it is asked again, then the row is unscored.

    Attributes:
        partial: What was usable of it, kept if no later reply is better.
        reason: Why the row is unscored if nothing was.
    """

    def __init__(self, message: str, partial: dict[str, Any] | None = None, reason: str | None = None) -> None:
        super().__init__(message)
        self.partial = partial
        self.reason = reason or "judge_reply_unparsable"


class JudgeDeclined(MalformedReply):
    """The judge refuses to judge: asking the same again is no use, and the row is unscored."""


@dataclass(frozen=True, slots=True)
class JudgeRequest:
    """One question to the judge.

    Attributes:
        messages: Chat messages: the static rubric first, the row last.
        schema_name: Name of the JSON schema the reply has to follow.
        schema: That schema, strict.
        rubric_version: Part of the cache key and of the epoch.
        trimmed_chars: Characters of context that were too many and are not in it.
        redacted: The row's texts as the judge sees them, so that its quotes are found without redacting again.
        fence: The random code of this call; two requests that differ in it alone are the same question.
    """

    messages: tuple[dict[str, str], ...]
    schema_name: str
    schema: dict[str, Any]
    rubric_version: str
    trimmed_chars: int = 0
    fence: str = ""
    redacted: Any = field(default=None, repr=False, compare=False)

    @property
    def identity(self) -> list[dict[str, str]]:
        """The messages without the random code: what makes it the same question."""
        if not self.fence:
            return list(self.messages)
        return [{**message, "content": message["content"].replace(self.fence, "")} for message in self.messages]

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
        input_tokens: As the endpoint counted them; `cached_input_tokens` of them came from its prompt cache.
        is_estimated: The endpoint did not say what it used: tokens are estimated from the texts.
    """

    text: str
    model: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int = 0
    is_estimated: bool = False


class Judge(Protocol):
    """Anything that answers judge requests."""

    async def ask(self, request: JudgeRequest) -> JudgeReply:
        """Return the reply; raises the implementation's errors when there is none."""
        ...
