"""Reads verdicts the way judges write them: `4`, `"4/5"`, `"four"`, `Grade: 4`, `Wrongly refused`.

A number or word counts only where it alone is the verdict: what hedges, compares or counts on another scale is none.
"""

import re
import unicodedata
from typing import Any

from evaluators.rubric import Rubric, Verdict

WRONG_VALUE = "judge_wrong_value"
OTHER_SCALE = "judge_wrong_value: other_scale"

_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_WORDS = {word: number for number, word in enumerate(_NUMBERS)}
_SAID = ("verdict", "grade", "score", "rating", "value", "label", "answer", "result", "choice", "level", "category")
"""Keys and words under which a verdict is given."""
_ALSO_SAID = ("decision", "classification", "judgment", "judgement", "assessment", "winner")
"""Keys that hold it where none of the others does."""
_SCALE_KEY = re.compile(r"(?:.*_)?(?:max|maximum|scale|range|total|out_of|bounds|highest)(?:_.*)?|of(?:_.*)?")
_LOWEST_KEY = re.compile(r"(?:.*_)?(?:min|minimum|lowest)(?:_.*)?")
_UNIT_KEYS = ("unit", "units")
"""Keys that say what a grade counts, or from where to where."""
_DECORATION = "*_`\"'\u2018\u2019\u201c\u201d"
_AMOUNT = rf"\d{{1,4}}(?:\.\d{{1,4}})?|{'|'.join(_NUMBERS)}"
_GOOD = ("excellent", "very good", "good", "great", "perfect")
_BAD = ("poor", "very poor", "bad", "very bad", "terrible")
_MIDDLE = 0.5
_GRADE = re.compile(
    rf"(?:(?:a|the|my|final|overall|i (?:give|rate) it|i(?:'d| would) (?:give|rate) it|{'|'.join(_SAID)})\b"
    rf"\s*(?:is\b|of\b|[:=])?\s*)*(?P<grade>{_AMOUNT})"
    rf"(?:\s*(?:/|out of|of)\s*(?P<most>{_AMOUNT}))?(?:\s*(?:stars?|points?))?"
    rf"(?:\s*\(?on a scale (?:of|from) (?P<lowest>{_AMOUNT})\s*(?:-|\u2013|to)\s*(?P<highest>{_AMOUNT})\)?)?"
    rf"(?:\s*(?:\(|[:,]\s|\s[-\u2013\u2014]\s)\s*(?P<word>{'|'.join(_GOOD + _BAD)})\)?)?\.?"
)
_RAISED = re.compile(r"[\u00b2\u00b3\u00b9\u2070-\u209f]")
"""Figures that are exponents, indices or footnotes, which NFKC would read as figures."""
_PERCENT = re.compile(r"[\d.]+\s*(?:%|percent|per cent)\.?")
_SAME_WORDS = {"true": "yes", "false": "no"}
_FRAME = frozenset(
    [*_SAID, "the", "a", "my", "is", "was", "it", "this", "that", "as", "final", "overall", "answer", "response",
     "reply", "output", "classification", "assessment", "judgement", "judgment"]
)  # fmt: skip
"""Words before a verdict that do not change it."""
_NOT = re.compile(r"(?<!\w)(?:not|no|never|neither|nor|isn|aren|wasn|t|hardly|barely|but|except|unless|or)(?!\w)")
_HEDGE = re.compile(
    r"\b(?:mostly|maybe|perhaps|probably|possibly|partly|partially|somewhat|largely|almost|nearly|borderline|if|"
    r"though|although|however|only)\b"
)
_PLACES = {"a": "first", "1": "first", "one": "first", "first": "first", "b": "second", "2": "second", "two": "second",
           "second": "second", "0": "tie", "tie": "tie", "tied": "tie", "equal": "tie", "draw": "tie"}  # fmt: skip
_ANSWER = r"(?:output|response|answer|assistant|option|model)"
_NAMED = re.compile(rf"\b(?:{_ANSWER} (a|b|1|2|one|two)|the (first|second)(?: {_ANSWER})?)\b")
_BETTER = re.compile(
    rf"{_NAMED.pattern}(?: (?!not\b)\w+){{0,2}} (?:better|preferred|preferable|superior|best|wins|winner)\b"
)
_NO_PREFERENCE = re.compile(
    r"\b(?:not (?:true|the case|say)|neither|nor|would be|could be|might be|may be|hardly|no better|if|unless|worse|"
    r"worst|weaker|inferior|loses|rejected|dispreferred)\b"
)
"""Words with which a sentence that names an answer may not prefer it."""
_EQUAL = re.compile(r"\b(?:equally (?:good|bad)|it s a tie|is a tie|are tied)\b")
_SHORT_WORDS = 6
"""A reply that is no longer may name an answer without saying that it is better."""


class NoVerdict(ValueError):
    """The value is none of the rubric's verdicts; the message is the reason why the row is unscored."""


def read_verdict(rubric: Rubric, value: Any) -> Verdict:
    """Return the verdict that a value of a reply means.

    Raises:
        NoVerdict: It means none, may mean several, or counts on another scale.
    """
    value = _said(rubric, value)
    if value is None:
        raise NoVerdict("judge_left_it_out")
    if isinstance(value, bool):
        value = "yes" if value else "no"
    verdict = _grade(rubric, value) if all(isinstance(v, int) for v in rubric.verdicts) else _choice(rubric, value)
    if verdict is None:
        raise NoVerdict(WRONG_VALUE)
    return verdict


