"""What of a long context the judge gets to see.

The rule: the context is cut into pieces (its passages; a longer one at paragraphs, then at 2,000 characters).
Pieces are ranked by how many of the answer's different words and numbers they hold, the earlier one first
where they are equal, and the best are kept while they fit, in their old order; `[...]` stands for what is
missing. So a claim's support is the last thing to be cut. The rule depends on the row alone: the same row is
cut the same way every time, which the cache needs.
"""

import re
from collections.abc import Iterator, Sequence

PIECE_CHARS = 2000
GAP = "[...]"
_WORD = re.compile(r"\w{4,}|\d+")


def fit_context(passages: Sequence[str], answer: str, max_chars: int) -> tuple[tuple[str, ...], int]:
    """Return the passages the judge sees and how many characters of context it does not."""
    total = sum(map(len, passages))
    if total <= max_chars:
        return tuple(passages), 0
    pieces = [piece for passage in passages for piece in _pieces(passage)]
    wanted = set(_WORD.findall(answer.casefold()))
    ranked = sorted(range(len(pieces)), key=lambda n: (-len(wanted & set(_WORD.findall(pieces[n].casefold()))), n))
    kept: set[int] = set()
    room = max_chars
    for n in ranked:
        if len(pieces[n]) <= room:
            kept.add(n)
            room -= len(pieces[n])
    return tuple(_with_gaps(pieces, kept)), total - sum(len(pieces[n]) for n in kept)


def _pieces(passage: str) -> Iterator[str]:
    if len(passage) <= PIECE_CHARS:
        yield passage
        return
    for paragraph in passage.split("\n\n"):
        for start in range(0, len(paragraph), PIECE_CHARS):
            yield paragraph[start : start + PIECE_CHARS]


def _with_gaps(pieces: Sequence[str], kept: set[int]) -> Iterator[str]:
    previous = -1
    for n in sorted(kept):
        if n != previous + 1:
            yield GAP
        yield pieces[n]
        previous = n
    if previous != len(pieces) - 1:
        yield GAP
