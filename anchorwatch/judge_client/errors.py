"""What can become of one question other than an answer."""

from collections.abc import Callable

from evaluators import JudgeReply


class RowUnscored(Exception):
    """The judge gave no usable answer for this row, and asking again the same way will not help.

    Attributes:
        reply: What was paid for all the same, if anything was.
    """

    def __init__(self, reason: str, reply: JudgeReply | None = None, words: Callable[[], str] = lambda: "") -> None:
        """Take the reason, and how to put the endpoint's own words; that takes time and is seldom wanted."""
        super().__init__(reason)
        self.reply = reply
        self.words = words


class Garbled(RowUnscored):
    """The answer was broken on the way or made no sense; the next one may."""


class EndpointDown(Exception):
    """The endpoint did not answer, after the client's own retries."""
