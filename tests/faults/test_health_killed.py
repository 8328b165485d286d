"""The five-minute job killed at any moment of a tick: buckets, findings, incidents and alerts are a quiet job's."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from fault_world import differences
from health_world import BOOK, FORGET, NOW, SETTINGS, TABLES, traffic, with_history
from warehouse_rows import insert_requests, query_all, table_rows

from anchorwatch.steps.health import fill, tick
from anchorwatch.warehouse import connect
from anchorwatch.warehouse.initialise import initialise

SUPPORT = Path(__file__).parent.parent / "support"
MOMENTS = [NOW + timedelta(minutes=5 * n) for n in range(1, 25)]
SAID = "SELECT channel, status, run_date, dedup_key, payload ->> 'event_action', payload ->> 'text' FROM alerts"
LIVES = "SELECT rule_ids, severity, status, opened_at, resolved_at, title FROM incidents"


@pytest.fixture
def outage(engine):
    """Half an hour of errors in two hours of traffic, and four weeks of history."""
    initialise(engine, SETTINGS)
    with_history(engine)
    insert_requests(engine, list(traffic(NOW, 30, errors=0.5, latency_ms=900.0)))
    insert_requests(engine, list(traffic(NOW + timedelta(minutes=30), 90)))
    return engine


def state(engine):
    found = {table: table_rows(engine, table) for table in TABLES}
    return found | {"incidents": sorted(query_all(engine, LIVES)), "alerts": sorted(query_all(engine, SAID), key=repr)}


def forget(engine):
    with connect(engine) as connection:
        connection.exec_driver_sql(FORGET)
        for table in (*TABLES, "health_watermarks"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    for weeks in range(1, 5):
        day = (NOW - timedelta(weeks=weeks)).date()
        fill(engine, SETTINGS, day, day)


def killed(engine, warehouse_url, count, which, seed):
    for moment in MOMENTS:
        tick(engine, SETTINGS, BOOK, moment, moment)
    quiet = state(engine)
    assert [one[2] for one in quiet["incidents"]] == ["resolved"]
    forget(engine)
    rng = random.Random(seed)
    environment = {**os.environ, "ANCHORWATCH_WAREHOUSE_URL": warehouse_url, "PYTHONPATH": str(SUPPORT)}
    kills = 0
    for number, moment in enumerate(MOMENTS):
        if number in which:
            command = [sys.executable, str(SUPPORT / "tick_process.py"), moment.isoformat()]
            process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(0.8 * rng.random())  # a moment of the tick, not a wait for something
            kills += process.poll() is None
            process.kill()
            process.communicate()
        tick(engine, SETTINGS, BOOK, moment, moment)
    lost, duplicated = differences(state(engine), quiet)
    count("SIGKILL of a tick of health, then the tick again", tried=kills, lost=lost, duplicated=duplicated)


def test_ticks_killed_while_an_incident_opens(outage, warehouse_url, count):
    killed(outage, warehouse_url, count, {2, 3}, 1)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_every_tick_killed(outage, warehouse_url, count, seed):
    killed(outage, warehouse_url, count, set(range(len(MOMENTS))), 20 + seed)
