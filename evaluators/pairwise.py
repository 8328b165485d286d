"""Pairwise rubrics: two answers, asked in both orders, because judges favour a place."""

from collections.abc import Callable, Iterable
from typing import Any

from evaluators.fencing import fenced, new_code
from evaluators.judging import JudgeDeclined, JudgeRequest, MalformedReply
from evaluators.reasoning import without_reasoning
from evaluators.records import Interaction, Score
from evaluators.redaction import REDACTION_VERSION, Redactor
from evaluators.refusal import declines
from evaluators.replies import read_verdicts
from evaluators.review import SURE, hash_rules, reply_schema, says_sure, system_message
from evaluators.rubric import Rubric
from evaluators.verdicts import NoVerdict, read_verdict

AS_GIVEN, SWAPPED = "as_given", "swapped"
ORDERS = (AS_GIVEN, SWAPPED)
ORDER_CHANGED_IT = "order_changed_the_verdict"


class PairReview:
    """One rubric in one order; has the shape of `Review`.

    The score is that of the row's own answer: 1 where it is the better one, 0.5 for a tie.
    """

    def __init__(
        self,
        rubric: Rubric,
        order: str,
        *,
        redact: bool = True,
        new_fence: Callable[[Iterable[str]], str] = new_code,
    ) -> None:
        """Take the rubric, and whether the row's own answer is shown first (as given) or second."""
        self._rubric, self._order, self._redact, self._new_fence = rubric, order, redact, new_fence
        self._schema, self._system = reply_schema([rubric]), system_message([rubric])
        self.evaluators: tuple[tuple[str, str], ...] = ((f"{rubric.name}.{order}", rubric.version),)
        self.rubric_version = hash_rules([rubric])
        self.redaction_version = REDACTION_VERSION if redact else ""

    def missing(self, interaction: Interaction) -> str | None:
        """Say why a row cannot be asked about."""
        return None if interaction.other_response else "no_other_response"

    def request(self, interaction: Interaction) -> JudgeRequest:
        """Build the request; the two answers are fenced like everything that was logged."""
        redactor = Redactor()

        def ready(text: str) -> str:
            return redactor.redact(text).text if self._redact else text

        answers = [interaction.response, interaction.other_response or ""]
        if self._order == SWAPPED:
            answers.reverse()
        parts = {}
        if "prompt" in self._rubric.sees:
            parts["QUESTION"] = ready(interaction.prompt)
        if "context" in self._rubric.sees and interaction.context:
            parts["CONTEXT"] = "\n\n".join(map(ready, interaction.context))
        parts |= {"FIRST ANSWER": ready(answers[0]), "SECOND ANSWER": ready(answers[1])}
        code = self._new_fence([self._system, *parts.values()])
        messages = ({"role": "system", "content": self._system}, {"role": "user", "content": fenced(parts, code)})
        return JudgeRequest(messages, "review", self._schema, self.rubric_version, 0, code)

    def parse(self, text: str, interaction: Interaction, request: JudgeRequest | None = None) -> dict[str, Any]:
        """Read the verdict.

        Raises:
            JudgeDeclined, MalformedReply: As `Review.parse`.
        """
        logged = (interaction.prompt, interaction.response, interaction.other_response or "", *interaction.context)
        try:
            body = read_verdicts(text, [self._rubric.name], lambda literal: any(literal in part for part in logged))
            return {"verdict": read_verdict(self._rubric, body.get(self._rubric.name)), SURE: says_sure(body.get(SURE))}
        except NoVerdict as problem:
            raise MalformedReply(f"{self._rubric.name}: {problem}", reason=str(problem)) from None
        except MalformedReply:
            if declines(without_reasoning(text)):
                raise JudgeDeclined("the judge declined") from None
            raise

    def scores(self, parsed: dict[str, Any], interaction: Interaction) -> dict[str, Score]:
        """Return the score of the row's own answer."""
        value = self._rubric.scores[self._rubric.name][parsed["verdict"]]
        return {self.evaluators[0][0]: Score(1 - value if self._order == SWAPPED else value, str(parsed["verdict"]))}


def combine_orders(as_given: Score, swapped: Score) -> Score:
    """Return the score that both orders agree on; a verdict that depends on the order is none."""
    for score in (as_given, swapped):
        if score.value is None:
            return Score.unscored(score.unscored_reason or "judge_left_it_out")
    if as_given.value != swapped.value:
        return Score.unscored(ORDER_CHANGED_IT)
    return Score(as_given.value, {1.0: "better", 0.0: "worse"}.get(as_given.value or 0.0, "tie"))
