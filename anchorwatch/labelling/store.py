"""Labels in the warehouse."""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.files import HOW, FileRow
from anchorwatch.labelling.words import UnknownLabel, label_values, shown
from anchorwatch.limits import LABELLER_BYTES, REQUEST_ID_BYTES
from anchorwatch.warehouse import query
from anchorwatch.warehouse.days import day_window

_SHOWN = 10
_NOT_TEXT = re.compile("[\x00\ud800-\udfff]")
_NOT_LABELS = frozenset(
    [
        "request_id",
        "run_date",
        "prompt",
        "context",
        "response",
        HOW,
        "labeller",
        "note",
        "evaluator",
        "label",
        "ground_truth",
        "model",
        "query_type",
    ]
)
_DAYS = sa.text("SELECT request_id, MAX(run_date) AS run_date FROM samples WHERE request_id = ANY(:ids) GROUP BY 1")
_STORE = sa.text(
    "INSERT INTO human_labels (run_date, request_id, evaluator, labeller, value, label, imported_at) "
    "VALUES (:run_date, :request_id, :evaluator, :labeller, :value, :label, NOW()) "
    "ON CONFLICT (run_date, request_id, evaluator, labeller) DO UPDATE "
    "SET value = excluded.value, label = excluded.label, imported_at = excluded.imported_at"
)


@dataclass(frozen=True, slots=True)
class Label:
    """What one person said of one row by one evaluator."""

    request_id: str
    evaluator: str
    labeller: str
    value: float
    label: str


def read_labels(rows: Iterable[FileRow], known: Collection[str], labeller: str) -> list[Label]:
    """Read labels from a file's rows: a column for each evaluator or rubric, or columns evaluator and label.

    Args:
        known: Evaluators and rubrics.
        labeller: Who labelled rows that do not say.

    Raises:
        ConfigError: A row has no request_id, or a label is none of the allowed ones; nothing of the file counts then.
    """
    reading = _Reading(frozenset(known))
    for row in rows:
        reading.add(row, labeller)
    if problems := reading.problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ConfigError("nothing was imported: " + "; ".join(problems[:_SHOWN]) + more)
    return reading.labels


@dataclass(slots=True)
class _Reading:
    """Labels and rejected cells of a file, so far."""

    known: frozenset[str]
    labels: list[Label] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    _said: dict[tuple[str, str, str], tuple[int, float]] = field(default_factory=dict)

    def add(self, row: FileRow, labeller: str) -> None:
        """Read one row."""
        where = f"line {row.line}"
        request_id, who = row.cells.get("request_id", ""), row.cells.get("labeller", labeller)
        problem = row.problem
        if problem is None and row.cells:
            problem = "no request_id" if not request_id else _unstorable(request_id, who)
        if problem is not None:
            self.problems.append(f"{where}: {problem}")
            return
        for column, text in self._cells(row, where).items():
            try:
                values = label_values(column, text)
            except UnknownLabel as error:
                self.problems.append(f"{where}, {column}: {error}")
                continue
            for name, value in values.items():
                self._say(Label(request_id, name, who, value, text), row.line, column)

    def _cells(self, row: FileRow, where: str) -> dict[str, str]:
        """Return the labels by column; of a file with columns evaluator and label, by what its row names."""
        cells = {name: text for name, text in row.cells.items() if name not in _NOT_LABELS}
        named = row.cells.get("evaluator")
        if named is not None:
            cells = {name: text for name, text in cells.items() if name in self.known}
            if "label" in row.cells:
                cells[named] = row.cells["label"]
        elif "label" in row.cells and not cells:
            self.problems.append(f"{where}: a label, and no evaluator")
        for name in cells.keys() - self.known:
            known = ", ".join(sorted(self.known))
            self.problems.append(f"{where}: no evaluator or rubric '{shown(name)}'; there are {known}")
        return {name: text for name, text in cells.items() if name in self.known}

    def _say(self, label: Label, line: int, column: str) -> None:
        """Keep a label, unless the same person said something else of the same row further up."""
        key = (label.request_id, label.evaluator, label.labeller)
        before, value = self._said.setdefault(key, (line, label.value))
        if value != label.value:
            self.problems.append(
                f"line {line}, {column}: '{shown(label.label)}', and {shown(label.labeller)} says otherwise of the "
                f"same row in line {before}"
            )
        self.labels.append(label)


def _unstorable(request_id: str, labeller: str) -> str | None:
    for name, text, most in (("request_id", request_id, REQUEST_ID_BYTES), ("labeller", labeller, LABELLER_BYTES)):
        if _NOT_TEXT.search(text):
            return f"{name} has a character that Postgres cannot hold"
        if len(text.encode()) > most:
            return f"{name} is longer than {most} bytes"
    return None


def store_labels(connection: sa.Connection, labels: Sequence[Label]) -> tuple[date, date] | None:
    """Store labels and their rows' segments in place of earlier ones; return the first and last day they are about.

    Raises:
        ConfigError: A labelled request is in no stored day.
    """
    if not labels:
        return None
    ids = sorted({label.request_id for label in labels})
    days = {row.request_id: row.run_date for row in connection.execute(_DAYS, {"ids": ids})}
    if missing := [request_id for request_id in ids if request_id not in days]:
        raise ConfigError(
            f"nothing was imported: {len(missing)} of {len(ids)} labelled requests are in no stored day, such as "
            f"'{shown(missing[0])}'; run their days first"
        )
    rows = [
        {
            "run_date": days[label.request_id],
            "request_id": label.request_id,
            "evaluator": label.evaluator,
            "labeller": label.labeller,
            "value": label.value,
            "label": label.label,
        }
        for label in labels
    ]
    connection.execute(_STORE, rows)
    first, last = min(days.values()), max(days.values())
    bounds = {"day_start": day_window(first)["day_start"], "day_end": day_window(last)["day_end"]}
    connection.execute(query("label_segments", "store"), {"ids": ids, **bounds})
    return first, last
