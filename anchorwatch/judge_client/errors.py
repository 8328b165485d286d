"""What can become of one question other than an answer."""

import json

from evaluators import JudgeReply


class RowUnscored(Exception):
    """The judge gave no usable answer for this row, and asking again the same way will not help.

    Attributes:
        reply: What was paid for all the same, if anything was.
    """

    def __init__(self, reason: str, reply: JudgeReply | None = None) -> None:
        super().__init__(reason)
        self.reply = reply


class Garbled(RowUnscored):
    """The answer was broken on the way or made no sense; the next one may."""


class EndpointDown(Exception):
    """The endpoint did not answer, after the client's own retries."""


class Rejected(Exception):
    """The endpoint does not take the request as it is.

    Attributes:
        status: HTTP status.
        param: The parameter it names, if it names one.
        told: Everything it says, in lower case.
    """

    def __init__(self, status: int, param: str, message: str) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.param = param
        self.told = f"{param} {message}".lower()

    @classmethod
    def of(cls, status: int, content: bytes) -> "Rejected":
        """Read the body of an error, which may be anything."""
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        error = body.get("error") if isinstance(body, dict) else None
        error = error if isinstance(error, dict) else {"message": str(error or "")}
        return cls(status, str(error.get("param") or ""), str(error.get("message") or ""))
