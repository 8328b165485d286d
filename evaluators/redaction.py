"""Takes personal data and secrets out of a text before it leaves, and finds the way back to the original."""

from bisect import bisect_right
from dataclasses import dataclass, field

from evaluators.private_data import detectors_version, find_private

REDACTION_VERSION = detectors_version()
"""Changes with any detector, and with it every epoch of a judged score."""
_ROUNDS = 5


@dataclass(slots=True)
class Redactor:
    """Redacts the texts of one row: the same value gets the same placeholder in all of them.

    So a judge still sees that the answer repeats an address of the context.
    """

    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=dict)

    def redact(self, text: str) -> "Redacted":
        """Return the text with placeholders such as [EMAIL_1]."""
        redacted = Redacted(text, text, ())
        for _ in range(_ROUNDS):  # what stood beside a match may be one now
            found = find_private(redacted.text)
            if not found:
                break
            redacted = redacted.replaced(
                [(f.start, f.end, self._name(f.kind, redacted.text[f.start : f.end])) for f in found]
            )
        return redacted

    def _name(self, kind: str, value: str) -> str:
        if (kind, value) not in self._names:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            self._names[kind, value] = f"[{kind.upper()}_{self._counts[kind]}]"
        return self._names[kind, value]


@dataclass(frozen=True, slots=True)
class Redacted:
    """A redacted text that knows where each part of it came from.

    Attributes:
        cuts: (start, end, start in the original, end in the original) of each placeholder, in order.
    """

    original: str
    text: str
    cuts: tuple[tuple[int, int, int, int], ...]

    def replaced(self, places: list[tuple[int, int, str]]) -> "Redacted":
        """Return it with some places of its text replaced by placeholders."""
        pieces, new, last, shift = [], [], 0, 0
        for start, end, name in places:
            first, last_original = self.original_span(start, end)
            pieces += [self.text[last:start], name]
            new.append((start + shift, start + shift + len(name), first, last_original, start, end))
            shift += len(name) - (end - start)
            last = end
        text = "".join([*pieces, self.text[last:]])
        kept = []
        for cut in self.cuts:
            if not any(start < cut[1] and cut[0] < end for *_, start, end in new):
                moved = sum((n[1] - n[0]) - (n[5] - n[4]) for n in new if n[5] <= cut[0])
                kept.append((cut[0] + moved, cut[1] + moved, cut[2], cut[3]))
        return Redacted(self.original, text, tuple(sorted([*kept, *(n[:4] for n in new)])))

    def original_span(self, start: int, end: int) -> tuple[int, int]:
        """Return the place in the original of a place in the text; half a placeholder counts as a whole one."""
        return self._original(start, is_end=False), self._original(end, is_end=True)

    def _original(self, at: int, *, is_end: bool) -> int:
        number = bisect_right(self.cuts, (at, -1, -1, -1) if is_end else (at, len(self.text) + 1, 0, 0)) - 1
        if number < 0:
            return at
        start, end, first, last = self.cuts[number]
        if start < at < end or (at == start and not is_end):
            return last if is_end else first
        return last + (at - end)
