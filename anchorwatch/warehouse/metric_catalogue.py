"""The metrics in the warehouse, where SQL and BI can join with them."""

from dataclasses import asdict

import sqlalchemy as sa

from anchorwatch.settings.metrics import Metric

_NAMES = ("metric", "unit", "worse", "estimator", "source", "evaluator", "is_complement", "description")


def store_metrics(connection: sa.Connection, metrics: dict[str, Metric]) -> None:
    """Put metrics into `metric_catalogue`, which SQL joins with; none is ever removed."""
    rows = [asdict(metric) | {"metric": metric.name} for metric in sorted(metrics.values(), key=lambda m: m.name)]
    changes = ", ".join(f"{name} = excluded.{name}" for name in _NAMES[1:])
    columns, values = ", ".join(_NAMES), ", ".join(f":{name}" for name in _NAMES)
    statement = (
        f"INSERT INTO metric_catalogue AS m ({columns}) VALUES ({values}) "  # noqa: S608 - our own column names
        f"ON CONFLICT (metric) DO UPDATE SET {changes} "
        f"WHERE (m.unit, m.worse, m.source, m.evaluator, m.description) IS DISTINCT FROM "
        f"(excluded.unit, excluded.worse, excluded.source, excluded.evaluator, excluded.description)"
    )
    connection.execute(sa.text(statement), rows)


def read_metrics(connection: sa.Connection) -> dict[str, Metric]:
    """Return all metrics by name."""
    found = connection.execute(sa.text(f"SELECT {', '.join(_NAMES)} FROM metric_catalogue ORDER BY metric"))  # noqa: S608
    return {row.metric: Metric(name=row.metric, **{name: row._mapping[name] for name in _NAMES[1:]}) for row in found}