def _said(rubric: Rubric, value: Any, depth: int = 3) -> Any:
    """Return the verdict's own value where it comes in an object or a list of one.

    Raises:
        NoVerdict: An object gives several, or a scale that is not the rubric's.
    """
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if not isinstance(value, dict) or not depth:
        return value if not isinstance(value, dict) else None
    plain = {str(key).strip().casefold().replace(" ", "_"): part for key, part in value.items()}
    said = [plain[key] for key in (*_SAID, rubric.name) if plain.get(key) is not None]
    said = said or [plain[key] for key in _ALSO_SAID if plain.get(key) is not None]
    if rubric.kind != "grade":  # a number beside a word is how sure the judge is
        said = [part for part in said if isinstance(part, bool) or not isinstance(part, int | float)] or said
    if any(str(part) != str(said[0]) for part in said):
        raise NoVerdict(WRONG_VALUE)
    if said and rubric.kind == "grade" and not all(_is_scale(rubric, key, part) for key, part in plain.items()):
        raise NoVerdict(OTHER_SCALE)
    return _said(rubric, said[0], depth - 1) if said else None


def _is_scale(rubric: Rubric, key: str, stated: Any) -> bool:
    """Tell whether a key that states a scale states the rubric's: its end, or `1-5`, `1 to 5`."""
    if key in (*_SAID, rubric.name):
        return True
    if key in (*_UNIT_KEYS, "scale") and re.search(r"%|percent|per cent", str(stated)[:40].casefold()):
        return False
    ends = [float(number) for number in re.findall(r"\d{1,6}(?:\.\d{1,4})?", str(stated)[:40])]
    grades = [float(verdict) for verdict in rubric.verdicts]
    if _LOWEST_KEY.fullmatch(key):
        return ends in ([], [min(grades)])
    return not _SCALE_KEY.fullmatch(key) or ends in ([], [max(grades)], [min(grades), max(grades)], grades)


def _grade(rubric: Rubric, value: Any) -> Verdict | None:
    if isinstance(value, str):
        value = _written_grade(rubric, value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, int) and value in rubric.verdicts else None


def _written_grade(rubric: Rubric, text: str) -> float | None:
    """Read a grade in words or figures.

    Raises:
        NoVerdict: It says of how many it is, and the rubric has another number.
    """
    if len(text) > 200 or _RAISED.search(text):
        return None
    plain = unicodedata.normalize("NFKC", text).casefold().replace("**", "").replace("`", "").replace("_", " ")
    plain = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf").strip().strip(_DECORATION)
    plain = re.sub(
        rf"^{re.escape(rubric.name.replace('_', ' '))}(?=\s*[:=]|\s+(?:{'|'.join(_SAID)})\b)", "", plain.strip()
    )
    plain = plain.lstrip(" :=").rstrip(" ;,")
    if bracketed := re.fullmatch(r"\(([^()]+)\)|\[([^\[\]]+)\]", plain):
        plain = next(filter(None, bracketed.groups())).strip()
    if _PERCENT.fullmatch(plain):
        raise NoVerdict(OTHER_SCALE)
    found = _GRADE.fullmatch(plain)
    if found is None:
        return None
    grade = _number(found["grade"])
    if found["most"] is not None and _number(found["most"]) != max(float(v) for v in rubric.verdicts):
        raise NoVerdict(OTHER_SCALE)
    if found["lowest"] is not None and not _is_scale(rubric, "scale", f"{found['lowest']} {found['highest']}"):
        raise NoVerdict(OTHER_SCALE)
    return grade if _agrees(rubric, grade, found["word"]) else None


def _agrees(rubric: Rubric, grade: float, word: str | None) -> bool:
    """Tell whether a word beside a grade, such as `4 (good)`, says the same; `5 (poor)` says two things."""
    if word is None:
        return True
    worth = rubric.scores[rubric.name].get(int(grade), -1.0) if rubric.name in rubric.scores else -1.0
    return worth >= 0 and (worth >= _MIDDLE if word in _GOOD else worth <= _MIDDLE)


def _number(text: str) -> float:
    return float(_WORDS.get(text, text))


def _choice(rubric: Rubric, value: Any) -> Verdict | None:
    if not isinstance(value, str | int | float) or "?" in str(value):
        return None
    said = str(value)[:2000]
    if rubric.kind == "pairwise":
        return _pair(_plain(said))
    words = {_plain(str(verdict)): verdict for verdict in rubric.verdicts}
    head, bracket, aside = said.partition("(")
    text = _plain(head)
    doubts = _NOT.search(_plain(aside)) or _HEDGE.search(_plain(aside))
    if bracket and (doubts or any(_has(_plain(aside), word) for word in words)):
        return None
    frame = _FRAME | set(_plain(rubric.name).split())
    while text and text not in words and text not in _SAME_WORDS:
        first, _, rest = text.partition(" ")
        if first not in frame:
            return None
        text = rest
    if text in words:
        return words[text]
    return _SAME_WORDS[text] if _SAME_WORDS.get(text) in rubric.verdicts else None


def _has(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text) is not None


def _pair(text: str) -> Verdict | None:
    """Read which of two answers is said to be better: a bare word, or the last sentence that says so."""
    if text in _PLACES:
        return _PLACES[text]
    if _NO_PREFERENCE.search(text):
        return None
    said = [next(filter(None, groups)) for groups in _BETTER.findall(text)]
    if not said and len(text.split()) <= _SHORT_WORDS and " not " not in text:
        said = [next(filter(None, groups)) for groups in _NAMED.findall(text)]
    found = {_PLACES[word] for word in said} | ({"tie"} if _EQUAL.search(text) else set())
    return found.pop() if len(found) == 1 else None


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.replace("_", " ").casefold()))
