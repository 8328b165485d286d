"""How much of each sentence of the answer is in the context, by its words?"""

import re
from collections.abc import Iterator

from evaluators.patterns import read_patterns
from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, evaluator
from evaluators.words import SENTENCE

_WORD = re.compile(r"\w+(?:'\w+)?")
_STOP = frozenset(map(str, read_patterns("stop_words")))


@evaluator("sentence_support", version="1")
def sentence_support(*, min_words: int = 3, unsupported_below: float = 0.5) -> EvaluatorFn:
    """Score the share of the answer's content words that are in the context or the prompt.

    Words are compared by their first letters, so no meaning is understood: a free paraphrase looks
    unsupported, and a false claim in the context's own words looks supported. The label says whether a whole
    sentence is unsupported, and the spans which. 1 when there is no sentence to check; unscored without a
    context.

    Args:
        min_words: Sentences with fewer content words are not checked.
        unsupported_below: Share of a sentence's content words, in [0, 1], below which it is unsupported.

    >>> context = ("The Team plan costs 12 dollars per month.",)
    >>> sentence_support()(Interaction("r1", "q", "The Team plan costs 12 dollars.", context=context)).value
    1.0
    >>> sentence_support()(Interaction("r2", "q", "It won several prestigious awards.", context=context)).label
    'unsupported'
    """

    def score(interaction: Interaction) -> Score:
        if not interaction.context:
            return Score.unscored("no_context")
        known = set(_content_words("\n".join((interaction.prompt, *interaction.context))))
        checked, supported, total, spans = 0, 0, 0, []
        for sentence in SENTENCE.finditer(interaction.response):
            words = list(_content_words(sentence.group()))
            if len(words) < min_words:
                continue
            there = sum(word in known for word in words)
            checked, supported, total = checked + 1, supported + there, total + len(words)
            if there / len(words) < unsupported_below:
                spans.append(Span("response", *sentence.span()))
        if not checked:
            return Score(1.0, "nothing_to_check")
        explanation = f"{len(spans)} of {checked} sentences" if spans else None
        return Score(supported / total, "unsupported" if spans else "supported", explanation, spans=tuple(spans[:20]))

    return score


def _content_words(text: str) -> Iterator[str]:
    for match in _WORD.finditer(text.casefold()):
        word = match.group()
        if word not in _STOP and (len(word) > 2 or word.isdigit()):
            yield word if word.isdigit() else word[:6].removesuffix("'s")
