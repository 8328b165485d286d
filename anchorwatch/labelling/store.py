"""Labels in the warehouse."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.labelling.words import UnknownLabel, label_values

_SHOWN = 10
_NOT_LABELS = frozenset(
    [
        "request_id",
        "run_date",
        "prompt",
        "context",
        "response",
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


def read_labels(rows: Iterable[tuple[int, dict[str, str]]], known: Sequence[str], labeller: str) -> list[Label]:
    """Read labels from a file's rows: a column for each evaluator or rubric, or columns evaluator and label.

    Args:
        known: Evaluators and rubrics.
        labeller: Who labelled rows that do not say.

    Raises:
        ConfigError: A row has no request_id, or a label is not understood; nothing of the file counts then.
    """
    labels: list[Label] = []
    problems: list[str] = []
    for number, row in rows:
        request_id = row.get("request_id")
        if not request_id:
            problems.append(f"line {number}: no request_id")
            continue
        said = {row["evaluator"]: row.get("label", "")} if "evaluator" in row else _said(row)
        for column, text in said.items():
            if not text:
                continue
            if column not in known:
                problems.append(
                    f"line {number}: no evaluator or rubric '{column}'; there are {', '.join(sorted(known))}"
                )
                continue
            try:
                values = label_values(column, text)
            except UnknownLabel as problem:
                problems.append(f"line {number}, {column}: {problem}")
                continue
            who = row.get("labeller", labeller)
            labels += [Label(request_id, name, who, value, text) for name, value in values.items()]
    if problems:
        more = f"; and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ConfigError("nothing was imported: " + "; ".join(problems[:_SHOWN]) + more)
    return labels


def _said(row: dict[str, str]) -> dict[str, str]:
    return {name: text for name, text in row.items() if name not in _NOT_LABELS}


def store_labels(connection: sa.Connection, labels: Sequence[Label]) -> tuple[date, date] | None:
    """Store labels, in place of what the same person said before; return the first and last day they are about.

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
            f"'{missing[0]}'; run their days first"
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
    return min(days.values()), max(days.values())
