"""Real Airflow: scheduler, LocalExecutor, backfill out of order, a manual run whose alerts arrive."""

import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import yaml
from warehouse_rows import insert_requests, request_row, scalar, table_rows

from anchorwatch.demo.airflow_process import airflow_environment, airflow_running, connection_variable
from anchorwatch.demo.ports import free_port
from anchorwatch.demo.receiver import ServerThread, receiver_app, self_signed_certificate
from anchorwatch.settings import load_rules, load_settings
from anchorwatch.simulator.judge_server import MODEL, create_app
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine
from anchorwatch.warehouse.initialise import initialise

DAG = "nightly_evaluation"
DAYS = 9
COMPARED = ("samples", "evaluations", "daily_metrics", "latency_histogram", "rolling_metrics", "drift_findings",
            "baselines", "change_events", "day_partitions", "anchor_readings", "epochs")  # fmt: skip


def traffic(last):
    """Nine days of 40 requests; on the last one most answers are empty talk."""
    rng = random.Random(1)
    for offset in range(DAYS):
        day = last - timedelta(days=DAYS - 1 - offset)
        for n in range(40):
            bad = rng.random() < (0.95 if offset == DAYS - 1 else 0.1)
            response = "Thank you for asking!" if bad else "Plan A costs 12 dollars."
            yield request_row(n, day, response=response, prompt=f"Question {n} on {day}: price of plan A?")


@pytest.fixture(scope="module")
def world(anchorwatch_home, tmp_path_factory):
    """Airflow on the embedded Postgres, with its own warehouse named by an Airflow connection."""
    folder = tmp_path_factory.mktemp("airflow")
    last = datetime.now(UTC).date() - timedelta(days=1)
    ports = {name: free_port(0) for name in ("judge", "slack", "pagerduty", "airflow")}
    config = {
        "logging_policy": "complete",
        "segments": ["query_type", "model"],
        "judge": {"model": MODEL, "fraction": 1.0, "base_url": "http://127.0.0.1:9/v1", "anchors": "anchors.jsonl"},
        "alerts": {
            "pagerduty": {"connection": "anchorwatch_pagerduty", "base_url": f"https://127.0.0.1:{ports['pagerduty']}"}
        },
    }
    (folder / "anchorwatch.yaml").write_text(yaml.safe_dump(config))
    anchor = {"anchor_id": "a1", "prompt": "Price of plan A?", "response": "12 dollars", "expected": {"quality": 1.0}}
    (folder / "anchors.jsonl").write_text(json.dumps(anchor))
    socket = str(anchorwatch_home / "pg")
    with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as admin:
        for name in ("airflow_side", "local_side"):
            admin.execute(f"CREATE DATABASE {name} TEMPLATE anchorwatch OWNER anchorwatch")
    engines = {
        name: make_engine(url=f"postgresql+psycopg://anchorwatch@/{name}?host={socket}")
        for name in ("airflow_side", "local_side")
    }
    certificate = self_signed_certificate(folder / "receiver.pem")
    received = []
    environment = airflow_environment(ports["airflow"]) | {
        "ANCHORWATCH_CONFIG": str(folder / "anchorwatch.yaml"),
        "AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE": "False",
        "SSL_CERT_FILE": str(certificate),
        "AIRFLOW_CONN_ANCHORWATCH_WAREHOUSE": connection_variable(
            "postgres", login="anchorwatch", schema="airflow_side", extra={"host": socket}
        ),
        # The configuration points at a dead port: the connection wins.
        "AIRFLOW_CONN_ANCHORWATCH_JUDGE": connection_variable(
            "openai", host=f"http://127.0.0.1:{ports['judge']}/v1", password="planted-judge-key"
        ),
        "AIRFLOW_CONN_ANCHORWATCH_SLACK": connection_variable(
            "slackwebhook", host=f"http://127.0.0.1:{ports['slack']}/services", password="T/B/planted-slack-token"
        ),
        "AIRFLOW_CONN_ANCHORWATCH_PAGERDUTY": connection_variable("pagerduty_events", password="planted-pagerduty-key"),
    }
    environment.pop("ANCHORWATCH_WAREHOUSE_URL", None)
    app = receiver_app(lambda channel, body: received.append((channel, body)))
    with (
        ServerThread(create_app(), ports["judge"]),
        ServerThread(app, ports["slack"]),
        ServerThread(app, ports["pagerduty"], certificate),
        airflow_running(environment, ports["airflow"]) as api,
    ):
        for engine in engines.values():
            insert_requests(engine, list(traffic(last)))
        yield {
            "api": api, "last": last, "received": received, "folder": folder, "home": anchorwatch_home,
            "judge": f"http://127.0.0.1:{ports['judge']}/v1", **engines,
        }  # fmt: skip
    for engine in engines.values():
        engine.dispose()


