"""Does the answer agree with the expected one, where one is known?"""

import json
import re
from typing import Literal

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

Mode = Literal["auto", "exact", "numeric", "choice", "json"]
_BOXED = re.compile(r"\\+boxed\{\s*([^{}]*?)\s*\}")
_NUMBER = re.compile(r"[-+]?\d[\d,]*(?:\.\d+)?")
_ANSWER_IS = re.compile(r"\banswer(?: is|:)\s*([-+]?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE)
_BRACKETED = re.compile(r"[\[(]\s*(yes|no|true|false|[a-h])\s*[\])]", re.IGNORECASE)
_LEADING = re.compile(r"\s*(yes|no|true|false|[a-h])\b(?!['\u2019])", re.IGNORECASE)
_CHOICE = re.compile(r"[\[(]?\s*(yes|no|true|false|[a-h])\s*[\])]?\.?", re.IGNORECASE)


@evaluator("ground_truth_agreement", version="1")
def ground_truth_agreement(*, mode: Mode = "auto", tolerance: float = 1e-6) -> EvaluatorFn:
    r"""Score 1 when the answer agrees with `ground_truth`, else 0; unscored where none is known.

    Args:
        mode: `numeric` reads the boxed, the stated or else the last number; `choice` a letter or yes/no;
            `json` compares values; `exact` compares text without case, space and end punctuation.
            `auto` picks by the form of the expected answer.
        tolerance: Relative difference of numbers that still agrees.

    >>> score = ground_truth_agreement()
    >>> score(Interaction("r1", "q", r"So the result is \boxed{4}.", ground_truth="4")).value
    1.0
    >>> score(Interaction("r2", "q", "[No] It has a divisor.", ground_truth="yes")).label
    'disagrees'
    """

    def score(interaction: Interaction) -> Score:
        truth = interaction.ground_truth
        if truth is None or not truth.strip():
            return Score.unscored("no_ground_truth")
        chosen = _mode_of(truth) if mode == "auto" else mode
        agrees = _agrees(chosen, interaction.response, truth, tolerance)
        return Score(float(agrees), "agrees" if agrees else "disagrees", chosen)

    return score


def _mode_of(truth: str) -> Mode:
    if _number_in(truth, alone=True) is not None:
        return "numeric"
    if _CHOICE.fullmatch(truth.strip()):
        return "choice"
    return "json" if truth.lstrip().startswith(("{", "[")) else "exact"


def _agrees(mode: Mode, response: str, truth: str, tolerance: float) -> bool:
    if mode == "numeric":
        expected, found = _number_in(truth), _number_in(response)
        if expected is None or found is None:
            return False
        return abs(found - expected) <= tolerance * max(1.0, abs(expected))
    if mode == "choice":
        return _choice_in(response) == _choice_in(truth)
    if mode == "json":
        return _json_equal(response, truth)
    return _plain(response) == _plain(truth)


def _number_in(text: str, *, alone: bool = False) -> float | None:
    boxed = _BOXED.findall(text)
    source = boxed[-1] if boxed else text
    stated = _ANSWER_IS.findall(source)
    numbers = stated or _NUMBER.findall(source)
    if not numbers or (alone and not boxed and _NUMBER.fullmatch(text.strip()) is None):
        return None
    return float(numbers[-1].replace(",", ""))


def _choice_in(text: str) -> str | None:
    bracketed = _BRACKETED.findall(text)
    if bracketed:
        return str(bracketed[-1]).casefold()
    leading = _LEADING.match(text)
    return leading.group(1).casefold() if leading else None


def _json_equal(response: str, truth: str) -> bool:
    try:
        return bool(json.loads(response) == json.loads(truth))
    except (ValueError, RecursionError):
        return False


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(".!")
