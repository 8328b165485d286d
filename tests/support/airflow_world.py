"""Real Airflow over nine days of logs: scheduler, LocalExecutor, channels and a judge on localhost."""

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
import yaml
from warehouse_rows import insert_requests, request_row

from anchorwatch.demo.airflow_process import AirflowApi, airflow_environment, airflow_running, connection_variable
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread, receiver_app, self_signed_certificate
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.simulator.judge_server import MODEL, create_app
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import connect, make_engine
from anchorwatch.warehouse.initialise import initialise

DAG = "nightly_evaluation"
DAYS = 9
COMPARED = ("samples", "evaluations", "daily_metrics", "latency_histogram", "latency_cells",
            "rolling_metrics", "drift_findings",
            "baselines", "change_events", "day_partitions", "anchor_readings", "epochs")  # fmt: skip
# Credentials of Airflow's connections and of the environment, planted to be looked for.
PLANTED = {name: f"planted-{name}-credential" for name in ("judge", "slack", "pagerduty", "warehouse", "openai")}


def traffic(last: date) -> Iterator[dict[str, Any]]:
    """Nine days of 40 requests; on the last one most answers are empty talk."""
    rng = random.Random(1)
    for offset in range(DAYS):
        day = last - timedelta(days=DAYS - 1 - offset)
        for n in range(40):
            bad = rng.random() < (0.95 if offset == DAYS - 1 else 0.1)
            response = "Thank you for asking!" if bad else "Plan A costs 12 dollars."
            yield request_row(n, day, response=response, prompt=f"Question {n} on {day}: price of plan A?")


@dataclass
class AirflowWorld:
    """Airflow with a warehouse of its own, and a second warehouse with the same logs that it does not touch."""

    last: date
    folder: Path
    home: Path
    judge_url: str
    airflow_side: sa.Engine
    local_side: sa.Engine
    environment: dict[str, str]
    port: int
    received: list[tuple[str, Any]]
    judge_faults: list[Any]

    @property
    def api(self) -> AirflowApi:
        return AirflowApi(self.port)

    @property
    def first(self) -> date:
        return self.last - timedelta(days=DAYS - 1)

    def _told(self, runs: set[str]) -> str:
        """What the tasks of these runs said last, those that failed first."""
        failed = [(run, task) for run in sorted(runs) for task in self.api.failed_tasks(DAG, run)]
        found = [str(failed)]
        for run, task in failed:
            logs = sorted(self.home.glob(f"airflow/logs/dag_id={DAG}/run_id={run}/task_id={task}/**/*.log"))
            found += [f"{log}\n{log.read_text(errors='replace')[-1500:]}" for log in logs]
        found.append((self.home / "airflow.log").read_text(errors="replace")[-1500:])
        return "\n".join(found)

    def backfill(self, *, backwards: bool) -> None:
        """Ask for all days but the last one."""
        self.api._call("POST", "/backfills", json={
            "dag_id": DAG, "max_active_runs": 3, "reprocess_behavior": "none", "run_backwards": backwards,
            "from_date": f"{self.first}T00:00:00Z", "to_date": f"{self.last - timedelta(days=1)}T23:59:59Z",
        })  # fmt: skip

    def wait_for(
        self, wanted: Callable[[str], bool], expected: int, *, seconds: int = 300, ends: str = "success"
    ) -> None:
        """Poll until the runs have ended so; a test may not sleep for its logic, only while Airflow works."""
        api, deadline = self.api, time.monotonic() + seconds
        while True:
            states = {run_id: state for run_id, state in api.run_states(DAG).items() if wanted(run_id)}
            if len(states) == expected and all(state in ("success", "failed") for state in states.values()):
                break
            assert time.monotonic() < deadline, states
            time.sleep(1)
        assert set(states.values()) == {ends}, self._told({run for run, state in states.items() if state != ends})

    def task_states(self, run_id: str) -> dict[str, str]:
        found = self.api._call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances").json()["task_instances"]
        return {task["task_id"]: task["state"] for task in found}

    def change_logs(self, day: date) -> None:
        """Three rows of a day come late and one is corrected, in both warehouses."""
        late = [request_row(n, day, response="Plan B costs 90 dollars.", prompt=f"Late {n}") for n in (901, 902, 903)]
        for engine in (self.airflow_side, self.local_side):
            insert_requests(engine, late)
            with connect(engine) as connection:
                corrected = "UPDATE llm_requests SET response = 'Plan A costs 13 dollars.' WHERE request_id = :id"
                connection.execute(sa.text(corrected), {"id": request_row(1, day)["request_id"]})

    def run_without_airflow(self) -> None:
        """Run the same days in order, in this process (whose ANCHORWATCH_CONFIG is ours), into the other warehouse."""
        settings = load_settings()
        settings = settings.model_copy(update={"judge": settings.judge.model_copy(update={"base_url": self.judge_url})})
        initialise(self.local_side, settings)
        for offset in range(DAYS):
            run = Run("r", self.first + timedelta(days=offset), "backfill")
            run_day(self.local_side, settings, load_rules(settings), run, self.last)


