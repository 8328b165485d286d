"""How well the scores of a file agree with a column of labels in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.words import UnknownLabel, label_values, value_of
from anchorwatch.metrics.agreement import Confusion, Estimate, auroc, confusion, measures, rank_correlation
from anchorwatch.steps.file_rows import read_rows
from anchorwatch.steps.score_lines import ScoreLines

_SHOWN = ("balanced_accuracy", "f1", "kappa", "sensitivity", "specificity")


@dataclass(slots=True)
class LabelAgreement:
    """One evaluator beside the labels; bad (a label or score below 0.5) is what is to be found.

    Attributes:
        n: Rows with a score and a label.
        unscored: Labelled rows without a score.
        ignored: Rows without a label, or with one that was to be ignored.
    """

    evaluator: str
    n: int = 0
    unscored: int = 0
    ignored: int = 0
    table: Confusion = field(default_factory=lambda: Confusion(0, 0, 0, 0))
    auroc: Estimate = field(default_factory=lambda: Estimate(None))
    measures: dict[str, Estimate] = field(default_factory=dict)
    length: Estimate = field(default_factory=lambda: Estimate(None))
    note: str | None = None

    def as_record(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        record: dict[str, Any] = {"evaluator": self.evaluator, "n": self.n, "unscored": self.unscored}
        record |= {"ignored": self.ignored, "hits": self.table.hits, "misses": self.table.misses}
        record |= {"false_alarms": self.table.false_alarms, "passes": self.table.passes}
        for name, found in {"auroc": self.auroc, **self.measures, "length_correlation": self.length}.items():
            record[name] = found.value
            record[f"{name}_ci"] = [found.low, found.high]
        return record | {"note": self.note}


def label_agreement(
    source: Path, output: Path, evaluators: Sequence[str], column: str, bad: Sequence[str], ignore: Sequence[str]
) -> list[LabelAgreement]:
    """Compare every evaluator's scores with the labels of a column.

    Args:
        bad: Labels that are bad; all others are good. Without it the labels' own words or numbers say so.
        ignore: Labels of rows that are left out.

    Raises:
        ConfigError: No row has a label, or one is not understood.
    """
    rows = [(row.number, row.label, len(row.interaction.response) if row.interaction else 0)
            for row in read_rows(source, column)]  # fmt: skip
    if not any(label for _, label, _ in rows):
        raise ConfigError(f"--labels: no row of {source} has a label in '{column}'")
    with ScoreLines(output) as lines:
        return [_one(name, rows, lines, bad, ignore) for name in evaluators]


def _one(
    name: str, rows: list[tuple[int, str | None, int]], lines: ScoreLines, bad: Sequence[str], ignore: Sequence[str]
) -> LabelAgreement:
    scores, left_out = lines.scores(name), {label.strip().casefold() for label in ignore}
    found = LabelAgreement(name)
    values: list[float] = []
    humans: list[bool] = []
    lengths: list[float] = []
    for number, label, length in rows:
        if label is None or label.casefold() in left_out:
            found.ignored += 1
            continue
        human = _human(name, number, label, bad)
        score = scores.get(number)
        if score is None or score.value is None:
            found.unscored += 1
            continue
        values.append(score.value)
        humans.append(human < 0.5)
        lengths.append(length)
    found.n = len(values)
    found.table = confusion([value < 0.5 for value in values], humans)
    found.measures = {key: value for key, value in measures(found.table).items() if key in _SHOWN}
    found.auroc = auroc([1 - value for value in values], humans)
    found.length = rank_correlation(values, lengths)
    if found.auroc.value is not None and found.auroc.value < 0.5 and not bad:
        found.note = "worse than chance: if the labels name what is bad, say so, e.g. --bad 1"
    return found


def _human(evaluator: str, number: int, label: str, bad: Sequence[str]) -> float:
    try:
        return value_of(label, bad) if bad else label_values(evaluator, label).get(evaluator, 1.0)
    except UnknownLabel as problem:
        raise ConfigError(f"--labels: row {number}: {problem}; or name the bad ones with --bad") from None
