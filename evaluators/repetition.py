"""Is the answer stuck in a loop?"""

import zlib

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

_MIN_CHARS = 400
_LONGEST_WORDS = 30


@evaluator("repetition", version="2")
def repetition(*, words_per_gram: int = 6, max_repeated: float = 0.5, min_words: int = 50) -> EvaluatorFn:
    """Score 0 when most of the answer says again what it said before, else 1.

    Args:
        words_per_gram: Length of the phrases that are compared.
        max_repeated: Share of phrases that may be repeats, in [0, 1].
        min_words: Shorter answers are not loops.

    Text without spaces (Chinese, Japanese, one letter again and again) is a loop when it compresses to less
    than a tenth.

    >>> repetition()(Interaction("r1", "q", "and so on " * 60)).label
    'loop'
    """

    def score(interaction: Interaction) -> Score:
        words = interaction.response.split()
        if len(interaction.response) >= _MIN_CHARS and len(words) < len(interaction.response) / _LONGEST_WORDS:
            data = interaction.response.encode("utf-8", "replace")
            if len(zlib.compress(data)) < len(data) / 10:
                return Score(0.0, "loop", "the text repeats itself")
        if len(words) < max(min_words, words_per_gram):
            return Score(1.0, "no_loop")
        grams = [tuple(words[i : i + words_per_gram]) for i in range(len(words) - words_per_gram + 1)]
        repeated = 1 - len(set(grams)) / len(grams)
        if repeated <= max_repeated:
            return Score(1.0, "no_loop")
        return Score(0.0, "loop", f"{repeated:.0%} of the phrases are repeats")

    return score