def _write_config(folder: Path, pagerduty_port: int) -> None:
    config = {
        "logging_policy": "complete",
        "segments": ["query_type", "model"],
        "judge": {"model": MODEL, "fraction": 1.0, "base_url": "http://127.0.0.1:9/v1", "anchors": "anchors.jsonl"},
        "alerts": {"pagerduty": {"connection": "anchorwatch_pagerduty", "base_url": f"https://127.0.0.1:{pagerduty_port}"}},
    }  # fmt: skip
    (folder / "anchorwatch.yaml").write_text(yaml.safe_dump(config))
    anchor = {"anchor_id": "a1", "prompt": "Price of plan A?", "response": "12 dollars", "expected": {"quality": 1.0}}
    (folder / "anchors.jsonl").write_text(json.dumps(anchor))


def _connections(ports: dict[str, int], socket: str, database: str) -> dict[str, str]:
    """Return Airflow's connections as variables; the configuration's judge is a dead port."""
    local = "http://127.0.0.1"
    return {
        "AIRFLOW_CONN_ANCHORWATCH_WAREHOUSE": connection_variable(
            "postgres", login="anchorwatch", password=PLANTED["warehouse"], schema=database, extra={"host": socket}
        ),
        "AIRFLOW_CONN_ANCHORWATCH_JUDGE": connection_variable(
            "openai", host=f"{local}:{ports['judge']}/v1", password=PLANTED["judge"]
        ),
        "AIRFLOW_CONN_ANCHORWATCH_SLACK": connection_variable(
            "slackwebhook", host=f"{local}:{ports['slack']}/services", password=f"T/B/{PLANTED['slack']}"
        ),
        "AIRFLOW_CONN_ANCHORWATCH_PAGERDUTY": connection_variable("pagerduty_events", password=PLANTED["pagerduty"]),
    }


@contextmanager
def make_world(home: Path, folder: Path, **more: str) -> Iterator[AirflowWorld]:
    """Make the two warehouses, their logs, the judge and the channels; Airflow itself is not started yet."""
    last = datetime.now(UTC).date() - timedelta(days=1)
    ports = {name: free_port(0) for name in ("judge", "slack", "pagerduty", "airflow")}
    _write_config(folder, ports["pagerduty"])
    socket = str(home / "pg")
    names = [f"{folder.name.replace('-', '_')}_{side}" for side in ("airflow", "local")]
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE anchorwatch OWNER anchorwatch")
    engines = [make_engine(url=f"postgresql+psycopg://anchorwatch@/{name}?host={socket}") for name in names]
    certificate = self_signed_certificate(folder / "receiver.pem")
    received: list[tuple[str, Any]] = []
    judge_faults: list[Any] = []
    judge = create_app(lambda number, body: judge_faults[0] if judge_faults else None)
    environment = airflow_environment(ports["airflow"]) | _connections(ports, socket, names[0]) | {
        "ANCHORWATCH_CONFIG": str(folder / "anchorwatch.yaml"),
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "SSL_CERT_FILE": str(certificate),
        "OPENAI_API_KEY": PLANTED["openai"],
        **more,
    }  # fmt: skip
    environment.pop("ANCHORWATCH_WAREHOUSE_URL", None)
    app = receiver_app(lambda channel, body: received.append((channel, body)))
    with (
        ServerThread(judge, ports["judge"]),
        ServerThread(app, ports["slack"]),
        ServerThread(app, ports["pagerduty"], certificate),
    ):
        for engine in engines:
            insert_requests(engine, list(traffic(last)))
        yield AirflowWorld(last, folder, home, f"http://127.0.0.1:{ports['judge']}/v1", *engines, environment,
                           ports["airflow"], received, judge_faults)  # fmt: skip
    for engine in engines:
        engine.dispose()


@contextmanager
def running(world: AirflowWorld) -> Iterator[AirflowWorld]:
    """Start Airflow for a world."""
    with airflow_running(world.environment, world.port):
        yield world
