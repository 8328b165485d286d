"""The signs in a text that somebody tries to take the application over: cues, their places, the sum of their points."""

import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from evaluators.patterns import any_of, read_patterns

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
_WORD = re.compile(r"\w+")
# Letters that a pattern without regard to case takes for an ASCII one, and `str.lower` does not.
_FOLDED = str.maketrans({"\u017f": "s", "\u0131": "i", "\u0130": "i", "\u212a": "k"})
_REACH = 250
_TO_SPACES = {code: " " for code in range(128) if not (chr(code).isalnum() or chr(code) == "_")}


@dataclass(frozen=True, slots=True)
class Need:
    """Texts of which every match of a cue holds at least one: whole words, and parts that may stand anywhere."""

    words: frozenset[str]
    parts: tuple[str, ...]

    @classmethod
    def of(cls, texts: list[str]) -> "Need":
        """Sort the texts of a pattern file."""
        words = frozenset(text for text in texts if _WORD.fullmatch(text))
        return cls(words, tuple(text.replace("*", "") for text in texts if text not in words))

    def within(self, low: str, words: frozenset[str]) -> bool:
        """Tell whether a folded text, whose words are given, holds one."""
        return not self.words.isdisjoint(words) or any(part in low for part in self.parts)


@dataclass(frozen=True, slots=True)
class AttackCue:
    """A family of phrases; see patterns/injection.yaml.

    Attributes:
        is_jailbreak: It asks for answers without rules, so that an answer which does not refuse follows it.
        reach: Characters on each side of a text of the first need within which every match stands.
        cheap_first: The needs, those first that are words: they cost less to look for.
    """

    name: str
    points: float
    is_jailbreak: bool
    needs: tuple[Need, ...]
    reach: int
    pattern: re.Pattern[str]
    cheap_first: tuple[Need, ...]

    def may_match(self, low: str, words: frozenset[str]) -> bool:
        """Tell whether a folded text holds what every match does."""
        return all(need.within(low, words) for need in self.cheap_first)

    def find(self, text: str, low: str, words: frozenset[str]) -> tuple[int, int] | None:
        """Return the place of a match, looked for around the first need only."""
        for start, end in self._windows(low, words):
            match = self.pattern.search(text, start, end)
            if match is not None:
                return match.span()
        return None

    def _windows(self, low: str, words: frozenset[str]) -> Iterator[tuple[int, int]]:
        need = self.needs[0]
        places = sorted(at for part in (*(need.words & words), *need.parts) for at in _places(low, part))
        start = end = -1
        for place in places:
            if end >= 0 and place - self.reach > end:
                yield max(start, 0), end
                start = place - self.reach
            elif end < 0:
                start = place - self.reach
            end = place + self.reach
        if end >= 0:
            yield max(start, 0), end


@dataclass(frozen=True, slots=True)
class Attack:
    """An attempt in a text.

    Attributes:
        cues: Names, in the order of the pattern file.
        spans: Where a match of each stands; the whole text where it only shows without invisible characters.
        is_jailbreak: One of the cues at least is a jailbreak's.
    """

    cues: tuple[str, ...]
    spans: tuple[tuple[int, int], ...]
    is_jailbreak: bool


@functools.lru_cache(maxsize=64)
def find_attack(text: str) -> Attack | None:
    """Return the attempt in a text, or None; several evaluators ask about a row, so the last answers are kept."""
    found = _attack(text)
    if found is None and not text.isascii():
        visible = _INVISIBLE.sub("", text)
        found = _attack(visible) if visible != text else None
        if found is not None:
            return Attack(found.cues, ((0, len(text)),), found.is_jailbreak)
    return found


@functools.cache
def attack_cues() -> tuple[AttackCue, ...]:
    """Return every cue of patterns/injection.yaml, compiled."""
    return tuple(
        AttackCue(
            cue["cue"],
            cue["points"],
            cue.get("jailbreak", False),
            tuple(Need.of(group) for group in cue["needs"]),
            cue.get("reach", _REACH),
            any_of(cue["patterns"]),
            tuple(sorted((Need.of(group) for group in cue["needs"]), key=lambda need: len(need.parts))),
        )
        for cue in read_patterns("injection")["attempt"]["cues"]
    )


def folded(text: str) -> str:
    """Return a text of the same length in which the needs of every cue that matches stand.

    >>> folded("Ignore the \u017fystem")
    'ignore the system'
    """
    return text.lower() if text.isascii() else text.translate(_FOLDED).lower()


def words_of(low: str) -> frozenset[str]:
    """Return the words of a folded text."""
    return frozenset(low.translate(_TO_SPACES).split() if low.isascii() else _WORD.findall(low))


def _places(low: str, part: str) -> Iterator[int]:
    at = low.find(part)
    while at >= 0:
        yield at
        at = low.find(part, at + len(part))


def _attack(text: str) -> Attack | None:
    low = folded(text)
    words = words_of(low)
    threshold = read_patterns("injection")["attempt"]["threshold"]
    possible = [cue for cue in attack_cues() if cue.may_match(low, words)]
    # The most that the cues not yet looked for can bring: below the threshold nothing more has to be looked for.
    within_reach = sum(cue.points for cue in possible)
    found = []
    for cue in possible:
        if within_reach < threshold:
            return None
        place = cue.find(text, low, words)
        if place is None:
            within_reach -= cue.points
        else:
            found.append((cue, place))
    if within_reach < threshold:
        return None
    return Attack(
        tuple(cue.name for cue, _ in found),
        tuple(place for _, place in found),
        any(cue.is_jailbreak for cue, _ in found),
    )
