"""Is what the answer says in what the model was given? A regression over countable signs, fitted on public labels."""

import functools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from evaluators.records import Interaction, Score, Span
from evaluators.registry import EvaluatorFn, evaluator
from evaluators.support_features import FEATURES, Evidence, evidence
from evaluators.words import SENTENCE, stem_of, word_sentences

COEFFICIENTS = Path(__file__).parent / "support.yaml"
_MAX_SPANS = 20


@evaluator("support", version="1")
def support(*, unsupported_below: float = 0.5) -> EvaluatorFn:
    """Score how likely the whole answer is supported by the context and the prompt, in [0, 1].

    It counts new words, names and numbers, words that the context does not hold together, and negations on one
    side only. It knows no meaning: a false claim in the context's own words looks supported, and a free
    paraphrase does not. The scale is set so that half of the answers are supported where the score is fitted:
    below 0.5 the signs speak against the answer. Your share is another, so read changes of the mean and not
    its level. 1 when the answer has no content word; unscored without a context.

    Args:
        unsupported_below: The score, in [0, 1], below which the label is `unsupported`.

    >>> context = ("The Team plan costs 12 dollars per month.",)
    >>> support()(Interaction("r1", "What does it cost?", "The Team plan costs 12 dollars.", context=context)).label
    'supported'
    >>> support()(Interaction("r2", "What does it cost?", "It costs 99 euros in Berlin.", context=context)).label
    'unsupported'
    """
    model = read_model(COEFFICIENTS)

    def score(interaction: Interaction) -> Score:
        if not interaction.context:
            return Score.unscored("no_context")
        given = "\n".join((interaction.prompt, *interaction.context))
        found = evidence(given, interaction.response)
        if not found.words:
            return Score(1.0, "nothing_to_check")
        value = model.supported(found.features())
        if value >= unsupported_below:
            return Score(value, "supported")
        return Score(value, "unsupported", _explanation(found), spans=tuple(_weakest(found, interaction.response)))

    return score


@dataclass(frozen=True, slots=True)
class Model:
    """A logistic regression.

    Attributes:
        intercept: Log odds against support where no sign speaks against it.
        coefficients: What one unit of each feature adds to them, in the order of FEATURES; none is below 0.
    """

    intercept: float
    coefficients: tuple[float, ...]

    def supported(self, features: Sequence[float]) -> float:
        """Return the probability of support; it never rises with a feature."""
        against = self.intercept + sum(
            coefficient * feature for coefficient, feature in zip(self.coefficients, features, strict=True)
        )
        return 1 / (1 + math.exp(min(against, 700.0)))


@functools.cache
def read_model(file: Path) -> Model:
    """Read fitted coefficients.

    Raises:
        ValueError: The file is of other features than this code computes, or one coefficient is below 0.
    """
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    coefficients: Mapping[str, float] = content["coefficients"]
    if set(coefficients) != set(FEATURES):
        raise ValueError(f"{file.name}: coefficients are of {sorted(coefficients)}, not of {sorted(FEATURES)}")
    if low := [name for name, value in coefficients.items() if value < 0]:
        raise ValueError(f"{file.name}: the coefficient of {low[0]} is below 0")
    return Model(float(content["intercept"]), tuple(float(coefficients[name]) for name in FEATURES))


def _explanation(found: Evidence) -> str:
    signs = {
        "words": (found.new_words, found.words),
        "names": (found.new_names, found.names),
        "numbers": (found.new_numbers, found.numbers),
    }
    told = [f"{new} of {count} {what} not given" for what, (new, count) in signs.items() if new]
    if found.contradicted:
        told.append(f"a negation on one side in {found.contradicted} of {found.matched} sentences")
    return ", ".join(told) or "words that are given, but not together"


def _weakest(found: Evidence, answer: str) -> Iterator[Span]:
    """Yield the sentences half of whose words are new, or else the one with the largest share of new words."""
    shares = []
    for sentence in SENTENCE.finditer(answer):
        words = [word for part in word_sentences(sentence.group().casefold()) for word in part]
        stems = [stem for word in words if (stem := stem_of(word))]
        if stems:
            shares.append((sum(stem not in found.given_stems for stem in stems) / len(stems), sentence.span()))
    least = min(0.5, max((share for share, _ in shares), default=0.0))
    for _, (start, end) in [one for one in shares if one[0] >= least][:_MAX_SPANS]:
        yield Span("response", start, end)
