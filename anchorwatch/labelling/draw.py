"""Draws judged rows for people to label: random ones, borderline ones, and those where judges or checks disagree.

Every row's probability is known and stored, so that labels of a biased draw still give unbiased estimates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.keyed import keyed_draw
from anchorwatch.warehouse import query

SHARES = {"random": 0.5, "borderline": 0.25, "disagreement": 0.25}

_STORE = sa.text(
    "INSERT INTO label_draws AS d (run_date, request_id, probability, reasons, drawn_at) "
    "VALUES (:run_date, :request_id, :probability, :reasons, NOW()) "
    "ON CONFLICT (run_date, request_id) DO UPDATE SET reasons = excluded.reasons, probability = excluded.probability "
    "WHERE d.probability < excluded.probability"
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A judged row."""

    run_date: date
    request_id: str
    is_borderline: bool
    is_disagreement: bool


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row that people get.

    Attributes:
        probability: Of the union of all reasons, whatever was the one.
    """

    run_date: date
    request_id: str
    probability: float
    reasons: tuple[str, ...]


def draw(candidates: Sequence[Candidate], rows: int, key: str) -> list[Drawn]:
    """Draw about `rows` rows, independently of each other (Poisson sampling with the rows' own numbers).

    The numbers do not change between draws: a larger draw holds the smaller one.
    """
    kinds = {
        "random": [True] * len(candidates),
        "borderline": [candidate.is_borderline for candidate in candidates],
        "disagreement": [candidate.is_disagreement for candidate in candidates],
    }
    chances = {
        reason: min(1.0, SHARES[reason] * rows / sum(applies)) if any(applies) else 0.0
        for reason, applies in kinds.items()
    }
    found = []
    for at, candidate in enumerate(candidates):
        missed, reasons = 1.0, []
        for reason, applies in kinds.items():
            if not applies[at]:
                continue
            missed *= 1 - chances[reason]
            if keyed_draw(key, f"label.{reason}", candidate.request_id) < chances[reason]:
                reasons.append(reason)
        if reasons:
            found.append(Drawn(candidate.run_date, candidate.request_id, 1 - missed, tuple(reasons)))
    return found


def candidates_between(connection: sa.Connection, first: date, last: date) -> list[Candidate]:
    """Return the judged rows of some days."""
    found = connection.execute(query("label_draws", "candidates"), {"first": first, "last": last})
    return [Candidate(*row) for row in found]


def store_draws(connection: sa.Connection, drawn: Sequence[Drawn]) -> None:
    """Keep the probabilities; of a row that was drawn before, the larger one."""
    rows = [
        {
            "run_date": row.run_date,
            "request_id": row.request_id,
            "probability": row.probability,
            "reasons": ",".join(row.reasons),
        }
        for row in drawn
    ]
    if rows:
        connection.execute(_STORE, rows)
