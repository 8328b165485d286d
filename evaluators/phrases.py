"""A small grammar of phrases: templates of slots, compiled to one pattern over plain words (`plain_words`).

A slot is a list of phrases. In a template `{slot}` is one of its phrases, `[slot]` up to two of them or none, `_` up
to three words of any kind, `a|b` one of two words, `provid*` and `*ly` words with an end or a
beginning of their own, and other words stand for themselves.
Contractions need no mention: the text is written out before it is read.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

_PART = re.compile(r"\{(\w+)\}|\[(\w+)\]|(\S+)")

Slots = Mapping[str, Sequence[str]]


def compile_templates(templates: Iterable[str], slots: Slots) -> re.Pattern[str]:
    """Return a pattern that matches plain words where any template does."""
    return re.compile("|".join(rf"\b{_template(template, slots)}(?!\w)" for template in templates))


def _template(template: str, slots: Slots) -> str:
    pattern = ""
    for one, optional, word in _PART.findall(template):
        if optional or word == "_":
            part, times = (_any(slots[optional], slots), "{0,2}") if optional else (r"[\w'-]+", "{0,3}?")
            # Its space belongs to it: the one before, or at the beginning the one after.
            pattern += f"(?: {part}){times}" if pattern else f"(?:{part} ){times}"
        else:
            gap = " " if pattern and not pattern.endswith(" )" + "{0,2}") else ""
            pattern += gap + (_any(slots[one], slots) if one else _word(word))
    return pattern


def _any(phrases: Sequence[str], slots: Slots) -> str:
    # The longest first, since the first that matches is taken; slots may be made of slots.
    return "(?:" + "|".join(_template(phrase, slots) for phrase in sorted(phrases, key=len, reverse=True)) + ")"


def _word(word: str) -> str:
    choices = [re.escape(choice).replace(r"\*", r"[\w'-]*") for choice in word.split("|")]
    return choices[0] if len(choices) == 1 else "(?:" + "|".join(choices) + ")"
