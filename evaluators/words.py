"""The words of a text, read once for every evaluator that asks about the row.

A text is cut with string methods, not with regular expressions: it is ten times as fast on contexts of many kB.
"""

import re
import string
from dataclasses import dataclass
from functools import lru_cache

from evaluators.patterns import read_patterns

SENTENCE = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|\.(?=\S)[^.!?\n]*)*[.!?]*")
"""A sentence with its place in the text, where that is needed; `word_sentences` is the fast way."""
_INNER_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_STEM_CHARS = 6
MAX_PLACES = 1024
_KEPT_STEMS = 200_000
_KEPT_TEXTS = 8
"""Evaluators score a row one after the other, so the last text is the one that is asked for again."""
_SENTENCE_ENDS = ". ", "! ", "? "
_APOSTROPHES = "'\u2019"
_PUNCTUATION = string.punctuation + string.whitespace.replace("\n", "")
_TO_SPACES = bytes.maketrans(_PUNCTUATION.encode(), b" " * len(_PUNCTUATION))
_WIDE_PUNCTUATION = re.compile("[\u2010-\u2015\u2018-\u201f\u2022\u2026\u00a0\u00ab\u00bb\u2032\u2033]")

STOP = frozenset(str(word).replace("'", "") for word in read_patterns("stop_words"))
NEGATIONS = frozenset(map(str, read_patterns("negations")))


@dataclass(frozen=True, slots=True)
class GivenWords:
    """What a text is made of.

    Attributes:
        sentences: Casefolded words by sentence.
    """

    sentences: list[list[str]]

    def places(self, stems: set[str]) -> dict[str, int]:
        """Return the sentences that each of these stems is in, as the bits of an integer; others are left out.

        Of a text with more than MAX_PLACES sentences, some that follow one another share a bit.
        """
        found: dict[str, int] = {}
        together = self._together
        for at, words in enumerate(self.sentences):
            bit = 1 << at // together
            for stem in stems.intersection(map(_STEMS.__getitem__, words)):
                found[stem] = found.get(stem, 0) | bit
        return found

    def is_negated(self, bit: int) -> bool:
        """Say whether there is a negation in the sentences of a bit."""
        first = (bit.bit_length() - 1) * self._together
        return any(not NEGATIONS.isdisjoint(words) for words in self.sentences[first : first + self._together])

    @property
    def _together(self) -> int:
        return len(self.sentences) // MAX_PLACES + 1


@lru_cache(maxsize=_KEPT_TEXTS)
def given_words(text: str) -> GivenWords:
    """Read the words of a text; the last few texts are remembered."""
    # The keys of data are words too: BikeParking is bike and parking.
    return GivenWords(word_sentences((_INNER_CAPITAL.sub(" ", text) if "{" in text else text).casefold()))


def word_sentences(text: str) -> list[list[str]]:
    """Cut a text into sentences of words, without punctuation; a word keeps its case and loses its apostrophe.

    >>> word_sentences("It's 3.5 km. Don't run!")
    [['Its', '3', '5', 'km'], ['Dont', 'run']]
    """
    for apostrophe in _APOSTROPHES:
        text = text.replace(apostrophe, "")
    if not text.isascii():
        text = _WIDE_PUNCTUATION.sub(" ", text)
    for end in _SENTENCE_ENDS:
        text = text.replace(end, "\n")
    plain = text.encode("utf-8", "replace").translate(_TO_SPACES).decode()
    return [words for line in plain.split("\n") if (words := line.split())]


def stem_of(word: str) -> str:
    """Return what a casefolded word is compared by: its first letters, or nothing for a word that says nothing."""
    return _STEMS[word]


class _Stems(dict[str, str]):
    """Word -> its first letters, or nothing for a word that says nothing."""

    def __missing__(self, word: str) -> str:
        if len(self) >= _KEPT_STEMS:
            self.clear()
        if word in STOP or (len(word) <= 2 and not word.isdigit()):
            stem = ""
        elif len(word) > _STEM_CHARS and not word.isdigit():
            stem = word[:_STEM_CHARS]
        else:
            stem = word[:-1] if len(word) > 3 and word[-1] == "s" else word
        self[word] = stem
        return stem


_STEMS = _Stems()
