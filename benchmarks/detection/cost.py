"""What a night costs: on day 60 and on day 400 of a stored history, and with 2,000 streams. Postgres included."""

import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa
from worlds import START

from anchorwatch.settings import Rule, RuleBook, Settings
from anchorwatch.steps.derive import derive
from anchorwatch.warehouse import connect, copy_rows, embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

CELLS = ("faq", "billing", "summary", "extraction", "how_to", "attack")
METRICS = ("quality", "format_validity", "grounding", "refusal_rate", "error_rate", "cost_per_request", "output_tokens",
           "hallucination_rate", "unscored_rate", "flag_rate")  # fmt: skip
NAMES = ("run_date", "metric", "segment_name", "segment_value", "epoch", "cell", "n", "sum_weights", "weighted_sum",
         "sum_squared_weights", "squared_weighted_sum", "squared_weighted_squares", "proxy_sum", "traffic",
         "traffic_proxy_sum")  # fmt: skip


def print_cost() -> None:
    """Measure in an embedded Postgres of its own and print a table."""
    home = Path(tempfile.mkdtemp(prefix="aw", dir="/tmp"))
    os.environ["ANCHORWATCH_HOME"] = str(home)
    os.environ.pop("ANCHORWATCH_WAREHOUSE_URL", None)
    embedded.start()
    try:
        print("| streams | day | derive one night |\n|---|---|---|")
        for segments, metrics, days in ((29, METRICS[:4], 400), (199, METRICS, 100)):
            _measure(segments, metrics, days)
    finally:
        embedded.stop()


def _measure(segments: int, metrics: tuple[str, ...], days: int) -> None:
    engine = make_engine()
    initialise(engine, Settings(logging_policy="complete"))
    rules = [
        Rule(id=m, metric=m, change=-0.03 if m in ("quality", "format_validity", "grounding") else 0.1,
             severity="slack", family="f")
        for m in metrics
    ]  # fmt: skip
    book = RuleBook(rules=rules)
    with connect(engine) as connection:
        connection.exec_driver_sql("TRUNCATE daily_cells, day_partitions, detector_state, drift_findings, baselines")
        rng = np.random.default_rng(1)
        for day in range(days):
            copy_rows(connection, "daily_cells", NAMES, _rows(rng, day, segments, metrics))
        connection.exec_driver_sql("ANALYZE daily_cells")
    for last in (60, 100, 200, 400):
        if last <= days:
            _derive_until(engine, book, last)
            streams = len(metrics) * (segments + 1)
            print(
                f"| {streams:,} of {len(CELLS)} cells | {last} | {_one_night(engine, book, last):.2f} s |", flush=True
            )


def _rows(rng: np.random.Generator, day: int, segments: int, metrics: tuple[str, ...]) -> Any:
    for metric in metrics:
        for segment in range(segments + 1):
            name = ("all", "all") if segment == 0 else ("segment", f"s{segment:03d}")
            for cell in CELLS:
                n, value = 50, float(np.clip(0.5 + 0.02 * rng.standard_normal(), 0.01, 0.99))
                sums = (n, n, n * value, n, n * value, n * (value**2 + 0.04), None, n, None)
                yield (START + timedelta(days=day), metric, *name, "", cell, *sums)


def _derive_until(engine: sa.Engine, book: RuleBook, last: int) -> None:
    """Derive all days before the last one in one go."""
    with connect(engine) as connection:
        there = connection.execute(sa.text("SELECT COUNT(*) FROM day_partitions")).scalar_one()
        rows = [(START + timedelta(days=day), "ok", 1, f"h{day}") for day in range(there, last - 1)]
        copy_rows(connection, "day_partitions", ("run_date", "status", "rows_in", "content_hash"), rows)
    derive(engine, book)


def _one_night(engine: sa.Engine, book: RuleBook, last: int) -> float:
    with connect(engine) as connection:
        row = (START + timedelta(days=last - 1), "ok", 1, f"h{last - 1}")
        copy_rows(connection, "day_partitions", ("run_date", "status", "rows_in", "content_hash"), [row])
    started = time.perf_counter()
    derive(engine, book)
    return time.perf_counter() - started
