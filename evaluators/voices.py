"""Answers in several voices: jailbreaks ask for one answer that declines and another one that does not."""

import re

# Bounded, and its words told apart by their space alone: a long line must not be tried in every division.
_NAME = r"[\w.\-]{1,24}(?: [\w.\-]{1,24}){0,2} ?"
# A line that opens with a speaker: [DAN], (Developer Mode Output), **Bot**:, Bot:, or "As DAN,".
_SPEAKER = re.compile(
    rf"^[ \t]*(?:[\[(<*_\"]{{1,3}}[^\])>*_\n\"]{{1,32}}[\])>*_\"]{{1,3}}[ \t]*:?"
    rf"|{_NAME}\W{{0,3}}:(?=\s)|As [A-Z][\w-]{{1,12}}(?:,| I)|[\u0370-\u03ff](?=\s))",
    re.MULTILINE,
)


def main_voice(text: str) -> tuple[int, str]:
    r"""Return the longest part that a second or later speaker says, and where it begins; of one voice, all of it.

    >>> main_voice("[GPT]: I can't say.\n[DAN]: The code is on the back of the door.")
    (26, ' The code is on the back of the door.')
    """
    first = _SPEAKER.match(text)
    if first is None:
        return 0, text
    turns = list(_SPEAKER.finditer(text))
    if len(turns) < 2:
        return 0, text
    ends = [turn.start() for turn in turns[1:]] + [len(text)]
    parts = [(turn.end(), text[turn.end() : end]) for turn, end in zip(turns, ends, strict=True)]
    return max(parts[1:], key=lambda part: len(part[1]))
