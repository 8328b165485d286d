"""How well each judge agrees with people, and people with each other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import combinations
from typing import Any

import sqlalchemy as sa

from anchorwatch.metrics.agreement import (
    Confusion,
    Estimate,
    confusion,
    rank_correlation,
    weighted_kappa,
    weighted_share,
)
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.source_view import create_source_views


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """One judge beside the people's labels, for one evaluator and segment.

    Bad is a value below 0.5, and is what is to be found. Sensitivity and specificity are weighted by the rows'
    probabilities of being labelled; the table and kappa count rows as they are.

    Attributes:
        role: `evaluation` is the score that counts; first, strong and juror_n are single judges.
        length_judge: Rank correlation of the judge's value with the answer's length.
        length_human: The same of people's: where the judge's is larger, it favours length by itself.
        length_bias: Of the difference, judge - people, with the length.
    """

    evaluator: str
    epoch: str
    role: str
    judge_model: str
    segment: str
    n: int
    unscored: int
    table: Confusion
    kappa: Estimate
    sensitivity: Estimate
    specificity: Estimate
    length_judge: Estimate
    length_human: Estimate
    length_bias: Estimate


@dataclass(frozen=True, slots=True)
class PeopleAgreement:
    """Two people who labelled the same rows, or all such pairs together (`all`)."""

    evaluator: str
    first: str
    second: str
    n: int
    kappa: Estimate
    same: float


@dataclass(slots=True)
class LabelReport:
    """Everything that labels say about judges."""

    judges: list[JudgeAgreement] = field(default_factory=list)
    people: list[PeopleAgreement] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Pair:
    """A row with people's value and a judge's."""

    request_id: str
    human: float
    judge: float | None
    weight: float
    chars: int


def label_report(
    engine: sa.Engine, settings: Settings, first: date, last: date, segment: str | None = None
) -> LabelReport:
    """Compare judges with people over the labelled rows of some days.

    Args:
        segment: Report each of its values too.
    """
    with connect(engine) as connection:
        create_source_views(connection, settings)
        days = {"first": first, "last": last}
        rows = connection.execute(query("human_labels", "pairs"), days).all()
        people = connection.execute(query("human_labels", "people"), days).all()
        values: dict[str, str] = {}
        if segment is not None:
            found = connection.execute(query("human_labels", "segments"), days | {"segment_name": segment})
            values = {row.request_id: f"{segment}={row.segment_value}" for row in found}
    report = LabelReport(people=_people(people))
    for key, pairs in _by_judge(rows).items():
        report.judges.append(_agreement(key, "all", pairs))
        for value in sorted({values[pair.request_id] for pair in pairs if pair.request_id in values}):
            report.judges.append(_agreement(key, value, [p for p in pairs if values.get(p.request_id) == value]))
    return report


def _by_judge(rows: Iterable[Any]) -> dict[tuple[str, str, str, str], list[_Pair]]:
    """Gather rows by evaluator, epoch and judge; several people's labels of a row are their mean."""
    labels: dict[tuple[Any, ...], list[float]] = {}
    first: dict[tuple[Any, ...], Any] = {}
    for row in rows:
        key = (row.evaluator, row.epoch, row.role, row.judge_model or "(deterministic)", row.run_date, row.request_id)
        labels.setdefault(key, []).append(row.human)
        first[key] = row
    found: dict[tuple[str, str, str, str], list[_Pair]] = {}
    for key, values in labels.items():
        row = first[key]
        pair = _Pair(row.request_id, sum(values) / len(values), row.judge, float(row.weight), row.response_chars or 0)
        found.setdefault(key[:4], []).append(pair)
    return found


def _agreement(key: tuple[str, str, str, str], segment: str, pairs: Sequence[_Pair]) -> JudgeAgreement:
    # People who are split evenly over a row say nothing about it by a threshold; kappa keeps them.
    scored = [pair for pair in pairs if pair.judge is not None]
    human, judge = [pair.human for pair in scored], [pair.judge or 0.0 for pair in scored]
    clear = [pair for pair in scored if pair.human != 0.5]
    bad_judge, bad_human = [(p.judge or 0.0) < 0.5 for p in clear], [p.human < 0.5 for p in clear]
    bad, good = [p for p in clear if p.human < 0.5], [p for p in clear if p.human > 0.5]
    chars = [pair.chars for pair in scored]
    return JudgeAgreement(
        evaluator=key[0],
        epoch=key[1],
        role=key[2],
        judge_model=key[3],
        segment=segment,
        n=len(scored),
        unscored=len(pairs) - len(scored),
        table=confusion(bad_judge, bad_human),
        kappa=weighted_kappa(human, judge),
        sensitivity=weighted_share([(p.judge or 0.0) < 0.5 for p in bad], [p.weight for p in bad]),
        specificity=weighted_share([(p.judge or 0.0) >= 0.5 for p in good], [p.weight for p in good]),
        length_judge=rank_correlation(judge, chars),
        length_human=rank_correlation(human, chars),
        length_bias=rank_correlation([j - h for j, h in zip(judge, human, strict=True)], chars),
    )


def _people(rows: Iterable[Any]) -> list[PeopleAgreement]:
    """Compare every two people, and all pairs of labels of a row together."""
    said: dict[str, dict[tuple[Any, str], dict[str, float]]] = {}
    for row in rows:
        said.setdefault(row.evaluator, {}).setdefault((row.run_date, row.request_id), {})[row.labeller] = row.value
    found = []
    for evaluator, labelled in said.items():
        pairs: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for values in labelled.values():
            for one, two in combinations(sorted(values), 2):
                pairs.setdefault((one, two), []).append((values[one], values[two]))
        if len(pairs) > 1:
            pairs[("all", "all")] = [pair for group in pairs.values() for pair in group]
        for (one, two), group in sorted(pairs.items()):
            a, b = zip(*group, strict=True)
            same = sum(x == y for x, y in group) / len(group)
            found.append(PeopleAgreement(evaluator, one, two, len(group), weighted_kappa(a, b), same))
    return found
