"""Does the answer agree with the expected one, where one is known?"""

import json
import re
import unicodedata
from collections import Counter
from typing import Literal

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

Mode = Literal["auto", "exact", "numeric", "choice", "json", "token_f1"]
_MODES = ("auto", "exact", "numeric", "choice", "json", "token_f1")
_BOXED = re.compile(r"\\+boxed\{\s*([^{}]*?)\s*\}")
_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?")
_ANSWER_IS = re.compile(r"\banswer(?: is|:)\s*\**\s*([-+]?\d[\d,]*(?:\.\d+)?)", re.IGNORECASE)
_VALUES = r"(yes|no|true|false|[a-h])"
_BRACKETED = re.compile(rf"[\[(]\s*{_VALUES}\s*(?:[\])]|\Z)", re.IGNORECASE)
_STATED = re.compile(rf"\banswer(?: is|:)\s*\**\s*{_VALUES}\b", re.IGNORECASE)
_LEADING = re.compile(rf"\s*\**{_VALUES}\b(?!['\u2019])", re.IGNORECASE)
_CHOICE = re.compile(rf"[\[(]?\s*{_VALUES}\s*[\])]?\.?", re.IGNORECASE)
_SAME = {"true": "yes", "false": "no"}
_ARTICLES = frozenset({"a", "an", "the"})


@evaluator("ground_truth_agreement", version="2")
def ground_truth_agreement(*, mode: Mode = "auto", tolerance: float = 1e-6, min_f1: float = 0.5) -> EvaluatorFn:
    r"""Score 1 when the answer agrees with `ground_truth`, else 0; unscored where none is known.

    Args:
        mode: `numeric` reads the boxed, the stated or else the last number (the boxed or stated one only,
            where the expected answer is boxed); `choice` a letter, yes/no or true/false, in brackets, stated,
            or as the first word; `json` compares values; `exact` compares text without case, space and end
            punctuation; `token_f1` the words in common (SQuAD's F1 without articles and punctuation).
            `auto` picks by the form of the expected answer, and never token_f1.
        tolerance: Relative difference of numbers that still agrees.
        min_f1: Least F1 that agrees; the explanation has the value.

    >>> score = ground_truth_agreement()
    >>> score(Interaction("r1", "q", r"So the result is \boxed{4}.", ground_truth="4")).value
    1.0
    >>> score(Interaction("r2", "q", "[No] It has a divisor.", ground_truth="yes")).label
    'disagrees'
    """
    if mode not in _MODES:
        raise ValueError(f"mode '{mode}' is none of {', '.join(_MODES)}")

    def score(interaction: Interaction) -> Score:
        truth = interaction.ground_truth
        if truth is None or not truth.strip():
            return Score.unscored("no_ground_truth")
        chosen = _mode_of(truth) if mode == "auto" else mode
        if chosen == "token_f1":
            f1 = token_f1(interaction.response, truth)
            return Score(float(f1 >= min_f1), "agrees" if f1 >= min_f1 else "disagrees", f"token F1 {f1:.2f}")
        agrees = _agrees(chosen, interaction.response, truth, tolerance)
        return Score(float(agrees), "agrees" if agrees else "disagrees", chosen)

    return score


def token_f1(response: str, truth: str) -> float:
    """Return the F1 of the words in common, in [0, 1] (Rajpurkar et al. 2016)."""
    told, expected = _tokens(response), _tokens(truth)
    common = (Counter(told) & Counter(expected)).total()
    if not told or not expected or not common:
        return float(told == expected)
    return 2 * common / (len(told) + len(expected))


def _tokens(text: str) -> list[str]:
    return [word for word in re.findall(r"\w+", text.casefold()) if word not in _ARTICLES]


def _mode_of(truth: str) -> Mode:
    if _number_in(truth, alone=True) is not None:
        return "numeric"
    if _CHOICE.fullmatch(truth.strip()):
        return "choice"
    return "json" if truth.lstrip().startswith(("{", "[")) else "exact"


def _agrees(mode: Mode, response: str, truth: str, tolerance: float) -> bool:
    if mode == "numeric":
        expected = _number_in(truth)
        found = _number_in(response, marked=_BOXED.search(truth) is not None)
        if expected is None or found is None:
            return False
        return abs(found - expected) <= tolerance * max(1.0, abs(expected))
    if mode == "choice":
        expected_choice = _choice_in(truth)
        return expected_choice is not None and _choice_in(response) == expected_choice
    if mode == "json":
        return _json_equal(response, truth)
    return _plain(response) == _plain(truth)


def _number_in(text: str, *, alone: bool = False, marked: bool = False) -> float | None:
    boxed = _BOXED.findall(text)
    source = boxed[-1] if boxed else text
    numbers = _ANSWER_IS.findall(source)
    if not numbers and (boxed or not marked):
        numbers = _NUMBER.findall(source)
    if not numbers or (alone and not boxed and _NUMBER.fullmatch(text.strip()) is None):
        return None
    return float(numbers[-1].replace(",", ""))


def _choice_in(text: str) -> str | None:
    for found in (_BRACKETED.findall(text), _STATED.findall(text), _LEADING.findall(text[:40])[:1]):
        if found:
            choice = str(found[-1]).casefold()
            return _SAME.get(choice, choice)
    return None


def _json_equal(response: str, truth: str) -> bool:
    try:
        return bool(json.loads(response) == json.loads(truth))
    except (ValueError, RecursionError):
        return False


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split()).rstrip(".!")
