"""Draws the day's sample into the run's ledger."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.sampling.allocation import Stratum, allocate
from anchorwatch.settings import Settings
from anchorwatch.warehouse import copy_rows, query
from anchorwatch.warehouse.days import day_window

_TEMPORARY = sa.text(
    "CREATE TEMPORARY TABLE sampling_allocation "
    "(cell TEXT, stratum TEXT, n_rows BIGINT, n_wanted BIGINT, n_judged BIGINT) ON COMMIT DROP"
)


@dataclass(frozen=True, slots=True)
class SampleCounts:
    """Logged rows of the day, rows chosen for the judge, and rows a ceiling cut off."""

    logged: int
    selected: int
    over_budget: int


def draw_sample(connection: sa.Connection, settings: Settings, run_id: str, run_date: date) -> SampleCounts:
    """Write the run's ledger of the day: one row per logged request; a repeat replaces it."""
    day = day_window(run_date)
    common: dict[str, Any] = {**day, "min_cell_rows": settings.sampling.min_cell_rows}
    key = {"run_id": run_id, "run_date": run_date}
    connection.execute(sa.text("DELETE FROM work_samples WHERE run_id = :run_id AND run_date = :run_date"), key)
    found = connection.execute(query("work_samples", "strata"), common)
    strata = [Stratum(row.cell, row.stratum, row.n_rows, float(row.traffic)) for row in found]
    connection.execute(_TEMPORARY)
    columns = ("cell", "stratum", "n_rows", "n_wanted", "n_judged")
    copy_rows(connection, "sampling_allocation", columns, _allocation(strata, settings, _traffic(connection, day)))
    cannot_judge = None if settings.judge.enabled else "judge.enabled is false"
    arguments = common | key | {"sampling_key": settings.sampling.key, "cannot_judge": cannot_judge}
    connection.execute(query("work_samples"), arguments)
    connection.execute(sa.text("DROP TABLE sampling_allocation"))
    return _counts(connection, key)


def _traffic(connection: sa.Connection, day: dict[str, Any]) -> float:
    """Estimate the day's production requests: the sum of 1 / log_probability over all logged rows."""
    statement = sa.text(
        "SELECT COALESCE(SUM(1 / CAST(log_probability AS NUMERIC)), 0) FROM source_requests "
        "WHERE requested_at >= :day_start AND requested_at < :day_end AND log_probability IS NOT NULL"
    )
    return float(connection.execute(statement, day).scalar_one())


def _allocation(strata: list[Stratum], settings: Settings, traffic: float) -> list[tuple[str, str, int, int, int]]:
    target = round(settings.judge.fraction * traffic)
    floor, ceiling = settings.sampling.floor, settings.judge.max_rows_per_day
    wanted = allocate(strata, target, floor)
    judged = wanted
    if ceiling is not None and sum(wanted.values()) > ceiling:
        floors = sum(min(floor, stratum.n_rows) for stratum in strata)
        judged = allocate(strata, ceiling, floor if floors <= ceiling else 0)
        judged = {key: min(count, wanted[key]) for key, count in judged.items()}
    return [(s.cell, s.kind, s.n_rows, wanted[s.cell, s.kind], judged[s.cell, s.kind]) for s in strata]


def _counts(connection: sa.Connection, key: dict[str, Any]) -> SampleCounts:
    statement = sa.text(
        "SELECT COUNT(*), COUNT(*) FILTER (WHERE is_selected), COUNT(*) FILTER (WHERE status = 'over_budget') "
        "FROM work_samples WHERE run_id = :run_id AND run_date = :run_date"
    )
    return SampleCounts(*connection.execute(statement, key).one())
