"""An English text as plain words: lower case, contractions written out, quotes and code taken out, places kept."""

import bisect
import re
from dataclasses import dataclass

_TOKEN = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|`[^`\n]{1,200}`)"
    r"|(?P<quote>(?<![\w\"])\"[^\"\n]{1,300}\"|\u201c[^\u201d\n]{1,300}\u201d)"
    r"|(?P<cited>(?:(?<=\n)|\A)>[^\n]*)"
    r"|(?P<item>(?:(?<=\n)|\A)[ \t]*(?:\d+[.)]|[-*\u2022])(?=\s))"
    r"|(?P<word>\w+(?:['\u2018\u2019\u02bc]\w+)*)"
    r"|(?P<end>[.!?]+(?=[\s\"\u201d)*]|\Z)|\n+)",
    re.DOTALL,
)
_APOSTROPHES = re.compile("[\u2018\u2019\u02bc]")
_MARKS = {"quote": '"', "cited": '"', "code": "#", "item": "-"}
_ENDINGS = {"'m": " am", "'re": " are", "'ve": " have", "'ll": " will", "'d": " would"}
_IS = ("it", "that", "there", "here", "this", "what", "he", "she")
_NEGATED = ("can", "could", "do", "does", "did", "is", "are", "was", "were", "will", "would", "should", "have", "has",
            "had", "must", "need", "might")  # fmt: skip
# Contractions are also read without their apostrophe, unless that makes another word: `ill`, `id`, `its`, `well`.
_WHOLE = {"can't": "cannot", "won't": "will not", "shan't": "shall not", "ain't": "is not", "let's": "let us",
          "i'm": "i am", "you're": "you are", "they're": "they are", "i've": "i have", "gonna": "going to",
          **{f"{verb}n't": f"{verb} not" for verb in _NEGATED if verb != "can"},
          **{f"{word}'s": f"{word} is" for word in _IS}}  # fmt: skip
_ENGLISH_WORDS = ("its", "hes", "shes", "heres", "thiss", "wont")
_WHOLE |= {
    short.replace("'", ""): full for short, full in _WHOLE.items() if short.replace("'", "") not in _ENGLISH_WORDS
}
_WHOLE["wont"] = "will not"


@dataclass(frozen=True, slots=True)
class PlainWords:
    """The words of a text.

    Attributes:
        text: Words with one space between them; a sentence's end is `.`, a quote `"`, code `#`, a list's mark `-`.
        n_items: Marks of lists in it.
        has_code: Code stands in it.
    """

    text: str
    n_items: int
    has_code: bool
    _starts: tuple[int, ...]
    _places: tuple[tuple[int, int], ...]

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return where in the original a part of `text` stands."""
        first = bisect.bisect_right(self._starts, start) - 1
        last = max(bisect.bisect_left(self._starts, end) - 1, first)
        return self._places[first][0], self._places[last][1]


def plain_words(text: str, start: int = 0) -> PlainWords:
    """Return the words of a text; `start` is added to their places.

    >>> plain_words("I\u2019m sorry, but I can't help.").text
    'i am sorry but i cannot help .'
    """
    words: list[str] = []
    places: list[tuple[int, int]] = []
    starts: list[int] = []
    at = n_items = 0
    has_code = False
    for found in _TOKEN.finditer(text):
        kind = found.lastgroup
        if kind == "word":
            word = _written_out(found.group())
            if word == "not" and words and words[-1] == "can":
                words[-1] = "cannot"
                at += 3
                places[-1] = (places[-1][0], start + found.end())
                continue
        elif kind == "end":
            if not words or words[-1] == ".":
                continue
            word = "."
        elif kind == "quote" and found.start() == 0:
            # An answer that begins with a quote may be one as a whole: then it is the answer itself.
            return plain_words(text[1:], start + 1)
        else:
            word = _MARKS[str(kind)]
            n_items += kind == "item"
            has_code = has_code or kind == "code"
        words.append(word)
        starts.append(at)
        places.append((start + found.start(), start + found.end()))
        at += len(word) + 1
    return PlainWords(" ".join(words), n_items, has_code, tuple(starts), tuple(places))


def _written_out(word: str) -> str:
    low = word.lower()
    if low.isalnum():
        return _WHOLE.get(low, low)
    low = _APOSTROPHES.sub("'", low)
    if low in _WHOLE:
        return _WHOLE[low]
    head, mark, tail = low.rpartition("'")
    return head + _ENDINGS[mark + tail] if mark + tail in _ENDINGS else low
