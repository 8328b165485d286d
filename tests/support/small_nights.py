"""Ten small days whose answers get worse, run without Airflow, and what the tables hold afterwards."""

import random
from datetime import timedelta

from warehouse_rows import DAY, request_row, table_rows

from anchorwatch.settings import load_rules
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect

COMPARED = {
    "samples": (),
    "evaluations": (),
    "daily_cells": (),
    "daily_metrics": (),
    "latency_histogram": (),
    "latency_cells": (),
    "daily_costs": (),
    "day_partitions": (),
    "rolling_metrics": (),
    "baselines": (),
    "detector_state": (),
    "drift_findings": (),
    "change_events": (),
}
ALL_TABLES = (*COMPARED, "alerts", "runs", "judge_calls", "gate_results", "work_samples", "work_evaluations")
DAYS = 10


def traffic(days: int = DAYS, rows: int = 24) -> list[dict]:
    """Ten small days; the answers get worse and a new version comes on the eighth; one day is empty."""
    rng = random.Random(3)
    made = []
    for offset in range(days):
        day = DAY + timedelta(days=offset)
        for n in range(0 if offset == 4 else rows):
            bad = rng.random() < (0.6 if offset >= 7 else 0.1)
            made.append(
                request_row(
                    n,
                    day,
                    prompt=f"Question {n} of {day}: what is the price of plan A?",
                    response="Plan A costs 77 dollars." if bad else f"Plan A costs 12 dollars. {'Yes. ' * (n % 3)}",
                    query_type=rng.choice(["faq", "billing"]),
                    model_version="m-1-b" if offset >= 7 else "m-1-a",
                    status="error" if n == 5 else "ok",
                    is_flagged=n == 6,
                )
            )
            if n == 5:
                made[-1]["response"] = None
    return made


def run(engine, settings, day, run_id="r", run_type="backfill"):
    return run_day(engine, settings, load_rules(settings), Run(run_id, day, run_type), DAY)


def state(engine):
    return {table: table_rows(engine, table, drop=drop) for table, drop in COMPARED.items()}


def clear(engine):
    with connect(engine) as connection:
        connection.exec_driver_sql("TRUNCATE " + ", ".join(ALL_TABLES))
