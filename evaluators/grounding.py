"""Are the numbers, dates, addresses and quotes of the answer in what the model was given?"""

from collections.abc import Iterable, Sequence

from evaluators.facts import Fact, Kind, facts, names, plain, quotes
from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, evaluator

_KINDS: tuple[Kind, ...] = ("number", "date", "url", "email", "quote")


@evaluator("grounding", version="2")
def grounding(*, kinds: Sequence[Kind] = _KINDS) -> EvaluatorFn:
    """Score the share of the answer's hard facts that are in the context or the prompt.

    A number may be rounded (3.1 for 3.14, 1.2 million for 1,234,000), written as a percentage, or stand in
    words there; with another known unit it is another number. A date may have any form; 2024 and March 2024
    are supported by 12 March 2024. List markers do not count. 1 when there is nothing to check; unscored
    without a context. What is calculated from the context looks unsupported.

    Args:
        kinds: What is checked: number, date, url, email, quote (three words or more), and name, which is
            left out because most unsupported names are another spelling of a supported one.

    >>> score = grounding()
    >>> score(Interaction("r1", "q", "It costs 12 dollars.", context=("It costs 12 dollars.",))).value
    1.0
    >>> score(Interaction("r2", "q", "It costs 99 dollars.", context=("It costs 12 dollars.",))).label
    'unsupported'
    """
    wanted = set(kinds)
    if unknown := wanted - {*_KINDS, "name"}:
        raise ValueError(f"kind '{min(unknown)}' is none of {', '.join(_KINDS)}, name")

    def score(interaction: Interaction) -> Score:
        if not interaction.context:
            return Score.unscored("no_context")
        told = [fact for fact in _facts(interaction.response, wanted) if fact.kind in wanted]
        if not told:
            return Score(1.0, "nothing_to_check")
        given = _Given("\n".join((interaction.prompt, *interaction.context)))
        missing = [fact for fact in told if not given.supports(fact)]
        if not missing:
            return Score(1.0, "supported")
        spans = tuple(Span("response", fact.start, fact.end) for fact in missing[:20])
        found = ", ".join(sorted({fact.kind for fact in missing}))
        return Score(
            1 - len(missing) / len(told),
            "unsupported",
            f"{len(missing)} of {len(told)} not given: {found}",
            spans=spans,
        )

    return score


def _facts(text: str, wanted: set[Kind]) -> Iterable[Fact]:
    yield from facts(text)
    if "quote" in wanted:
        yield from quotes(text)
    if "name" in wanted:
        yield from names(text)


class _Given:
    """What the model was given, ready to be asked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._plain: str | None = None
        self._numbers: list[Fact] = []
        self._keys: set[tuple[str, str]] = set()
        self._dates: set[str] = set()
        for fact in facts(text, words=True):
            if fact.kind == "number":
                self._numbers.append(fact)
            else:
                self._keys.update((fact.kind, key) for key in fact.keys)
            if fact.kind == "date":
                self._dates.update(fact.keys)
        self._by_key: dict[str, list[Fact]] = {}
        for fact in self._numbers:
            self._by_key.setdefault(fact.keys[0], []).append(fact)
        self._parts = {float(part) for date in self._dates for part in date.split("-") if part}

    def supports(self, fact: Fact) -> bool:
        if fact.kind in ("quote", "name"):
            if self._plain is None:
                self._plain = plain(self._text)
            return fact.keys[0] in self._plain
        if fact.kind == "number":
            return self._has_number(fact)
        if fact.kind == "date":
            return any(self._has_date(key) for key in fact.keys)
        return (fact.kind, fact.keys[0]) in self._keys

    def _has_number(self, told: Fact) -> bool:
        if told.unit is None and told.number in self._parts:
            return True
        same = self._by_key.get(told.keys[0]) or [fact for fact in self._numbers if _rounds_to(fact.number, told)]
        # 12 days are no 12 dollars; a number without a known unit may be either.
        return any(fact.unit is None or told.unit is None or fact.unit == told.unit for fact in same)

    def _has_date(self, key: str) -> bool:
        """Look for a date in its normal form: YYYY-MM-DD, YYYY-MM or --MM-DD."""
        if key in self._dates:
            return True
        if key.startswith("--"):
            return any(date.endswith(key[2:]) for date in self._dates)
        if len(key) == len("2024-03"):
            return any(date.startswith(f"{key}-") for date in self._dates)
        # The day and its year may stand apart: "on 12 March" under a heading "2024".
        return f"--{key[5:]}" in self._dates and any(fact.number == float(key[:4]) for fact in self._numbers)


def _rounds_to(number: float, told: Fact) -> bool:
    half_a_digit = 0.5 * told.step * (1 + 1e-9)
    if told.step == 0.0:
        return False
    return abs(number - told.number) <= half_a_digit or (
        told.unit == "%" and abs(100 * number - told.number) <= half_a_digit
    )
