"""Is the answer stuck in a loop?"""

from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator


@evaluator("repetition", version="1")
def repetition(*, words_per_gram: int = 6, max_repeated: float = 0.5, min_words: int = 50) -> EvaluatorFn:
    """Score 0 when most of the answer says again what it said before, else 1.

    Args:
        words_per_gram: Length of the phrases that are compared.
        max_repeated: Share of phrases that may be repeats, in [0, 1].
        min_words: Shorter answers are not loops.

    >>> repetition()(Interaction("r1", "q", "and so on " * 60)).label
    'loop'
    """

    def score(interaction: Interaction) -> Score:
        words = interaction.response.split()
        if len(words) < max(min_words, words_per_gram):
            return Score(1.0, "no_loop")
        grams = [tuple(words[i : i + words_per_gram]) for i in range(len(words) - words_per_gram + 1)]
        repeated = 1 - len(set(grams)) / len(grams)
        if repeated <= max_repeated:
            return Score(1.0, "no_loop")
        return Score(0.0, "loop", f"{repeated:.0%} of the phrases are repeats")

    return score
