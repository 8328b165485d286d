"""A small deployment that things break in: days of logs, a configuration file, and runs as processes of their own."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import yaml
from warehouse_rows import DAY, insert_requests, request_row, table_rows

from anchorwatch.settings import load_rules, load_settings
from anchorwatch.simulator.judge_server import MODEL
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine
from anchorwatch.warehouse.initialise import initialise

DAYS = 3
ROWS = 40
TODAY = DAY + timedelta(days=DAYS)
COMPARED = ("samples", "evaluations", "judge_opinions", "daily_cells", "daily_metrics", "latency_histogram",
            "latency_cells", "rolling_metrics", "baselines", "detector_state", "drift_findings", "change_events",
            "day_partitions")  # fmt: skip


def traffic() -> list[dict[str, Any]]:
    rng = random.Random(3)
    rows = []
    for offset in range(DAYS):
        for n in range(ROWS):
            bad = rng.random() < 0.2
            response = "Thank you for asking!" if bad else f"Plan {n} costs {n} dollars."
            rows.append(request_row(n, DAY + timedelta(days=offset), response=response, prompt=f"Price {n}, {offset}?",
                                    context=f'["Plan {n} costs {n} dollars."]'))  # fmt: skip
    return rows


def write_config(folder: Path, judge_url: str, **more: Any) -> Path:
    judge = {"model": MODEL, "fraction": 1.0, "base_url": judge_url, "concurrency": 4, "timeout_seconds": 2,
             "max_retries": 2, **more.pop("judge", {})}  # fmt: skip
    config = {"logging_policy": "complete", "segments": ["model"], "judge": judge, **more}
    path = folder / "anchorwatch.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass
class FaultWorld:
    """One warehouse and its configuration."""

    url: str
    config: Path

    @property
    def engine(self) -> sa.Engine:
        return make_engine(url=self.url.replace("postgresql://", "postgresql+psycopg://"))

    def prepare(self) -> "FaultWorld":
        engine = self.engine
        initialise(engine, load_settings(self.config))
        insert_requests(engine, traffic())
        engine.dispose()
        return self

    def forget(self) -> None:
        """Forget what was evaluated and what the judge answered; the logs stay."""
        engine = self.engine
        with engine.begin() as connection:
            for table in ("judge_cache", "judge_claims", "judge_calls", "day_partitions", "samples", "evaluations"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        engine.dispose()

    def environment(self, **more: str) -> dict[str, str]:
        return {**os.environ, "ANCHORWATCH_WAREHOUSE_URL": self.url, "ANCHORWATCH_CONFIG": str(self.config), **more}

    def start(self, **more: str) -> "subprocess.Popen[str]":
        """Evaluate all days in a process of its own."""
        command = [sys.executable, "-m", "anchorwatch.cli", "run", "--from", str(DAY), "--to",
                   str(DAY + timedelta(days=DAYS - 1))]  # fmt: skip
        return subprocess.Popen(command, env=self.environment(**more), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                text=True, start_new_session=True)  # fmt: skip

    def finish(self, **more: str) -> str:
        """Run until it ends well; return what it said."""
        process = self.start(**more)
        said, _ = process.communicate(timeout=180)
        assert process.returncode == 0, said
        assert "Traceback" not in said
        return said

    def run_here(self) -> None:
        """Evaluate all days in this process."""
        settings = load_settings(self.config)
        engine = self.engine
        for offset in range(DAYS):
            run = Run(f"r{offset}", DAY + timedelta(days=offset), "backfill")
            run_day(engine, settings, load_rules(settings, self.config), run, TODAY)
        engine.dispose()

    def tables(self) -> dict[str, list[Any]]:
        engine = self.engine
        found = {table: table_rows(engine, table) for table in COMPARED}
        engine.dispose()
        return found


def differences(found: dict[str, list[Any]], wanted: dict[str, list[Any]]) -> tuple[int, int]:
    """Return how many rows are lost, and how many are there that should not be, or twice."""
    lost = extra = 0
    for table in wanted:
        have, want = Counter(map(repr, found[table])), Counter(map(repr, wanted[table]))
        for sign, rows in (("-", want - have), ("+", have - want)):
            print(*(f"{sign} {table}: {row}" for row in list(rows)[:5]), sep="\n")  # seen where a test fails
        lost += (want - have).total()
        extra += (have - want).total()
    return lost, extra


def kill_at(process: "subprocess.Popen[str]", seconds: float) -> bool:
    """Kill a process group after some seconds; return whether it was still running."""
    deadline = time.monotonic() + seconds
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    was_running = process.poll() is None
    if was_running:
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return was_running