def wait_for(api, wanted, expected, seconds=300):
    """Poll until the runs have ended; a test may not sleep for its logic, only while Airflow works."""
    deadline = time.monotonic() + seconds
    while True:
        states = {run_id: state for run_id, state in api.run_states(DAG).items() if wanted(run_id)}
        if len(states) == expected and all(state in ("success", "failed") for state in states.values()):
            return states
        assert time.monotonic() < deadline, states
        time.sleep(1)


def task_states(api, run_id):
    found = api._call("GET", f"/dags/{DAG}/dagRuns/{run_id}/taskInstances").json()["task_instances"]
    return {task["task_id"]: task["state"] for task in found}


def test_a_backfill_backwards_and_a_live_day(world):
    api, last = world["api"], world["last"]
    api.create_pool(slots=2)
    api.unpause(DAG)
    body = {
        "dag_id": DAG, "max_active_runs": 3, "reprocess_behavior": "none", "run_backwards": True,
        "from_date": f"{last - timedelta(days=DAYS - 1)}T00:00:00Z", "to_date": f"{last - timedelta(days=1)}T23:59:59Z",
    }  # fmt: skip
    api._call("POST", "/backfills", json=body)
    states = wait_for(api, lambda run_id: run_id.startswith("backfill"), DAYS - 1)
    assert set(states.values()) == {"success"}, (world["home"] / "airflow.log").read_text()[-5000:]
    tasks = task_states(api, next(iter(states)))
    assert tasks["page_oncall"] == tasks["notify_slack"] == "skipped"
    assert tasks["judge"] == tasks["detect"] == "success"
    assert scalar(world["airflow_side"], "SELECT STRING_AGG(DISTINCT run_type, ',') FROM runs") == "backfill"

    for n in range(2):
        run_id = api.trigger(DAG, run_date=last.isoformat())
        states = wait_for(api, lambda found, wanted=run_id: found == wanted, 1)
        assert set(states.values()) == {"success"}, (world["home"] / "airflow.log").read_text()[-5000:]
        tasks = task_states(api, run_id)
        # The first run pages; the second one finds everything sent already.
        assert tasks["page_oncall"] == tasks["notify_slack"] == ("success" if n == 0 else "skipped")
    channels = [channel for channel, _ in world["received"]]
    assert sorted(channels) == ["pagerduty", "slack"]
    assert "quality" in json.dumps(world["received"])


def test_the_tables_equal_those_of_the_same_days_run_in_order_without_airflow(world, monkeypatch):
    """Depends on the test above having filled Airflow's side."""
    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(world["folder"] / "anchorwatch.yaml"))
    settings = load_settings()
    settings = settings.model_copy(update={"judge": settings.judge.model_copy(update={"base_url": world["judge"]})})
    engine = world["local_side"]
    initialise(engine, settings)
    for offset in range(DAYS - 1, -1, -1):
        day = world["last"] - timedelta(days=offset)
        run_day(engine, settings, load_rules(settings), Run("r", day, "backfill"), world["last"])
    for table in COMPARED:
        assert table_rows(engine, table) == table_rows(world["airflow_side"], table), table


def test_no_secret_of_a_connection_is_in_a_log_or_table(world):
    logs = [path for path in Path(world["home"]).rglob("*.log") if "pg" not in path.parts]
    assert logs
    text = "".join(path.read_text(errors="replace") for path in logs)
    tables = "".join(str(table_rows(world["airflow_side"], name)) for name in ("alerts", "runs", "judge_calls"))
    for secret in ("planted-judge-key", "planted-slack-token", "planted-pagerduty-key"):
        assert secret not in text
        assert secret not in tables
