"""Notices a dead endpoint, so that a night does not retry for hours."""

from anchorwatch.errors import TransientError

FAILURES_IN_A_ROW = 20
"""Questions that may fail one after the other before the endpoint counts as dead."""


class Breaker:
    """Counts failures in a row and raises when the endpoint looks dead."""

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint
        self._in_a_row = 0
        self._has_worked = False
        self._last_problem = ""

    def worked(self) -> None:
        """Note an answer."""
        self._in_a_row = 0
        self._has_worked = True

    def failed(self, what: str) -> None:
        """Note a question that got none.

        Raises:
            TransientError: It is one too many.
        """
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
