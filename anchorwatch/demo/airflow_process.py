"""Airflow on one machine: its environment on the embedded Postgres, started and stopped as one process group."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa

from anchorwatch.errors import TransientError
from anchorwatch.settings import bundled, home
from anchorwatch.warehouse.embedded import AIRFLOW_URL_FILE

POOL = "llm_judge"
START_SECONDS = 120
_LOCAL_SETTINGS = "from anchorwatch.airflow_support.preload import preload\n\npreload()\n"
STOP_SECONDS = 20


def airflow_environment(port: int) -> dict[str, str]:
    """Return the environment for Airflow on the embedded Postgres, for localhost only."""
    metadata = sa.make_url((home() / AIRFLOW_URL_FILE).read_text(encoding="utf-8").strip())
    bin_directory = Path(sys.executable).parent
    url = f"http://127.0.0.1:{port}"
    ours = {
        # `airflow standalone` starts `airflow` itself.
        "PATH": f"{bin_directory}{os.pathsep}{os.environ.get('PATH', '')}",
        "ANCHORWATCH_HOME": str(home()),
        "AIRFLOW_HOME": str(home() / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(bundled("dags")),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{url}/execution/",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": metadata.set(drivername="postgresql+psycopg2").render_as_string(False),
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": str(port),
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API__WORKERS": "1",
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "300",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "1",
        "AIRFLOW__SCHEDULER__CATCHUP_BY_DEFAULT": "False",
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "GX_ANALYTICS_ENABLED": "false",
    }
    environment = {**os.environ, **ours}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    return environment


def connection_variable(conn_type: str, **fields: object) -> str:
    """Return an Airflow connection as the value of an AIRFLOW_CONN_ variable."""
    return json.dumps({"conn_type": conn_type, **fields})


class AirflowApi:
    """The few calls of Airflow's REST API that are needed here."""

    def __init__(self, port: int) -> None:
        self._client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)

    def is_healthy(self) -> bool:
        """Tell whether scheduler and metadata database answer."""
        try:
            health = self._client.get("/api/v2/monitor/health").json()
        except (httpx.HTTPError, ValueError):
            return False
        return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))

    def has_dag(self, dag_id: str) -> bool:
        """Tell whether the DAG has been parsed."""
        return self._call("GET", f"/dags/{dag_id}", expect=(200, 404)).status_code == 200

    def unpause(self, dag_id: str) -> None:
        """Let the DAG run."""
        self._call("PATCH", f"/dags/{dag_id}", json={"is_paused": False})

    def create_pool(self, slots: int) -> None:
        """Create the judge's pool, unless it is there."""
        body = {"name": POOL, "slots": slots, "description": "Parallel judge tasks", "include_deferred": False}
        self._call("POST", "/pools", json=body, expect=(201, 409))

    def create_backfill(self, dag_id: str, first: str, last: str, max_active_runs: int) -> int:
        """Start a backfill of the days first..last; return its id."""
        body = {
            "dag_id": dag_id,
            "from_date": f"{first}T00:00:00Z",
            "to_date": f"{last}T23:59:59Z",
            "max_active_runs": max_active_runs,
            "reprocess_behavior": "none",
        }
        return int(self._call("POST", "/backfills", json=body).json()["id"])

    def trigger(self, dag_id: str, **conf: str) -> str:
        """Start a manual run with parameters; return its run id."""
        body = {"logical_date": None, "conf": conf}
        return str(self._call("POST", f"/dags/{dag_id}/dagRuns", json=body).json()["dag_run_id"])

    def run_states(self, dag_id: str) -> dict[str, str]:
        """Return the state of every run of a DAG."""
        runs = self._call("GET", f"/dags/{dag_id}/dagRuns", params={"limit": 500}).json()["dag_runs"]
        return {run["dag_run_id"]: run["state"] for run in runs}

    def failed_tasks(self, dag_id: str, run_id: str) -> list[str]:
        """Return the tasks of a run that failed."""
        found = self._call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances").json()["task_instances"]
        return sorted({task["task_id"] for task in found if task["state"] == "failed"})

    def _call(self, method: str, path: str, expect: tuple[int, ...] = (200, 201), **options: object) -> httpx.Response:
        if "Authorization" not in self._client.headers:
            token = self._client.get("/auth/token").json()["access_token"]
            self._client.headers["Authorization"] = f"Bearer {token}"
        response = self._client.request(method, f"/api/v2{path}", **options)  # type: ignore[arg-type]
        if response.status_code not in expect:
            raise TransientError(f"Airflow answered {response.status_code} to {method} {path}: {response.text[:300]}")
        return response


@contextmanager
def airflow_running(environment: dict[str, str], port: int) -> Iterator[AirflowApi]:
    """Start `airflow standalone` in a process group of its own, wait until it is healthy, stop it at the end.

    Raises:
        TransientError: It ended or did not become healthy; the message names its log.
    """
    log_path = home() / "airflow.log"
    settings_path = Path(environment["AIRFLOW_HOME"]) / "config" / "airflow_local_settings.py"
    settings_path.parent.mkdir(parents=True, exist_ok=True)
    settings_path.write_text(_LOCAL_SETTINGS, encoding="utf-8")
    with log_path.open("ab") as log:
        command = [str(Path(sys.executable).parent / "airflow"), "standalone"]
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        try:
            api = AirflowApi(port)
            _wait(lambda: api.is_healthy() and api.has_dag("nightly_evaluation"), process, log_path)
            yield api
        finally:
            _stop(process)


def _wait(ready: object, process: "subprocess.Popen[bytes]", log_path: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():  # type: ignore[operator]
        if process.poll() is not None or time.monotonic() > deadline:
            raise TransientError(f"Airflow did not start; see {log_path}")
        time.sleep(0.5)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop the whole group: a signal to the parent alone leaves its children on the port."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, wanted)
            process.wait(STOP_SECONDS)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue
