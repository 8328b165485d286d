"""Is the answer in the language of the question?"""

import functools
import re
from typing import Any

from evaluators.patterns import any_of, read_patterns
from evaluators.records import Interaction, Score
from evaluators.registry import EvaluatorFn, evaluator

_NO_PROSE = re.compile(r"```.*?(?:```|\Z)|`[^`]*`|https?://\S+|[\w.+-]+@[\w.-]+|[\d_{}\[\]<>=/\\|*#]+", re.DOTALL)
_NAMED = any_of(read_patterns("languages"))
_CHARS = 2000


@evaluator("language_match", version="1")
def language_match(*, expected: str | None = None, min_chars: int = 60, min_probability: float = 0.9) -> EvaluatorFn:
    """Score 0 when the answer is in another language than the question, else 1.

    Unscored where either is short, where the language is not clear, or where the question speaks of
    languages (a translation is no mismatch). Code, numbers and addresses are not read.

    Args:
        expected: ISO 639-1 code that answers have to be in, whatever the question's language.
        min_chars: Letters of prose that a text needs.
        min_probability: Both languages have to be this certain.

    >>> question = "What is the refund period for the team plan, and where can I find the terms of it all?"
    >>> answer = "Die Frist ist dreissig Tage lang, und die Bedingungen finden Sie im Kundenbereich der Webseite."
    >>> language_match()(Interaction("r1", question, answer)).label
    'de_for_en'
    """

    def score(interaction: Interaction) -> Score:
        answer = _prose(interaction.response)
        question = _prose(interaction.prompt)
        if len(answer) < min_chars or (expected is None and len(question) < min_chars):
            return Score.unscored("too_short")
        if expected is None and _NAMED.search(interaction.prompt):
            return Score.unscored("language_asked_for")
        told, certainty = _language(answer)
        wanted, sure = (expected, 1.0) if expected is not None else _language(question)
        if min(certainty, sure) < min_probability:
            return Score.unscored("language_not_clear")
        return Score(1.0, told) if told == wanted else Score(0.0, f"{told}_for_{wanted}")

    return score


def _prose(text: str) -> str:
    return " ".join(_NO_PROSE.sub(" ", text[: 2 * _CHARS]).split())[:_CHARS]


def _language(text: str) -> tuple[str, float]:
    language, probability = _identifier().classify(text)
    return str(language), float(probability)


@functools.cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
