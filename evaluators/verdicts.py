"""Reads verdicts the way judges write them: `4`, `"4/5"`, `"four"`, `Grade: 4`, `Wrongly refused`."""

import re
from typing import Any

from evaluators.rubric import Rubric, Verdict

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: number for number, word in enumerate(_NUMBERS)}
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SAME_WORDS = {"true": "yes", "false": "no"}
_PLACES = {"a": "first", "1": "first", "one": "first", "first": "first", "b": "second", "2": "second", "two": "second",
           "second": "second", "0": "tie", "tie": "tie", "tied": "tie", "equal": "tie", "draw": "tie"}  # fmt: skip
_ANSWER = r"(?:output|response|answer|assistant|option|model)"
_NAMED = re.compile(rf"\b(?:{_ANSWER} (a|b|1|2|one|two)|the (first|second)(?: {_ANSWER})?)\b")
_BETTER = re.compile(
    rf"{_NAMED.pattern}(?: (?!not\b)\w+){{0,2}} (?:better|preferred|preferable|superior|best|wins|winner)\b"
)
_EQUAL = re.compile(r"\b(?:equally (?:good|bad)|it s a tie|is a tie|are tied)\b")
_SHORT_WORDS = 6
"""A reply that is no longer may name an answer without saying that it is better."""


class NoVerdict(ValueError):
    """The value is none of the rubric's verdicts; the message is the reason why the row is unscored."""


def read_verdict(rubric: Rubric, value: Any) -> Verdict:
    """Return the verdict that a value of a reply means.

    Raises:
        NoVerdict: It means none, or may mean several.
    """
    if isinstance(value, dict) and len(value) == 1:  # {"grade": 4}
        value = next(iter(value.values()))
    if isinstance(value, dict):
        value = next((value[key] for key in ("verdict", "grade", "score", "value") if key in value), None)
    if value is None:
        raise NoVerdict("judge_left_it_out")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    verdict = _grade(rubric, value) if all(isinstance(v, int) for v in rubric.verdicts) else _choice(rubric, value)
    if verdict is None:
        raise NoVerdict("judge_wrong_value")
    return verdict


def _grade(rubric: Rubric, value: Any) -> Verdict | None:
    if isinstance(value, str):
        text = value.strip().casefold()
        # "4/5" and "4 out of 5" are 4; "between 3 and 4" is nothing.
        text = re.split(r"/|\bout of\b|\bof\b", text)[0]
        found = {float(number) for number in _NUMBER.findall(text)}
        found |= {float(_WORDS[word]) for word in re.findall(r"[a-z]+", text) if word in _WORDS}
        value = found.pop() if len(found) == 1 else None
    if isinstance(value, int | float) and float(value).is_integer() and int(value) in rubric.verdicts:
        return int(value)
    return None


def _choice(rubric: Rubric, value: Any) -> Verdict | None:
    words = {_plain(str(verdict)): verdict for verdict in rubric.verdicts}
    text = _plain(str(value))
    if rubric.kind == "pairwise":
        return _pair(text)
    if text in words:
        return words[text]
    if _SAME_WORDS.get(text) in rubric.verdicts:
        return _SAME_WORDS[text]
    found = {verdict for word, verdict in words.items() if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)}
    negated = re.search(r"(?<!\w)(?:not|neither|nor|isn t)(?!\w)", text)
    return found.pop() if len(found) == 1 and not negated else None


def _pair(text: str) -> Verdict | None:
    """Read which of two answers is said to be better: a bare word, or the last sentence that says so."""
    if text in _PLACES:
        return _PLACES[text]
    said = [next(filter(None, groups)) for groups in _BETTER.findall(text)]
    if not said and len(text.split()) <= _SHORT_WORDS and " not " not in text:
        said = [next(filter(None, groups)) for groups in _NAMED.findall(text)]
    found = {_PLACES[word] for word in said} | ({"tie"} if _EQUAL.search(text) else set())
    return found.pop() if len(found) == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.replace("_", " ").casefold()))
