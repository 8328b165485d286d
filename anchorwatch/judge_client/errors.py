"""What can become of one question other than an answer."""

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
