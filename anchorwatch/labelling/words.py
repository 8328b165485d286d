"""What a person's word is worth to an evaluator."""

import re
from collections.abc import Collection

from evaluators import Rubric, all_rubrics
from evaluators.verdicts import NoVerdict, read_verdict

GOOD = frozenset(
    [
        "good",
        "yes",
        "true",
        "pass",
        "passed",
        "ok",
        "okay",
        "valid",
        "correct",
        "supported",
        "grounded",
        "faithful",
        "safe",
        "answered",
        "compliance",
        "complied",
        "comply",
        "agrees",
        "agree",
        "complete",
        "relevant",
        "clean",
        "harmless",
    ]
)
BAD = frozenset(
    [
        "bad",
        "no",
        "false",
        "fail",
        "failed",
        "invalid",
        "incorrect",
        "wrong",
        "unsupported",
        "ungrounded",
        "unfaithful",
        "hallucinated",
        "hallucination",
        "harmful",
        "unsafe",
        "refused",
        "refusal",
        "jailbroken",
        "leaked",
        "leak",
        "disagrees",
        "disagree",
        "incomplete",
        "truncated",
        "irrelevant",
        "toxic",
    ]
)


class UnknownLabel(ValueError):
    """A label that says nothing; the message says what would."""


def label_values(column: str, text: str) -> dict[str, float]:
    """Return evaluator -> value in [0, 1] of a label, 1 is better; a rubric's verdict may score several evaluators.

    Args:
        column: An evaluator or a rubric.

    Raises:
        UnknownLabel: The label is none of the verdicts, no word like yes or unsupported, and no number.
    """
    rubric = all_rubrics().get(column)
    if rubric is None or rubric.kind == "claims":
        return {column: value_of(text)}
    try:
        verdict = read_verdict(rubric, text)
    except NoVerdict:
        if rubric.kind == "grade":
            raise UnknownLabel(f"'{text}' is none of {_list(rubric)}") from None
    else:
        return {name: worth[verdict] for name, worth in rubric.scores.items()}
    try:
        return {column: value_of(text)}
    except UnknownLabel:
        raise UnknownLabel(f"'{text}' is none of {_list(rubric)}") from None


def value_of(text: str, bad: Collection[str] = ()) -> float:
    """Return the value of a label by its words alone: a number in [0, 1], or a word for good or bad.

    Args:
        bad: Labels that are bad; all others are then good, whatever they say.

    Raises:
        UnknownLabel: It is neither, or both.
    """
    plain = text.strip().casefold()
    if bad:
        return 0.0 if plain in {word.strip().casefold() for word in bad} else 1.0
    try:
        number = float(plain)
    except ValueError:
        words = set(re.findall(r"[a-z]+", plain.replace("_", " ")))
        is_good, is_bad = bool(words & GOOD), bool(words & BAD)
        if is_good != is_bad and "not" not in words:
            return float(is_good)
        raise UnknownLabel(
            f"'{text}' is no number from 0 to 1 and no word such as yes, no, pass, unsupported"
        ) from None
    if not 0 <= number <= 1:
        raise UnknownLabel(f"{text} is not between 0 (worst) and 1 (best)")
    return number


def _list(rubric: Rubric) -> str:
    return ", ".join(map(str, rubric.verdicts))
