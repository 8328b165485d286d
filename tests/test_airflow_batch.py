"""Batch mode through real Airflow: deferred while it waits, over a restart of everything, nothing sent twice."""

import time
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import yaml
from warehouse_rows import insert_requests, request_row, scalar, table_rows

from anchorwatch.demo.airflow_process import airflow_environment, airflow_running, connection_variable
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.simulator.judge_server import MODEL, create_app
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine
from anchorwatch.warehouse.initialise import initialise

DAG = "nightly_evaluation"
ROWS = 230
COMPARED = ("samples", "evaluations", "daily_metrics", "rolling_metrics", "drift_findings", "day_partitions")


@pytest.fixture
def sides(anchorwatch_home):
    """Two warehouses with the same day of logs: one for Airflow in batch mode, one for real time without Airflow."""
    socket = str(anchorwatch_home / "pg")
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as admin:
        for name in ("batch_side", "realtime_side"):
            admin.execute(f"CREATE DATABASE {name} TEMPLATE anchorwatch OWNER anchorwatch")
    made = {
        name: make_engine(url=f"postgresql+psycopg://anchorwatch@/{name}?host={socket}")
        for name in ("batch_side", "realtime_side")
    }
    yield made
    for engine in made.values():
        engine.dispose()


def judge_states(api, run_id):
    found = api._call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances").json()["task_instances"]
    return sorted(task["state"] or "" for task in found if task["task_id"] == "judge")


def wait_until(ready, told, seconds=180):
    """Poll; a test may not sleep for its logic, only while Airflow works."""
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, told()
        time.sleep(0.5)


def fill(engine, day):
    """Write the day's log: good answers, empty talk and made-up prices, a third each."""
    answers = ("Plan A costs 12 dollars.", "Thank you for asking!", "Plan A costs 99 dollars.")
    insert_requests(
        engine, [request_row(n, day, prompt=f"Question {n}?", response=answers[n % 3]) for n in range(ROWS)]
    )


def test_a_batch_outlives_a_restart_of_airflow_and_equals_real_time(sides, anchorwatch_home, tmp_path, monkeypatch):
    last = datetime.now(UTC).date() - timedelta(days=1)
    port = {name: free_port(0) for name in ("judge", "airflow")}
    judge = {"model": MODEL, "fraction": 1.0, "base_url": f"http://127.0.0.1:{port['judge']}/v1", "shards": 2}
    config = {"logging_policy": "complete", "segments": ["query_type"], "judge": judge}
    (tmp_path / "realtime.yaml").write_text(yaml.safe_dump(config))
    judge |= {"mode": "batch", "batch": {"poll_seconds": 0.5}}
    (tmp_path / "batch.yaml").write_text(yaml.safe_dump(config))
    for engine in sides.values():
        fill(engine, last)
    environment = airflow_environment(port["airflow"]) | {
        "ANCHORWATCH_CONFIG": str(tmp_path / "batch.yaml"),
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "AIRFLOW_CONN_ANCHORWATCH_WAREHOUSE": connection_variable(
            "postgres", login="anchorwatch", schema="batch_side", extra={"host": str(anchorwatch_home / "pg")}
        ),
    }
    environment.pop("ANCHORWATCH_WAREHOUSE_URL", None)
    app = create_app()
    batches = app.state.batches
    batches.is_held = True
    # Some answers of the first two batches never come: they go into others.
    batches.fate = lambda number, line: "expired" if number % 10 == 0 and len(batches.created) <= 2 else "answered"
    with ServerThread(app, port["judge"]):
        with airflow_running(environment, port["airflow"]) as api:
            api.create_pool(slots=2)
            api.unpause(DAG)
            run_id = api.trigger(DAG, run_date=last.isoformat())
            wait_until(lambda: judge_states(api, run_id) == ["deferred", "deferred"], lambda: judge_states(api, run_id))
        assert len(batches.created) == 2
        with airflow_running(environment, port["airflow"]) as api:
            assert judge_states(api, run_id) == ["deferred", "deferred"]
            batches.is_held = False
            wait_until(lambda: api.run_states(DAG)[run_id] in ("success", "failed"), lambda: api.run_states(DAG))
            assert api.run_states(DAG)[run_id] == "success", (anchorwatch_home / "airflow.log").read_text()[-5000:]
        airflow_side = sides["batch_side"]
        assert len(batches.created) == 4
        sent = scalar(airflow_side, "SELECT SUM(requests) FROM judge_batches WHERE status = 'harvested'")
        unanswered = scalar(airflow_side, "SELECT SUM(requests - answered) FROM judge_batches")
        assert sent - unanswered == ROWS
        assert unanswered > 0
        paid = table_rows(
            airflow_side, "(SELECT mode, COUNT(*) FROM judge_calls WHERE NOT is_cached GROUP BY mode) AS m"
        )
        assert paid == [("batch", ROWS)]

        monkeypatch.setenv("ANCHORWATCH_CONFIG", str(tmp_path / "realtime.yaml"))
        settings, engine = load_settings(), sides["realtime_side"]
        initialise(engine, settings)
        run_day(engine, settings, load_rules(settings), Run("r", last, "manual"), last)
        assert scalar(engine, "SELECT COUNT(*) FROM judge_batches") == 0
        for table in COMPARED:
            assert table_rows(engine, table) == table_rows(airflow_side, table), table
