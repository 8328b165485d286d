"""A night whose process or whose database goes away in the middle, and its retry."""

import os
import signal
import subprocess
import sys
from datetime import timedelta

import psycopg
import pytest
from small_nights import clear, run, state, traffic
from warehouse_rows import DAY, insert_requests, scalar

from anchorwatch.errors import TransientError
from anchorwatch.warehouse.initialise import initialise


@pytest.fixture
def stored(engine, settings):
    insert_requests(engine, traffic())
    initialise(engine, settings)
    return engine


_KILLED = """
import sys
from datetime import date
from anchorwatch.settings import Settings, load_rules
from anchorwatch.steps.local import run_day
from anchorwatch.steps.run import Run
from anchorwatch.warehouse import make_engine
settings = Settings.model_validate_json(sys.argv[1])
print("started", flush=True)
run_day(make_engine(), settings, load_rules(settings), Run("killed", date.fromisoformat(sys.argv[2]), "backfill"),
        date.fromisoformat(sys.argv[2]), lambda step: print("step", step, flush=True))
print("done", flush=True)
"""
_POINTS = ["checking logs", "sampling", "evaluating", "judging", "summarising", "detecting"]


def test_a_run_killed_anywhere_and_retried_leaves_the_same_tables(stored, settings, judge_server, warehouse_url):
    """SIGKILL while each step is under way; the retry has the same run id, as a task's retry has."""
    days = [DAY, DAY + timedelta(days=1)]
    for day in days:
        run(stored, settings, day)
    expected, paid = state(stored), judge_server.calls
    environment = {**os.environ, "ANCHORWATCH_WAREHOUSE_URL": warehouse_url}
    for point in _POINTS:
        clear(stored)
        run(stored, settings, days[0])
        command = [sys.executable, "-c", _KILLED, settings.model_dump_json(), days[1].isoformat()]
        process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        for line in process.stdout:
            if point in line:
                process.send_signal(signal.SIGKILL)
                break
        process.wait()
        run(stored, settings, days[1], run_id="killed")
        assert state(stored) == expected, point
    assert judge_server.calls == paid


def test_a_judge_killed_half_way_is_not_paid_again(stored, settings, judge_server, warehouse_url):
    """SIGKILL after 10 of 23 answers: the retry asks for the rest, plus at most the calls in flight."""
    slow = settings.model_copy(update={"judge": settings.judge.model_copy(update={"concurrency": 2})})
    killed = []

    def kill_at_ten(number, body):
        if number == 10 and not killed:
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    judge_server.fault = kill_at_ten
    command = [sys.executable, "-c", _KILLED, slow.model_dump_json(), DAY.isoformat()]
    process = subprocess.Popen(command, env={**os.environ, "ANCHORWATCH_WAREHOUSE_URL": warehouse_url})
    process.wait()
    assert killed
    run(stored, slow, DAY)
    distinct = scalar(stored, "SELECT COUNT(*) FROM judge_cache")
    in_flight = 2
    assert judge_server.calls <= distinct + in_flight


def test_a_database_that_goes_away_in_the_middle_is_transient(
    stored, settings, judge_server, warehouse_url, anchorwatch_home
):
    """All connections are cut, and none is let in, while the judge is asked; the retry ends the day."""
    name = warehouse_url.partition("@/")[2].partition("?")[0]
    admin = f"host={anchorwatch_home / 'pg'} user=postgres dbname=postgres"
    cut = []

    def cut_connections(number, body):
        if number == 5 and not cut:
            cut.append(True)
            with psycopg.connect(admin, autocommit=True) as connection:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
                connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])

    judge_server.fault = cut_connections
    with pytest.raises(TransientError, match="is not available"):
        run(stored, settings, DAY)
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    run(stored, settings, DAY)
    assert scalar(stored, "SELECT status FROM day_partitions") == "ok"
    assert scalar(stored, "SELECT COUNT(*) FROM samples WHERE status = 'judged'") == 23
