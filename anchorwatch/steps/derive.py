"""The one step that writes derived tables: under one lock, from the earliest changed day to the last."""

import hashlib
from datetime import date

import sqlalchemy as sa

from anchorwatch.drift import replace_findings
from anchorwatch.drift.night import MetricKind
from anchorwatch.metrics import METRICS, replace_rolling
from anchorwatch.settings import RuleBook
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.rows import lock, plan_for_fresh_rows

DERIVE_VERSION = "1"
"""Part of the hash: a change of the derivation recomputes what is stored."""


def derive(engine: sa.Engine, book: RuleBook) -> list[date]:
    """Recompute rolling_metrics, baselines, drift_findings and change_events where they are out of date.

    Days are derived in order, each from the one before, whatever order they were computed in. The lock
    makes the last run of a parallel backfill leave the same state as an ordered one. An unchanged day
    derives nothing.

    Returns:
        The days that were derived.
    """
    suffix = hashlib.sha256((book.model_dump_json() + DERIVE_VERSION).encode()).hexdigest()[:12]
    with connect(engine) as connection:
        lock(connection, "derive")
        plan_for_fresh_rows(connection)
        stored = connection.execute(
            sa.text("SELECT run_date, content_hash || :suffix AS wanted, derived_hash FROM day_partitions ORDER BY 1"),
            {"suffix": f"-{suffix}"},
        ).all()
        changed = [row.run_date for row in stored if row.derived_hash != row.wanted]
        if not changed:
            return []
        days = [row.run_date for row in stored if row.run_date >= changed[0]]
        for day in days:
            replace_rolling(connection, day)
        replace_findings(connection, book, _kinds(), days)
        connection.execute(
            sa.text("UPDATE day_partitions SET derived_hash = content_hash || :suffix WHERE run_date >= :first"),
            {"suffix": f"-{suffix}", "first": changed[0]},
        )
        return days


def _kinds() -> dict[str, MetricKind]:
    return {
        name: MetricKind(metric.is_relative, metric.unit == "rate", metric.quantile) for name, metric in METRICS.items()
    }
