"""One worker of a night: does steps of a run in a process of its own, as Airflow's tasks do.

python worker_process.py RUN_ID DAY STEP...       open_day, sample, evaluate, judge, summarise, detect

ANCHORWATCH_CONFIG and ANCHORWATCH_WAREHOUSE_URL say with what and where; the day has one shard.
"""

import sys
from datetime import date, timedelta

from anchorwatch.errors import AnchorwatchError, ConfigError
from anchorwatch.judge_client import judge_endpoint
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.steps import nightly
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine

ROWS = 24


def work(run_id: str, day: date, steps: list[str]) -> None:
    settings = load_settings()
    book = load_rules(settings)
    engine, run = make_engine(), Run(run_id, day, "backfill", book)
    for step in steps:
        match step:
            case "open_day":
                nightly.open_day(engine, settings, book, run)
            case "sample" | "evaluate":
                getattr(nightly, step)(engine, settings, run)
            case "judge":
                nightly.judge(engine, settings, judge_endpoint(settings.judge), run, 0, 1)
            case "summarise":
                nightly.summarise(engine, settings, run, ROWS)
            case "detect":
                nightly.detect(engine, settings, book, run, day + timedelta(days=1))


if __name__ == "__main__":
    try:
        work(sys.argv[1], date.fromisoformat(sys.argv[2]), sys.argv[3:])
    except AnchorwatchError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, ConfigError) else 1)
