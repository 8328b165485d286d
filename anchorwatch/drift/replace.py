"""Replaces the findings and baselines of some days, in order: each night starts from the one before."""

from datetime import date, timedelta
from typing import Any

import sqlalchemy as sa

from anchorwatch.drift.baseline import LONG_FROM, Baseline
from anchorwatch.drift.findings import Finding, Firing
from anchorwatch.drift.history import Stream, load_history
from anchorwatch.drift.night import COOLDOWN_DAYS, Firings, MetricKind, test_night
from anchorwatch.settings import RuleBook
from anchorwatch.warehouse import copy_rows, query
from anchorwatch.warehouse.schema import relation

COOLDOWN = timedelta(days=COOLDOWN_DAYS)
_BEFORE = sa.text(
    "SELECT DISTINCT ON (rule_id, metric, segment_name, segment_value, epoch) "
    "rule_id, metric, segment_name, segment_value, epoch, first_day, firing_since, run_date FROM drift_findings "
    "WHERE status = 'firing' AND run_date < :day AND run_date >= :oldest "
    "ORDER BY rule_id, metric, segment_name, segment_value, epoch, run_date DESC"
)


def replace_findings(connection: sa.Connection, book: RuleBook, kinds: dict[str, MetricKind], days: list[date]) -> None:
    """Recompute drift_findings, baselines and change_events of these days, which must be in order and complete."""
    for table in ("drift_findings", "baselines", "change_events"):
        statement = sa.delete(sa.table(table)).where(sa.column("run_date", sa.Date) >= days[0])
        connection.execute(statement)
    metrics = sorted({rule.metric for rule in book.rules})
    history = load_history(connection, days[0] - timedelta(days=LONG_FROM), days[-1], metrics)
    firing = _fired_before(connection, days[0])
    for day in days:
        connection.execute(query("change_events"), {"run_date": day})
        still = {key: past for key, past in firing.items() if past.last_fired >= day - COOLDOWN}
        findings, used = test_night(book, kinds, history, day, still)
        _write(connection, findings, used, history.start)
        firing = still | {
            (finding.rule_id, finding.stream): Firing(finding.first_day, finding.firing_since, day)
            for finding in findings
            if finding.first_day is not None and finding.firing_since is not None
        }


def _fired_before(connection: sa.Connection, day: date) -> Firings:
    rows = connection.execute(_BEFORE, {"day": day, "oldest": day - COOLDOWN})
    return {(row.rule_id, Stream(*row[1:5])): Firing(row.first_day, row.firing_since, row.run_date) for row in rows}


def _write(
    connection: sa.Connection, findings: list[Finding], used: list[tuple[Finding, Baseline]], start: date
) -> None:
    columns = relation("drift_findings").column_names
    copy_rows(connection, "drift_findings", columns, (_finding_row(finding, columns) for finding in findings))
    rows: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    for finding, baseline in used:
        against = "week_before" if baseline.reason == "week_before" else "baseline"
        key = (finding.run_date, *finding.stream, finding.tested_days, against)
        first, last = (start + timedelta(days=int(day)) for day in (baseline.days[0], baseline.days[-1]))
        rows[key] = (*key, first, last, finding.baseline_value, baseline.dispersion, int(baseline.n),
                     baseline.n_days, "automatic", baseline.reason)  # fmt: skip
    copy_rows(connection, "baselines", relation("baselines").column_names, rows.values())


def _finding_row(finding: Finding, columns: tuple[str, ...]) -> list[Any]:
    return [getattr(finding.stream if name in Stream._fields else finding, name) for name in columns]
