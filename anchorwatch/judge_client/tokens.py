"""How many tokens a text probably has, for endpoints that do not say what they used."""

from collections.abc import Iterable

CHARS_PER_TOKEN = 4.0
"""A rule of thumb for English; what was paid is read from the endpoint's usage."""
_OTHER_CHARS_PER_TOKEN = 1.5
"""Of text beyond ASCII, such as Chinese or emoji: a tokeniser makes about one token of a character or two."""
_TOKENS_A_MESSAGE = 4


def estimated_tokens(texts: Iterable[str]) -> int:
    """Estimate the tokens of some messages; rather too many than too few.

    >>> estimated_tokens(["four" * 100])
    104
    """
    total = 0.0
    for text in texts:
        plain = len(text.encode("ascii", "ignore"))
        total += plain / CHARS_PER_TOKEN + (len(text) - plain) / _OTHER_CHARS_PER_TOKEN + _TOKENS_A_MESSAGE
    return round(total)
