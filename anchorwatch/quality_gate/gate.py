"""The gate itself: run the checks, keep their results, stop the day when it must be stopped."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import sqlalchemy as sa

from anchorwatch.errors import QualityGateFailed
from anchorwatch.quality_gate.checks import Check, earlier_days, log_checks, result_checks
from anchorwatch.quality_gate.costs import costs_in_one_line
from anchorwatch.quality_gate.expectations import CheckResult, run_checks
from anchorwatch.settings import Settings, home
from anchorwatch.warehouse import connect, query, told_errors
from anchorwatch.warehouse.days import day_window

RUNBOOK = "docs/runbooks/quality_gate_failed.md"


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """What a gate found: rows checked (0 is an empty day), and the warnings that did not stop it."""

    rows: int
    warnings: list[str]


def check_logs(engine: sa.Engine, settings: Settings, run_id: str, run_date: date) -> GateOutcome:
    """Check the day's logs; an empty day is no failure.

    Raises:
        QualityGateFailed: The logs are not fit to be judged; the message says what and how many rows.
    """
    window = day_window(run_date)
    with connect(engine) as connection:
        counted = sa.text(
            "SELECT COUNT(*) FROM source_requests WHERE requested_at >= :day_start AND requested_at < :day_end"
        )
        rows = int(connection.execute(counted, window).scalar_one())
        if rows == 0:
            return GateOutcome(0, [f"{run_date}: no logs; the day is stored as no_data"])
        earlier = earlier_days(connection, run_date)
    select = query("gate_results", "logs").bindparams(**window)

    def explain(broken: list[CheckResult]) -> dict[str, str | None]:
        with connect(engine) as connection:
            return costs_in_one_line(connection, settings, run_date, broken)

    return _run(engine, "logs", select, run_id, run_date, log_checks(settings, earlier), rows, explain)


def check_results(
    engine: sa.Engine, settings: Settings, run_id: str, run_date: date, rows: int, main_evaluator: str = "quality"
) -> GateOutcome:
    """Check a run's ledger and scores before they become the day's.

    Args:
        main_evaluator: The judge's evaluator whose score makes a row count as judged.

    Raises:
        QualityGateFailed: Too many rows are unscored, or the ledger does not add up.
    """
    select = query("gate_results", "results").bindparams(
        run_id=run_id, run_date=run_date, main_evaluator=main_evaluator
    )
    return _run(engine, "results", select, run_id, run_date, result_checks(settings, rows), rows, lambda broken: {})


def _run(
    engine: sa.Engine, gate: str, select: sa.TextClause, run_id: str, run_date: date, checks: list[Check], rows: int,
    explain: Callable[[list[CheckResult]], dict[str, str | None]],
) -> GateOutcome:  # fmt: skip
    """Run the checks and store how they ended.

    Args:
        explain: Of those that broke, gives better words by meaning of the check, or None for one that the words of
            another cover.
    """
    docs = data_docs(gate, run_date)
    # Great Expectations wants a query that begins with SELECT, and without parameters.
    literal = select.compile(engine, compile_kwargs={"literal_binds": True})
    rows_of_day = f"SELECT * FROM ({literal}) AS rows_of_day"  # noqa: S608 - bound above, by SQLAlchemy
    # As in plan_for_fresh_rows: the results were written a moment ago and have no statistics.
    url = engine.url.update_query_dict({"options": "-c timezone=UTC -c enable_nestloop=off"})
    with told_errors(engine):
        results = run_checks(url.render_as_string(hide_password=False), rows_of_day, checks, f"{gate}_{run_date}", docs)
    broken = [result for result in results if not result.success]
    told = {result.check.meaning: result.detail for result in results} | explain(broken)
    _store(engine, gate, run_id, run_date, results, told)
    if failures := [result for result in broken if result.check.level == "fail"]:
        what = "; ".join(result.detail for result in failures)
        effect = "nothing was judged" if gate == "logs" else "no result was published"
        raise QualityGateFailed(
            f"quality gate '{gate}' failed for {run_date}: {what}. {rows} rows, {effect}. "
            f"Runbook: {RUNBOOK}; details: {docs / 'index.html'}"
        )
    words = (told[result.check.meaning] for result in broken)
    return GateOutcome(rows, [detail for detail in words if detail is not None])


def data_docs(gate: str, run_date: date) -> Path:
    """Return the folder of a day's Data Docs; a folder a day, so that parallel runs do not collide."""
    return home() / "data_docs" / gate / run_date.isoformat()


def _store(
    engine: sa.Engine, gate: str, run_id: str, run_date: date, results: list[CheckResult],
    told: dict[str, str | None],
) -> None:  # fmt: skip
    key = {"run_id": run_id, "run_date": run_date, "gate": gate}
    rows = [
        key
        | {
            "expectation": f"{result.check.kind} ({result.check.level})",
            "column_name": result.check.column or "(table)",
            "severity": result.check.level if told[result.check.meaning] is not None else "part",
            "success": result.success,
            "n_rows": result.n_rows,
            "n_unexpected": result.n_unexpected,
            "detail": told[result.check.meaning] or result.detail,
            "checked_at": datetime.now(UTC),
        }
        for result in results
    ]
    names = list(rows[0])
    table = sa.table("gate_results", *(sa.column(name) for name in names))
    with connect(engine) as connection:
        connection.execute(
            sa.text("DELETE FROM gate_results WHERE run_id = :run_id AND run_date = :run_date AND gate = :gate"), key
        )
        connection.execute(sa.insert(table), rows)
