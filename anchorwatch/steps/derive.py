"""The one step that writes derived tables: under one lock, from the earliest changed day to the last."""

import hashlib
from datetime import date
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anchorwatch.metrics import correct_days, reopen_days, replace_rolling
from anchorwatch.settings import RuleBook
from anchorwatch.settings.metrics import ANCHOR_AGREEMENT, METRICS, Metric
from anchorwatch.warehouse import connect, query
from anchorwatch.warehouse.days import day_window
from anchorwatch.warehouse.metric_catalogue import read_metrics
from anchorwatch.warehouse.rows import lock, plan_for_fresh_rows

if TYPE_CHECKING:
    from anchorwatch.drift.findings import Finding
    from anchorwatch.drift.streams import MetricKind

EXAMPLES = 10


def derive(engine: sa.Engine, book: RuleBook) -> list[date]:
    """Recompute rolling_metrics, baselines, detector_state, drift_findings and change_events where out of date.

    Days are derived in order, each from the one before, whatever order they were computed in. The lock
    makes the last run of a parallel backfill leave the same state as an ordered one. An unchanged day
    derives nothing.

    Returns:
        The days that were derived.
    """
    with connect(engine) as connection:
        lock(connection, "derive")
        plan_for_fresh_rows(connection)
        wanted, changed = _out_of_date(connection, book)
        if changed is None:
            correct_days(connection)
            return []
        days = [day for day in wanted if day >= changed]
        for day in days:
            replace_rolling(connection, day)
        _detect(connection, book, days)
        statement = sa.text("UPDATE day_partitions SET derived_hash = :wanted WHERE run_date = :day")
        connection.execute(statement, [{"day": day, "wanted": wanted[day]} for day in days])
        # Corrections come last: they ask whether the anchors alarm.
        reopen_days(connection, days[0], days[-1])
        correct_days(connection)
        return days


def config_hash(book: RuleBook) -> str:
    """Return the identity of what the detector does: the nightly rules and its version."""
    from anchorwatch.drift.replay import DETECTOR_VERSION

    return hashlib.sha256((book.model_dump_json(exclude={"health"}) + DETECTOR_VERSION).encode()).hexdigest()[:12]


def _out_of_date(connection: sa.Connection, book: RuleBook) -> tuple[dict[date, str], date | None]:
    """Return what each stored day's derived hash has to be, and the first day where it is not."""
    said: dict[date, str] = {}
    acks = "SELECT run_date, ack_id, decision FROM finding_acks ORDER BY ack_id"
    for row in connection.execute(sa.text(acks)):
        said[row.run_date] = said.get(row.run_date, "") + f"-{row.ack_id}{row.decision}"
    stored = connection.execute(
        sa.text("SELECT run_date, content_hash, derived_hash FROM day_partitions ORDER BY run_date")
    ).all()
    suffix = config_hash(book)
    wanted = {row.run_date: f"{row.content_hash}-{suffix}{said.get(row.run_date, '')}" for row in stored}
    changed = next((row.run_date for row in stored if row.derived_hash != wanted[row.run_date]), None)
    return wanted, changed


def _detect(connection: sa.Connection, book: RuleBook, days: list[date]) -> None:
    from anchorwatch.drift.replay import replay
    from anchorwatch.drift.store import clear, read_acks, read_memory, read_panel, write_night

    clear(connection, days[0])
    for day in days:
        connection.execute(query("change_events"), {"run_date": day})
    metrics = read_metrics(connection)
    panel = read_panel(connection, book, metric_kinds(metrics), days[0], days[-1])
    memory = read_memory(connection, panel, days[0])
    identity = config_hash(book)

    def write(day: date, night: object, findings: "list[Finding]") -> None:
        mark_suspicion(findings, metrics)
        for finding in findings:
            if finding.is_news and finding.is_lead:
                finding.example_request_ids = _examples(connection, metrics, finding)
        write_night(connection, panel, memory, night, findings, day, identity)  # type: ignore[arg-type]

    replay(panel, book, memory, days, read_acks(connection, days[0]), write)


def mark_suspicion(findings: "list[Finding]", metrics: dict[str, Metric]) -> None:
    """Note on every judged metric whether the judge itself is suspected: its anchors alarm on the same night."""
    is_suspected = any(f.stream.metric == ANCHOR_AGREEMENT and f.status == "firing" for f in findings)
    for finding in findings:
        metric = metrics.get(finding.stream.metric)
        if metric is not None and metric.source == "judge" and metric.evaluator is not None:
            finding.judge_suspected = is_suspected


def _examples(connection: sa.Connection, metrics: dict[str, Metric], finding: "Finding") -> list[str]:
    metric, stream = metrics.get(finding.stream.metric), finding.stream
    arguments = {
        "metric": stream.metric,
        "evaluator": metric.evaluator if metric else None,
        "segment_name": stream.segment_name,
        "segment_value": stream.segment_value,
        "examples": EXAMPLES,
        "run_date": finding.run_date,
        **day_window(finding.run_date),
    }
    return list(connection.execute(query("drift_findings", "examples"), arguments).scalars())


def metric_kinds(metrics: dict[str, Metric] = METRICS) -> "dict[str, MetricKind]":
    """Return what drift has to know of each metric."""
    from anchorwatch.drift.streams import MetricKind

    return {
        name: MetricKind(m.is_relative, m.unit == "rate", m.quantile, repeats_rows=name == ANCHOR_AGREEMENT)
        for name, m in metrics.items()
    }
