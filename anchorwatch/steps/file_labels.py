"""How well the scores of a file agree with a column of labels in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.sides import Sides, counted
from anchorwatch.labelling.words import UnknownLabel
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
        good: Labels that were taken as good, with their numbers of rows; `bad` likewise.
    """

    evaluator: str
    n: int = 0
    unscored: int = 0
    ignored: int = 0
    table: Confusion = field(default_factory=lambda: Confusion(0, 0, 0, 0))
    auroc: Estimate = field(default_factory=lambda: Estimate(None))
    measures: dict[str, Estimate] = field(default_factory=dict)
    length: Estimate = field(default_factory=lambda: Estimate(None))
    good: str = ""
    bad: str = ""
    note: str | None = None

    def as_record(self) -> dict[str, Any]:
        """Return it as JSON takes it."""
        record: dict[str, Any] = {"evaluator": self.evaluator, "n": self.n, "unscored": self.unscored}
        record |= {"ignored": self.ignored, "hits": self.table.hits, "misses": self.table.misses}
        record |= {"false_alarms": self.table.false_alarms, "passes": self.table.passes}
        for name, found in {"auroc": self.auroc, **self.measures, "length_correlation": self.length}.items():
            record[name] = found.value
            record[f"{name}_ci"] = [found.low, found.high]
        return record | {"good_labels": self.good, "bad_labels": self.bad, "note": self.note}


@dataclass(frozen=True, slots=True)
class _Row:
    number: int
    label: str | None
    length: int


@dataclass(frozen=True, slots=True)
class LabelledFile:
    """The labels of a file's column, and what each is worth to each evaluator.

    Attributes:
        worth: Evaluator -> label -> value in [0, 1]; an evaluator that takes none of the labels has none.
        is_named: The caller said which labels are good or bad.
    """

    rows: list[_Row]
    worth: dict[str, dict[str, float]]
    is_named: bool


def read_labels(source: Path, evaluators: Sequence[str], column: str, sides: Sides) -> LabelledFile:
    """Read the labels of a column. An evaluator may take none of them, as long as another one takes all.

    Args:
        sides: What the labels are worth, and which are left out; empty: by the evaluator's words or numbers.

    Raises:
        ConfigError: No row has a label, or some of the labels are none of an evaluator's.
    """
    rows = [
        _Row(row.number, row.label, len(row.interaction.response) if row.interaction else 0)
        for row in read_rows(source, column)
    ]
    labels = Counter(row.label for row in rows if row.label is not None)
    if not labels:
        raise ConfigError(f"--labels: no row of {source} has a label in '{column}'")
    sides.check(labels)
    used = [label for label in labels if not sides.is_ignored(label)]
    if not used:
        raise ConfigError(f"--ignore: every label in '{column}' is left out")
    worth: dict[str, dict[str, float]] = {}
    unknown: dict[str, dict[str, str]] = {}
    for name in evaluators:
        worth[name], unknown[name] = _values(name, used, sides)
    for name, problems in unknown.items():
        if problems and (worth[name] or not any(worth.values())):
            raise _unknown(name, rows, problems)
    return LabelledFile(rows, worth, bool(sides.bad or sides.good))


def _values(name: str, labels: list[str], sides: Sides) -> tuple[dict[str, float], dict[str, str]]:
    """Return what each label is worth to an evaluator, and why others are worth nothing."""
    values: dict[str, float] = {}
    unknown: dict[str, str] = {}
    for label in labels:
        try:
            values[label] = sides.value_of(name, label)
        except UnknownLabel as problem:
            unknown[label] = str(problem)
    return values, unknown


def _unknown(name: str, rows: list[_Row], problems: dict[str, str]) -> ConfigError:
    found = [row for row in rows if row.label in problems]
    first, more = found[0], f" ({len(found) - 1} more such rows)" if len(found) > 1 else ""
    return ConfigError(
        f"--labels: row {first.number}: {problems[first.label or '']}{more}; or name the bad ones with --bad, the good "
        f"ones with --good; `anchorwatch labels words {name}` prints every word"
    )


def label_agreement(labelled: LabelledFile, output: Path) -> list[LabelAgreement]:
    """Compare every evaluator's scores with the labels."""
    with ScoreLines(output) as lines:
        return [_one(name, lines, labelled) for name in labelled.worth]


def _one(name: str, lines: ScoreLines, labelled: LabelledFile) -> LabelAgreement:
    found, worth = LabelAgreement(name, measures=_shown_measures(Confusion(0, 0, 0, 0))), labelled.worth[name]
    if not worth:
        found.ignored = len(labelled.rows)
        found.note = f"not compared: the labels are none of its words; see `anchorwatch labels words {name}`"
        return found
    scores = lines.scores(name)
    values: list[float] = []
    humans: list[bool] = []
    lengths: list[float] = []
    taken = {True: Counter[str](), False: Counter[str]()}
    for row in labelled.rows:
        if row.label is None or row.label not in worth:
            found.ignored += 1
            continue
        is_bad = worth[row.label] < 0.5
        taken[is_bad][row.label] += 1
        score = scores.get(row.number)
        if score is None or score.value is None:
            found.unscored += 1
            continue
        values.append(score.value)
        humans.append(is_bad)
        lengths.append(row.length)
    found.good, found.bad = counted(taken[False]), counted(taken[True])
    found.n = len(values)
    found.table = confusion([value < 0.5 for value in values], humans)
    found.measures = _shown_measures(found.table)
    found.auroc = auroc([1 - value for value in values], humans)
    found.length = rank_correlation(values, lengths)
    if found.auroc.value is not None and found.auroc.value < 0.5 and not labelled.is_named:
        found.note = "worse than chance: if the labels name what is bad, say so, e.g. --bad 1"
    return found


def _shown_measures(table: Confusion) -> dict[str, Estimate]:
    return {name: value for name, value in measures(table).items() if name in _SHOWN}
