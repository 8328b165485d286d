"""Where a judge thinks aloud: what stands there is a draft, and no part of its answer."""

import re
from collections.abc import Sequence

Place = tuple[int, int]

_NAMES = (
    r"(?:(?:inner_|seed:)?think(?:ing)?(?:_process)?|(?:inner_)?thoughts?|(?:internal_|inner_)?monologue|drafts?|"
    r"reason(?:ing)?|reflection|scratchpad|analysis|deliberation|chain_of_thought|cot)"
)
_TAG = re.compile(
    rf"(?:<|&lt;)\|?(?P<end>/?)\s*(?:\w+:)?{_NAMES}\b(?:[^<>&]{{0,100}}>|&gt;)"
    r"|\[(?P<end2>/?)think(?:ing)?\]"
    r"|\u25c1(?P<end3>/?)think(?:ing)?\u25b7"
    r"|<\|?(?P<word>begin_of|end_of|start|end)_(?:thought|thinking)\|?>"
    r"|<unused9(?P<gemma>[45])>"
    # The channels of OpenAI's open models: everything but `final` is thinking.
    r"|<\|channel\|>\s*(?P<channel>\w+(?:\s+to=)?)"
    # The same where the server left their tags out.
    r"|\A\s*(?P<bare>analysis)(?=[A-Z])|(?P<bare_end>assistantfinal)",
    re.IGNORECASE,
)


def reasoning_places(text: str, literal: Sequence[Place] = ()) -> list[Place]:
    """Return the parts of a reply in which the judge thinks.

    A closing tag without an opening one ends a thought that began in the prompt; an opening one without an end
    is a thought that was cut off.

    Args:
        literal: Places whose tags are quoted text, such as a JSON object that quotes the answer.
    """
    places: list[Place] = []
    begun: int | None = None
    for tag in _TAG.finditer(text):
        if any(start <= tag.start() < end for start, end in literal):
            continue
        if _opens(tag):
            begun = tag.start() if begun is None else begun
        else:
            places.append((0 if begun is None else begun, tag.end()))
            begun = None
    if begun is not None:
        places.append((begun, len(text)))
    return places


def without_reasoning(text: str) -> str:
    """Return a reply without the parts in which the judge thinks."""
    at, kept = 0, []
    for start, end in sorted(reasoning_places(text)):
        kept.append(text[at : max(at, start)])
        at = max(at, end)
    return "".join([*kept, text[at:]])


def _opens(tag: re.Match[str]) -> bool:
    if tag["bare"] or tag["bare_end"]:
        return bool(tag["bare"])
    if tag["gemma"]:
        return tag["gemma"] == "4"
    if tag["channel"]:  # a call of a function is an answer
        return tag["channel"].casefold() != "final" and not tag["channel"].endswith("=")
    if tag["word"]:
        return tag["word"].casefold() in ("begin_of", "start")
    return not (tag["end"] or tag["end2"] or tag["end3"])
