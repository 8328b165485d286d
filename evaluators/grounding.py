"""Are the numbers, dates and addresses of the answer in what the model was given?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, evaluator

_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"), ("may",), ("june", "jun"),
            ("july", "jul"), ("august", "aug"), ("september", "sep", "sept"), ("october", "oct"),
            ("november", "nov"), ("december", "dec"),
        ),
        1,
    )
    for name in names
}  # fmt: skip
_MONTH = r"(?P<{0}>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_URL = re.compile(r"\bhttps?://[^\s<>()\"']+", re.IGNORECASE)
_DATES = (
    re.compile(r"\b(?P<y>\d{4})-(?P<m>\d{1,2})-(?P<d>\d{1,2})\b"),
    re.compile(rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)? (?:of )?{_MONTH.format('mon')},? (?P<y>\d{{4}})\b", re.IGNORECASE),
    re.compile(rf"\b{_MONTH.format('mon')} (?P<d>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<y>\d{{4}})\b", re.IGNORECASE),
)
_NUMBER = re.compile(r"(?<![\w.])[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|(?<![\w.])[-+]?\d+(?:\.\d+)?")
_LIST_MARKER = re.compile(r"^\s*\(?\d{1,2}[.):]\s", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Fact:
    kind: str
    value: str
    decimals: int
    start: int
    end: int


@evaluator("grounding", version="1")
def grounding() -> EvaluatorFn:
    """Score the share of the answer's numbers, dates and URLs that are in the context or the prompt.

    A number may be rounded: 3.1 is supported by 3.14. List markers do not count. 1 when there is
    nothing to check; unscored without a context.

    >>> score = grounding()
    >>> score(Interaction("r1", "q", "It costs 12 dollars.", context=("It costs 12 dollars.",))).value
    1.0
    >>> score(Interaction("r2", "q", "It costs 99 dollars.", context=("It costs 12 dollars.",))).label
    'unsupported'
    """

    def score(interaction: Interaction) -> Score:
        if not interaction.context:
            return Score.unscored("no_context")
        given = list(_facts("\n".join((interaction.prompt, *interaction.context))))
        exact = {(fact.kind, fact.value) for fact in given}
        numbers = [float(fact.value) for fact in given if fact.kind == "number"]
        told = list(_facts(interaction.response))
        missing = [fact for fact in told if (fact.kind, fact.value) not in exact and not _rounds_to(fact, numbers)]
        if not missing:
            return Score(1.0, "supported" if told else "nothing_to_check")
        kinds = ", ".join(sorted({fact.kind for fact in missing}))
        spans = tuple(Span("response", fact.start, fact.end) for fact in missing[:20])
        return Score(
            1 - len(missing) / len(told),
            "unsupported",
            f"{len(missing)} of {len(told)} not given: {kinds}",
            spans=spans,
        )

    return score


def _rounds_to(fact: _Fact, numbers: list[float]) -> bool:
    if fact.kind != "number":
        return False
    value = float(fact.value)
    half_a_digit = 0.5 * 10**-fact.decimals * (1 + 1e-9)
    return any(abs(number - value) <= half_a_digit for number in numbers)


def _facts(text: str) -> Iterator[_Fact]:
    """Yield what can be checked; a date is not also three numbers."""
    text = _LIST_MARKER.sub(lambda marker: " " * len(marker.group()), text)
    for found in _URL.finditer(text):
        url = found.group().rstrip(".,;:!?").casefold()
        yield _Fact("url", url, 0, found.start(), found.start() + len(url))
    text = _URL.sub(lambda url: " " * len(url.group()), text)
    for pattern in _DATES:
        for found in pattern.finditer(text):
            yield _Fact("date", _iso(found), 0, found.start(), found.end())
        text = pattern.sub(lambda date: " " * len(date.group()), text)
    for found in _NUMBER.finditer(text):
        digits = found.group().replace(",", "").lstrip("+")
        decimals = len(digits.partition(".")[2])
        yield _Fact(
            "number", f"{float(digits):g}" if len(digits) < 16 else digits, decimals, found.start(), found.end()
        )


def _iso(found: re.Match[str]) -> str:
    groups = found.groupdict()
    month = int(groups["m"]) if groups.get("m") else _MONTHS[groups["mon"].casefold()]
    return f"{int(groups['y']):04d}-{month:02d}-{int(groups['d']):02d}"
