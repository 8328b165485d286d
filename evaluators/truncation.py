"""Was the answer cut off?"""

import json

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "model_length"})


@evaluator("truncation", version="1")
def truncation() -> EvaluatorFn:
    """Score 1 when the answer is complete, 0 when it was cut off.

    The model's finish reason decides. Without one, only an unfinished JSON value or code fence tells.

    >>> truncation()(Interaction("r1", "q", "so the", finish_reason="length")).label
    'cut_off'
    """

    def score(interaction: Interaction) -> Score:
        if interaction.finish_reason:
            is_cut = interaction.finish_reason.casefold() in _CUT
            return Score(0.0, "cut_off", "finish_reason") if is_cut else Score(1.0, "complete")
        if _is_unfinished(interaction.response.strip()):
            return Score(0.0, "cut_off", "unfinished JSON or code")
        return Score.unscored("no_finish_reason")

    return score


def _is_unfinished(text: str) -> bool:
    if text.count("```") % 2:
        return True
    if not text.startswith(("{", "[")) or text.endswith(("}", "]")):
        return False
    try:
        json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return text.startswith("{")
    return False
