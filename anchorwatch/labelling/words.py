"""What a person's word is worth to an evaluator: an exact word of a finite list, or nothing.

Case, spaces, and `_` or `-` between words do not count. Nothing else is forgiven: what a judge writes in haste is read
by `evaluators.verdicts`, and what a person meant is not guessed.
"""

import re
from collections.abc import Mapping

from anchorwatch.labelling.vocabulary import ANY, CLAIMS, VOCABULARY, YES_NO, Words
from evaluators import Rubric, all_rubrics
from evaluators.rubric import Verdict

_SAME = {"true": "yes", "false": "no"}
_NUMBER = re.compile(r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]{1,3})?")
_WHOLE = r"(-?(?:0|[1-9][0-9]{0,8}))(?:\.0*)?"
_GRADE = re.compile(rf"{_WHOLE}(?:\s*(?:/|\bout of\b)\s*{_WHOLE})?")
_PLACES = {"a": "first", "1": "first", "b": "second", "2": "second"}
"""Other names of two answers. 0 is none: it is a tie in some data sets and the worst value in others."""
_SHOWN = 60


class UnknownLabel(ValueError):
    """A label that is none of the allowed ones; the message says which are."""


def label_values(column: str, text: str) -> dict[str, float]:
    """Return evaluator -> value in [0, 1] of a label, 1 is better; a rubric's verdict may score several evaluators.

    Args:
        column: An evaluator or a rubric.

    Raises:
        UnknownLabel: The label is none of those that `allowed` names.
    """
    rubric = all_rubrics().get(column)
    if rubric is not None and (verdict := _verdict(rubric, text)) is not None:
        return {name: worth[verdict] for name, worth in rubric.scores.items()}
    if rubric is not None and column not in rubric.scores:
        raise UnknownLabel(f"'{shown(text)}' is none of {allowed(column)}")
    return {column: value_of(column, text)}


def value_of(evaluator: str, text: str) -> float:
    """Return the value of a label in [0, 1] to one evaluator, 1 is better.

    Raises:
        UnknownLabel: The label is none of those that `allowed` names.
    """
    rubric = _rubric_of(evaluator)
    if rubric is not None and (verdict := _verdict(rubric, text)) is not None:
        return rubric.scores[evaluator][verdict]
    said = plain(text)
    words = _words(evaluator, rubric)
    if words is not None and said in words.values:
        return words.values[said]
    if _takes_numbers(rubric) and _NUMBER.fullmatch(said):
        if 0 <= float(said) <= 1:
            return float(said)
        raise UnknownLabel(f"{shown(text)} is not between 0 (worst) and 1 (best)")
    if said in YES_NO and words is not None:
        raise UnknownLabel(f"'{shown(text)}' may mean good or bad in {evaluator}: it has to be {allowed(evaluator)}")
    numbers = "no number from 0 to 1 and " if _takes_numbers(rubric) else ""
    raise UnknownLabel(f"'{shown(text)}' is {numbers}none of {allowed(evaluator)}")


def allowed(column: str) -> str:
    """Return which labels an evaluator or a rubric takes, and which end is good, as a template names them."""
    rubric = all_rubrics().get(column) or _rubric_of(column)
    if rubric is not None and rubric.kind == "pairwise":
        return "first (the response is better), second (the other one is), tie"
    if rubric is not None and rubric.verdicts:
        scores = {column: rubric.scores[column]} if column in rubric.scores and column != rubric.name else rubric.scores
        if _are_numbers(rubric):
            return _grades(next(iter(scores.values())))
        return ", ".join(f"{verdict} ({_worth(verdict, scores)})" for verdict in rubric.verdicts)
    words = _words(column, rubric)
    assert words is not None
    return f"{words.good[0]} (good) or {words.bad[0]} (bad), or a number from 0 (worst) to 1 (best)"


def all_words(column: str) -> tuple[list[str], list[str]]:
    """Return the other words that are worth 1 to an evaluator, and those that are worth 0."""
    words = _words(column, all_rubrics().get(column) or _rubric_of(column))
    values = words.values if words is not None else {}
    return [word for word, value in values.items() if value == 1], [
        word for word, value in values.items() if value == 0
    ]


def plain(text: str) -> str:
    """Return a label as labels are compared: without case, spaces at its ends, and marks between its words.

    >>> plain("  Wrongly_Refused "), plain("TRUE"), plain("-4")
    ('wrongly refused', 'yes', '-4')
    """
    joined = " ".join(re.sub(r"(?<=[^\W_])[_-]+(?=[^\W_])", " ", text.casefold()).split())
    return _SAME.get(joined, joined)


def shown(text: str) -> str:
    """Return a label as an error may print it: one line, not too long."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    line = " ".join(line.split())
    return line if len(line) <= _SHOWN else line[: _SHOWN - 1] + "…"


def _verdict(rubric: Rubric, text: str) -> Verdict | None:
    said = plain(text)
    if rubric.kind == "pairwise":
        said = _PLACES.get(said, said)
    found = [verdict for verdict in rubric.verdicts if plain(str(verdict)) == said]
    if len(found) == 1:
        return found[0]
    return _grade(rubric, said) if _are_numbers(rubric) else None


def _grade(rubric: Rubric, said: str) -> Verdict | None:
    """Read `4.0`, and `4/5` or `4 out of 5` where 5 is the scale's end."""
    found = _GRADE.fullmatch(said)
    if found is None:
        return None
    grade, scale = int(found[1]), found[2]
    if scale is not None and int(scale) != max(map(int, rubric.verdicts)):
        return None
    return grade if grade in rubric.verdicts else None


def _rubric_of(evaluator: str) -> Rubric | None:
    return next((rubric for rubric in all_rubrics().values() if evaluator in rubric.scores), None)


def _words(evaluator: str, rubric: Rubric | None) -> Words | None:
    """Return the words beside the verdicts; none for a rubric that has verdicts and no entry."""
    if rubric is not None and rubric.verdicts:
        return VOCABULARY.get(evaluator)
    return VOCABULARY.get(evaluator, ANY if rubric is None else CLAIMS)


def _takes_numbers(rubric: Rubric | None) -> bool:
    return rubric is None or rubric.kind == "claims" or (rubric.kind == "choice" and not _are_numbers(rubric))


def _are_numbers(rubric: Rubric) -> bool:
    return bool(rubric.verdicts) and all(isinstance(verdict, int) for verdict in rubric.verdicts)


def _grades(worth: Mapping[Verdict, float]) -> str:
    best, *others, worst = sorted(worth, key=lambda grade: worth[grade], reverse=True)
    return ", ".join([f"{best} (best)", *map(str, others), f"{worst} (worst)"])


def _worth(verdict: Verdict, scores: Mapping[str, Mapping[Verdict, float]]) -> str:
    """Say what a verdict is worth: good, or bad and to which evaluator, or its value."""
    if len(scores) > 1:
        low = [name for name, worth in scores.items() if worth[verdict] < 0.5]
        return f"bad in {' and '.join(low)}" if low else "good"
    value = next(iter(scores.values()))[verdict]
    return {1.0: "good", 0.0: "bad"}.get(value, f"{value:g}")
