"""Airflow's scheduler, and its tasks, killed with SIGKILL while a backfill runs: the tables are a quiet backfill's."""

import random
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from airflow_world import COMPARED, DAG, DAYS, make_world, running
from fault_world import differences
from warehouse_rows import query_all, table_rows

from anchorwatch.alerting.slack import REPEAT
from anchorwatch.settings import bundled

KILLS = 18
HOW = {
    "scheduler": "the scheduler; its workers outlive it for up to 6 s",
    "everything": "the scheduler with its workers and tasks",
    "tasks": "running tasks",
}
QUICKLY = {
    "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "10",
    "AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "5",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "15",
    "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
}


@pytest.fixture(scope="module")
def world(anchorwatch_home, tmp_path_factory):
    """The same DAG with shorter pauses before a retry, and more of them: each kill may cost a try."""
    dags = tmp_path_factory.mktemp("dags")
    text = (bundled("dags") / f"{DAG}.py").read_text()
    patient = '"retries": 2, "retry_delay": timedelta(minutes=5)'
    assert patient in text
    (dags / f"{DAG}.py").write_text(text.replace(patient, '"retries": 40, "retry_delay": timedelta(seconds=2)'))
    more = {"AIRFLOW__CORE__DAGS_FOLDER": str(dags), **QUICKLY}
    with make_world(anchorwatch_home, tmp_path_factory.mktemp("killed"), **more) as made, running(made):
        yield made


class Scheduler:
    """The scheduler that `airflow standalone` started, and those that replace it."""

    def __init__(self, world):
        self.world, self.ever = world, []
        (self.now,) = [process for process in psutil.process_iter() if self._is_ours(process)]

    def _is_ours(self, process):
        with suppress(psutil.Error):
            ours = process.environ().get("AIRFLOW_HOME") == self.world.environment["AIRFLOW_HOME"]
            return ours and process.cmdline()[-1:] == ["scheduler"]
        return False

    def kill(self, how, overlap=0.0):
        """Kill the scheduler, or it with its workers and their tasks, or the tasks alone; return how many died.

        Workers outlive a scheduler that is killed alone, and keep its database session open, with its locks: no
        other scheduler gets on until they are gone too. A service manager kills them; here it is done after
        `overlap` seconds, in which they go on with their tasks.
        """
        below = self.now.children(recursive=True)
        workers = self.now.children()
        victims = {"scheduler": [self.now], "everything": [self.now, *below],
                   "tasks": [one for one in below if one not in workers]}[how]  # fmt: skip
        self.ever += [self.now, *below]
        for process in victims:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        if self.now in victims:
            with suppress(psutil.NoSuchProcess):
                while self.now.status() != psutil.STATUS_ZOMBIE:
                    time.sleep(0.01)  # it is on its way out
            self.start()
        if how == "scheduler":
            time.sleep(overlap)
            for process in below:
                with suppress(psutil.NoSuchProcess):
                    process.kill()
        return len(victims)

    def wait_for_a_task(self, seconds=60):
        """Wait until a worker has a task in hand, if one comes."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with suppress(psutil.NoSuchProcess):
                if len(self.now.children(recursive=True)) > len(self.now.children()):
                    return
            time.sleep(0.05)

    def start(self):
        command = [str(Path(sys.executable).parent / "airflow"), "scheduler"]
        with (self.world.home / "airflow.log").open("ab") as log:
            self.now = psutil.Popen(command, env=self.world.environment, stdout=log, stderr=log, start_new_session=True)

    def end(self):
        self.ever += [self.now, *self.now.children(recursive=True)]
        for process in self.ever:
            with suppress(psutil.NoSuchProcess):
                process.kill()


@pytest.fixture
def scheduler(world):
    made = Scheduler(world)
    yield made
    made.end()


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_scheduler_and_tasks_killed_in_a_backfill_and_in_a_live_night(world, scheduler, count, monkeypatch):
    rng = random.Random(8)
    api = world.api
    api.create_pool(slots=2)
    api.unpause(DAG)
    world.backfill(backwards=False)
    tried = dict.fromkeys(HOW, 0)
    for n in range(KILLS):
        scheduler.wait_for_a_task()
        time.sleep(3 * rng.random())  # a moment of the backfill, not a wait for something
        how = list(HOW)[n % len(HOW)]
        tried[how] += scheduler.kill(how, overlap=6 * rng.random()) > 0
    world.wait_for(lambda run_id: run_id.startswith("backfill"), DAYS - 1, seconds=600)

    live = api.trigger(DAG, run_date=world.last.isoformat())
    for _ in range(3):
        scheduler.wait_for_a_task()
        time.sleep(3 * rng.random())
        tried["everything"] += scheduler.kill("everything") > 0
    world.wait_for(lambda run_id: run_id == live, 1, seconds=600)

    monkeypatch.setenv("ANCHORWATCH_CONFIG", str(world.folder / "anchorwatch.yaml"))
    world.run_without_airflow()
    sides = [
        {table: table_rows(engine, table) for table in COMPARED} for engine in (world.airflow_side, world.local_side)
    ]
    lost, duplicated = differences(*sides)
    for how, times in tried.items():
        count(f"Airflow: SIGKILL of {HOW[how]}", tried=times, lost=lost, duplicated=duplicated)
    kept = query_all(world.airflow_side, "SELECT channel, status FROM alerts ORDER BY channel")
    assert kept == [("pagerduty", "sent"), ("slack", "sent")]
    events = {(channel, body.get("dedup_key")) for channel, body in world.received}
    again = len([channel for channel, body in world.received if channel == "slack" and REPEAT not in str(body)]) - 1
    count("Airflow: alerts of a night whose scheduler was killed", tried=2, lost=2 - len(events), duplicated=again)
