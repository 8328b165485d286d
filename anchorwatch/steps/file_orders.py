"""Position bias in a file of scores: how often both orders of a pairwise rubric said the same."""

from dataclasses import dataclass
from pathlib import Path

from anchorwatch.errors import ConfigError
from anchorwatch.metrics.agreement import Estimate, share
from anchorwatch.steps.score_lines import ScoreLines
from evaluators import ORDERS


@dataclass(frozen=True, slots=True)
class OrderAgreement:
    """A pairwise rubric asked in both orders.

    Attributes:
        n: Rows with a verdict in both orders.
        same: Share of them where both say the same.
        first_place: Share of all verdicts but ties that went to the answer shown first; 0.5 without a bias.
    """

    rubric: str
    n: int
    same: Estimate
    first_place: Estimate


def order_agreement(output: Path) -> list[OrderAgreement]:
    """Report every pairwise rubric in a file that `evaluate` wrote.

    Raises:
        ConfigError: There is no such file.
    """
    if not output.is_file():
        raise ConfigError(f"{output}: there is no such file; `anchorwatch evaluate` writes one")
    as_given, swapped = ORDERS
    with ScoreLines(output) as lines:
        rubrics = [name.removesuffix(f".{as_given}") for name in lines.evaluators if name.endswith(f".{as_given}")]
        return [_one(rubric, lines, as_given, swapped) for rubric in sorted(rubrics)]


def _one(rubric: str, lines: ScoreLines, as_given: str, swapped: str) -> OrderAgreement:
    given, other = lines.scores(f"{rubric}.{as_given}"), lines.scores(f"{rubric}.{swapped}")
    both = [n for n in given.keys() & other if given[n].value is not None and other[n].value is not None]
    same = sum(given[n].value == other[n].value for n in both)
    labels = [score.label for order in (given, other) for score in order.values()]
    first, decided = labels.count("first"), labels.count("first") + labels.count("second")
    return OrderAgreement(rubric, len(both), share(same, len(both)), share(first, decided))
