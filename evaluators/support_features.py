"""What a row shows of whether its answer is supported, in numbers that a person can check.

Every feature is larger where the answer looks less supported, so a coefficient below 0 would be a mistake.
"""

import math
import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from evaluators.facts import MAGNITUDES
from evaluators.words import NEGATIONS, GivenWords, given_words, stem_of, word_sentences

FEATURES = (
    "new_words", "separated", "separated_count", "scattered", "new_names", "new_names_count", "new_numbers",
    "new_numbers_count", "negation",
)  # fmt: skip
"""Shares in [0, 1], and logarithms of one more than a count; docs/evaluators.md says what each is."""

_MIN_WORDS = 3
"""Shorter sentences, such as a heading, are not compared on their own."""
_EVERYWHERE = 32
"""A word in more sentences of the context does not tell them apart, and would take long."""
_SAME_TOPIC = 0.4
"""Share of a sentence's words that a context sentence must hold before a negation is compared."""
_DIGITS = re.compile(r"\d[\d.,]*")
_NUMBER = re.compile(
    r"(?P<n>\d+(?:[.,]\d+)*)(?:[ \u00a0-]?(?P<size>thousand|million|billion|trillion|bn|mn|[kKM](?!\w)|%|percent\b))?"
)
_PERCENT = ("%", "percent")
_KEPT_TEXTS = 8


@dataclass(slots=True)
class Evidence:
    """Counts over an answer's sentences.

    Attributes:
        words, new_words: Content words, and those that are nowhere in what was given.
        names, new_names: The same of words with a capital inside a sentence.
        pairs, separated: Neighbouring content words, and those that no sentence of the given text holds both of.
        compared, scattered: Content words of sentences that were compared as a whole, and those that are not in
            the given sentence that holds most of them, nor in the ones beside it.
        matched, contradicted: Sentences much like a given one, and those of which only one side is negated.
        numbers, new_numbers: Numbers, and those that are not given as written, rounded or in percent.
    """

    words: int = 0
    new_words: int = 0
    names: int = 0
    new_names: int = 0
    pairs: int = 0
    separated: int = 0
    compared: int = 0
    scattered: int = 0
    matched: int = 0
    contradicted: int = 0
    numbers: int = 0
    new_numbers: int = 0

    def features(self) -> tuple[float, ...]:
        """Return the values in the order of FEATURES."""
        return (
            self.new_words / max(self.words, 1),
            self.separated / max(self.pairs, 1),
            math.log1p(self.separated),
            self.scattered / max(self.compared, 1),
            self.new_names / max(self.names, 1),
            math.log1p(self.new_names),
            self.new_numbers / max(self.numbers, 1),
            math.log1p(self.new_numbers),
            self.contradicted / max(self.matched, 1),
        )


def evidence(given: str, answer: str) -> Evidence:
    """Compare an answer with what the model was given: the prompt and the context."""
    known, found = given_words(given), Evidence()
    for words in word_sentences(answer):
        stems, capitals = _content(words)
        places = [known.sentences.get(stem, 0) for stem in stems]
        found.words += len(places)
        found.new_words += places.count(0)
        found.names += sum(capitals)
        found.new_names += sum(capital and not place for capital, place in zip(capitals, places, strict=True))
        found.pairs += max(len(places) - 1, 0)
        found.separated += sum(not one & other for one, other in pairwise(places))
        if len(places) >= _MIN_WORDS:
            _compare(found, known, places, not NEGATIONS.isdisjoint(map(str.casefold, words)))
    found.numbers, found.new_numbers = _numbers(given, answer)
    return found


def _compare(found: Evidence, known: GivenWords, places: Sequence[int], is_negated: bool) -> None:
    """Compare a sentence with the given one that holds most of its words."""
    best, near = _nearest(places)
    found.compared += len(places)
    found.scattered += len(places) - near
    if best and sum(bool(place & best) for place in places) >= _SAME_TOPIC * len(places):
        found.matched += 1
        found.contradicted += is_negated != bool(known.negated & best)


def _content(words: Sequence[str]) -> tuple[list[str], list[bool]]:
    """Return the stems of the content words, and which are capitalised inside the sentence."""
    stems, capitals = [], []
    for at, word in enumerate(words):
        if stem := stem_of(word.casefold()):
            stems.append(stem)
            capitals.append(at > 0 and word[0].isupper())
    return stems, capitals


def _nearest(places: Sequence[int]) -> tuple[int, int]:
    """Return the context sentence with most of the words, as a bit, and how many it holds with those beside it."""
    counts: Counter[int] = Counter()
    for place in places:
        if place.bit_count() > _EVERYWHERE:
            continue
        while place:
            lowest = place & -place
            counts[lowest] += 1
            place ^= lowest
    if not counts:
        return 0, 0
    best = max(counts, key=lambda bit: (counts[bit], -bit))
    around = best | best << 1 | best >> 1
    return best, sum(bool(place & around) for place in places)


def _numbers(given: str, answer: str) -> tuple[int, int]:
    """Count the answer's numbers, and those that are not given: neither as written, nor rounded, nor in percent."""
    told = list(_NUMBER.finditer(answer))
    if not told:
        return 0, 0
    written = _written_numbers(given)
    rest = [found for found in told if found["n"] not in written]
    if not rest:
        return len(told), 0
    values = _given_values(given)
    return len(told), sum(not _is_rounded(found, values) for found in rest)


@lru_cache(maxsize=_KEPT_TEXTS)
def _written_numbers(text: str) -> frozenset[str]:
    return frozenset(number.rstrip(".,") for number in _DIGITS.findall(text))


@lru_cache(maxsize=_KEPT_TEXTS)
def _given_values(text: str) -> list[float]:
    found = list(_NUMBER.finditer(text))
    values = {_value(one)[0] for one in found} | {_parse(one["n"])[0] for one in found}
    values |= {_parse(one["n"])[0] / 100 for one in found if one["size"] in _PERCENT}
    return sorted(value for value in values if not math.isnan(value))


def _is_rounded(told: re.Match[str], values: Sequence[float]) -> bool:
    value, step = _value(told)
    as_share = [(value / 100, step / 100)] if told["size"] in _PERCENT else []
    for wanted, wide in [(value, step), *as_share]:
        half = 0.5 * wide * (1 + 1e-9)
        at = bisect_left(values, wanted - half)
        if at < len(values) and values[at] <= wanted + half:
            return True
    return False


def _value(found: re.Match[str]) -> tuple[float, float]:
    size = MAGNITUDES.get((found["size"] or "").casefold(), 1.0)
    number, step = _parse(found["n"])
    return number * size, step * size


def _parse(text: str) -> tuple[float, float]:
    """Return a number and what its last digit is worth; 1,234 is a thousand and more, and so is 1,5 no half."""
    plain = text.replace(",", "")
    decimals = plain.partition(".")[2]
    if "." in decimals or len(plain) > 15:  # a version or an identifier: as written or not at all
        return math.nan, 0.0
    return float(plain), 10.0 ** -len(decimals) if decimals else 1.0
