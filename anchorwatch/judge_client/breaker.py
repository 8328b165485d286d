"""Notices an endpoint that is dead, or that answers and is of no use, so that a night does not go on for nothing."""

from collections.abc import Callable

from anchorwatch.errors import ConfigError, TransientError

FAILURES_IN_A_ROW = 20
"""Questions that may fail one after the other before the endpoint counts as dead, or as unfit."""
_FIXES = {
    "judge_filtered": "the endpoint's content filter stops them: use another judge.base_url or change the filter",
    "judge_reply_cut_off": "raise judge.max_output_tokens or set it to null",
    "judge_input_too_long": "lower judge.max_context_chars and judge.max_input_chars, or use another judge.model",
    "judge_refused": "use another judge.model",
    "judge_reply_not_the_protocol": "check judge.base_url",
    "judge_reply_empty": "check judge.base_url and judge.model",
    "judge_unavailable": "check judge.base_url",
}
_REJECTED_FIX = "check judge.model and judge.base_url"
_UNREADABLE_FIX = "set judge.structured_output: json_object or text, or use another judge.model"


class Breaker:
    """Counts questions without an answer in a row, and raises when it is no use to go on."""

    def __init__(self, endpoint: str, has_answers: Callable[[], bool] = lambda: False) -> None:
        """Take whom to name.

        Args:
            has_answers: Tells whether the endpoint has given answers before, in an earlier run: then what fails
                now are its rows.
        """
        self._endpoint = endpoint
        self._has_answers = has_answers
        self._in_a_row = 0
        self._useless_in_a_row = 0
        self._has_worked = False
        self._has_scored = False
        self._last_problem = ""

    def worked(self) -> None:
        """Note an answer of any kind."""
        self._in_a_row = 0
        self._has_worked = True

    def scored(self) -> None:
        """Note an answer with a verdict."""
        self.worked()
        self._useless_in_a_row = 0
        self._has_scored = True

    def useless(self, reason: str, words: Callable[[], str]) -> bool:
        """Note a row that was answered without a verdict; tell whether the endpoint should be looked at again.

        Raises:
            ConfigError: None of the first rows got a verdict.
        """
        self._useless_in_a_row += 1
        if self._useless_in_a_row % FAILURES_IN_A_ROW:
            return False
        if not self._has_scored and not self._has_answers():
            rejected = _REJECTED_FIX if reason.startswith("judge_rejected") else _UNREADABLE_FIX
            told = ", ".join(filter(None, (reason, words())))
            raise ConfigError(
                f"the judge at {self._endpoint} gave none of the first {self._useless_in_a_row} rows a verdict "
                f"({told}): {_FIXES.get(reason, rejected)}"
            )
        return True

    def failed(self, what: str) -> None:
        """Note a question that got no answer.

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
