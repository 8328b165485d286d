"""What a row shows of whether its answer is supported, in numbers that a person can check.

Every feature is larger where the answer looks less supported, so a coefficient below 0 would be a mistake.
"""

import math
import re
from bisect import bisect_left
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
_SIZE = r"[ \u00a0-]?(?P<size>thousand|million|billion|trillion|bn|mn|[kKM](?!\w)|%|percent\b)"
_NUMBER = re.compile(rf"(?P<n>\d+(?:[.,]\d+)*)(?:{_SIZE})?")
_SIZED = re.compile(_SIZE)
_DIGITS = re.compile(r"\d[\d.,]*")
_MAX_LOOKS = 100
"""Numbers that are looked for, and places that are looked at; beyond it all numbers of the text are read instead."""
_EXACT_DIGITS = 15
"""A longer number is an identifier: as written or not at all."""
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
        given_stems: Stems of the answer's words that are given.
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
    given_stems: frozenset[str] = frozenset()

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
    sentences = [(words, *_content(words)) for words in word_sentences(answer)]
    known = given_words(given)
    where = known.places({stem for _, stems, _ in sentences for stem in stems})
    found = Evidence(given_stems=frozenset(where))
    for words, stems, capitals in sentences:
        places = [where.get(stem, 0) for stem in stems]
        found.words += len(places)
        found.new_words += places.count(0)
        names = [place for capital, place in zip(capitals, places, strict=True) if capital]
        found.names += len(names)
        found.new_names += names.count(0)
        found.pairs += max(len(places) - 1, 0)
        found.separated += [one & other for one, other in pairwise(places)].count(0)
        if len(places) >= _MIN_WORDS:
            _compare(found, known, places, not NEGATIONS.isdisjoint(map(str.casefold, words)))
    found.numbers, found.new_numbers = _numbers(given, answer)
    return found


def _compare(found: Evidence, known: GivenWords, places: Sequence[int], is_negated: bool) -> None:
    """Compare a sentence with the given one that holds most of its words."""
    best, near = _nearest(places)
    found.compared += len(places)
    found.scattered += len(places) - near
    if best and _held(places, best) >= _SAME_TOPIC * len(places):
        found.matched += 1
        found.contradicted += is_negated != known.is_negated(best)


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
    counts: dict[int, int] = {}
    for place in places:
        if place.bit_count() > _EVERYWHERE:
            continue
        while place:
            lowest = place & -place
            counts[lowest] = counts.get(lowest, 0) + 1
            place ^= lowest
    if not counts:
        return 0, 0
    most = max(counts.values())
    best = min(bit for bit, count in counts.items() if count == most)
    return best, _held(places, best | best << 1 | best >> 1)


def _held(places: Sequence[int], bits: int) -> int:
    """Count the words that are in one of these sentences."""
    return len(places) - [place & bits for place in places].count(0)


def _numbers(given: str, answer: str) -> tuple[int, int]:
    """Count the answer's numbers, and those that are not given: neither as written, nor rounded, nor in percent."""
    told = list(_NUMBER.finditer(answer))
    wanted = {found["n"] for found in told}
    if len(wanted) > _MAX_LOOKS:
        written = wanted & {number.rstrip(".,") for number in _DIGITS.findall(given)}
    else:
        written = {number for number in wanted if _is_written(number, given)}
    rest = [found for found in told if found["n"] not in written]
    if not rest:
        return len(told), 0
    values = _given_values(given)
    return len(told), sum(not _is_rounded(found, values) for found in rest)


def _is_written(number: str, text: str) -> bool:
    """Look for a number that is no part of a longer one; a search for letters is faster than reading all numbers."""
    at = text.find(number)
    for _ in range(_MAX_LOOKS):
        if at < 0:
            break
        end = at + len(number)
        after = text[end : end + 2]
        starts = at == 0 or not (text[at - 1].isdigit() or (text[at - 1] in ".," and text[at - 2 : at - 1].isdigit()))
        if starts and not after[:1].isdigit() and not (after[:1] in (".", ",") and after[1:].isdigit()):
            return True
        at = text.find(number, end)
    return False


@lru_cache(maxsize=_KEPT_TEXTS)
def _given_values(text: str) -> list[float]:
    values = set()
    for digits in _DIGITS.finditer(text):
        number = _parse(digits.group())[0]
        values.add(number)
        if size := _SIZED.match(text, digits.end()):
            values.add(number / 100 if size["size"] in _PERCENT else number * _size(size))
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
    size = _size(found)
    number, step = _parse(found["n"])
    return number * size, step * size


def _size(found: re.Match[str]) -> float:
    return MAGNITUDES.get((found["size"] or "").casefold(), 1.0)


def _parse(text: str) -> tuple[float, float]:
    """Return a number and what its last digit is worth; not a number where it is a version or an identifier."""
    plain = text.replace(",", "").rstrip(".")
    decimals = plain.partition(".")[2]
    if "." in decimals or len(plain) > _EXACT_DIGITS:
        return math.nan, 0.0
    return float(plain), 10.0 ** -len(decimals)
