"""Anchorwatch's side of the benchmark: the nightly judge step, from the log table to Postgres.

Timed is what the task does: read the sampled rows, ask, store answers, calls and scores. Drawing the sample and
loading the log come before.
"""

import json
import os
import sys
import tempfile
import time
from datetime import UTC, date, datetime
from pathlib import Path

import openai  # noqa: F401 - the others' imports are not timed either
import sqlalchemy as sa

from anchorwatch.judge_client import judge_endpoint
from anchorwatch.loading.canonical import CANONICAL
from anchorwatch.sampling import draw_sample
from anchorwatch.scoring import judge_shard
from anchorwatch.scoring.interactions import Shard
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect, copy_rows, embedded, make_engine
from anchorwatch.warehouse.initialise import initialise

DAY = date(2026, 3, 10)


def main() -> None:
    """Judge a JSONL file through the warehouse; print a JSON object."""
    source, concurrency = Path(sys.argv[1]), int(sys.argv[2])
    os.environ["ANCHORWATCH_HOME"] = tempfile.mkdtemp(prefix="awb", dir="/tmp")
    os.chmod(os.environ["ANCHORWATCH_HOME"], 0o755)
    embedded.start()
    try:
        print("RESULT " + json.dumps(_measure(source, concurrency)))
    finally:
        embedded.remove()


def _measure(source: Path, concurrency: int) -> dict[str, object]:
    settings = Settings.model_validate(
        {
            "logging_policy": "complete",
            "judge": {
                "model": "gpt-4.1-mini",
                "rubrics": ["quality", "hallucination"],
                "base_url": os.environ["OPENAI_BASE_URL"],
                "fraction": 1.0,
                "concurrency": concurrency,
            },
        }
    )
    engine = make_engine()
    initialise(engine, settings)
    _load(engine, source)
    with connect(engine) as connection:
        draw_sample(connection, settings, "bench", DAY)
    cpu = time.process_time()
    started = time.perf_counter()
    totals = judge_shard(engine, settings, judge_endpoint(settings.judge), Shard("bench", DAY))
    seconds = time.perf_counter() - started
    cpu_seconds = time.process_time() - cpu
    with connect(engine) as connection:
        statement = "SELECT COUNT(DISTINCT request_id) FROM work_evaluations WHERE value IS NOT NULL"
        scored = connection.execute(sa.text(statement)).scalar_one()
    engine.dispose()
    return {"seconds": seconds, "cpu_seconds": cpu_seconds, "rows": totals.rows, "scored": scored}


def _load(engine: sa.Engine, source: Path) -> None:
    names = [column.name for column in CANONICAL]
    common = {"requested_at": datetime(2026, 3, 10, 12, tzinfo=UTC), "status": "ok", "model": "m", "query_type": "q",
              "is_flagged": False, "log_probability": 1.0}  # fmt: skip

    def rows():  # type: ignore[no-untyped-def]
        with source.open(encoding="utf-8") as file:
            for line in file:
                row = {**common, **json.loads(line)}
                row["context"] = json.dumps(row["context"])
                yield (*(row.get(name) for name in names), "x", datetime.now(UTC))

    with connect(engine) as connection:
        copy_rows(connection, "llm_requests", [*names, "content_hash", "loaded_at"], rows())


if __name__ == "__main__":
    main()
