"""A night that is killed, doubled, in another time zone, or loses its database: its tables are a quiet one's."""

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from fault_world import FaultWorld, differences, kill_at, write_config

from anchorwatch.warehouse import embedded


@pytest.fixture
def world(warehouse_url, judge_server, tmp_path):
    return FaultWorld(warehouse_url, write_config(tmp_path, judge_server.url)).prepare()


@pytest.fixture(scope="module")
def undisturbed(anchorwatch_home, tmp_path_factory):
    """The tables of a quiet run, made once."""
    import psycopg

    from anchorwatch.demo.ports import free_port
    from anchorwatch.demo.receiver import ServerThread
    from anchorwatch.simulator.judge_server import create_app

    admin = f"host={anchorwatch_home / 'pg'} user=postgres dbname=postgres"
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("CREATE DATABASE undisturbed TEMPLATE anchorwatch OWNER anchorwatch")
    port = free_port(0)
    config = write_config(tmp_path_factory.mktemp("undisturbed"), f"http://127.0.0.1:{port}/v1")
    quiet = FaultWorld(f"postgresql://anchorwatch@/undisturbed?host={anchorwatch_home / 'pg'}", config).prepare()
    with ServerThread(create_app(), port):
        quiet.run_here()
    yield quiet.tables()
    with psycopg.connect(admin, autocommit=True) as connection:
        connection.execute("DROP DATABASE undisturbed WITH (FORCE)")


def killed_and_retried(world, undisturbed, judge_server, count, fractions):
    started = time.monotonic()
    world.finish()
    length = time.monotonic() - started
    needed = judge_server.calls
    engine = world.engine
    with engine.begin() as connection:
        for table in ("judge_cache", "judge_claims", "judge_calls", "day_partitions", "samples", "evaluations"):
            connection.exec_driver_sql(f"DELETE FROM {table}")
    engine.dispose()
    kills = sum(kill_at(world.start(), fraction * length) for fraction in fractions)
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count("SIGKILL of a night at a random moment", tried=kills, lost=lost, duplicated=duplicated)
    in_flight = 4
    again = judge_server.calls - 2 * needed
    count("... judge calls beyond those in flight", tried=kills, duplicated=max(again - in_flight * kills, 0))


def test_a_night_killed_at_random_moments_and_retried(world, undisturbed, judge_server, count):
    rng = random.Random(1)
    killed_and_retried(world, undisturbed, judge_server, count, [0.3 + 0.6 * rng.random() for _ in range(2)])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_night_killed_many_times(world, undisturbed, judge_server, count, seed):
    rng = random.Random(10 + seed)
    killed_and_retried(world, undisturbed, judge_server, count, [(n + rng.random()) / 12 for n in range(12)])


def test_two_runs_of_the_same_days_at_once(world, undisturbed, judge_server, count):
    first, second = world.start(), world.start()
    said = [process.communicate(timeout=180)[0] for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], said
    lost, duplicated = differences(world.tables(), undisturbed)
    count("two runs of the same days at once", lost=lost, duplicated=duplicated)


@pytest.mark.parametrize("zone", ["America/St_Johns", pytest.param("Pacific/Kiritimati", marks=pytest.mark.long)])
def test_another_time_zone_and_a_change_of_clocks(world, undisturbed, judge_server, count, zone):
    """In St John's the clocks change two days before the log begins; Kiritimati is fourteen hours ahead."""
    from fault_world import DAY

    assert DAY.isoformat() == "2026-03-10"
    world.finish(TZ=zone, PGTZ=zone)
    lost, duplicated = differences(world.tables(), undisturbed)
    count("clock in another time zone, over a change of clocks", lost=lost, duplicated=duplicated)


@pytest.fixture
def own_server(judge_server, tmp_path):
    """A warehouse on a Postgres of its own, that may be hurt."""
    import shutil
    import tempfile

    home = Path(tempfile.mkdtemp(prefix="awf", dir="/tmp"))
    home.chmod(0o755)
    environment = {**os.environ, "ANCHORWATCH_HOME": str(home)}
    environment.pop("ANCHORWATCH_WAREHOUSE_URL", None)

    def db(verb):
        command = [sys.executable, "-m", "anchorwatch.cli", "db", verb]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.strip()

    url = db("start").splitlines()[-1]
    yield FaultWorld(url, write_config(tmp_path, judge_server.url)).prepare(), home / "pg", db
    db("stop")
    shutil.rmtree(home, ignore_errors=True)


def restarted(own_server, undisturbed, count, waits):
    world, directory, _ = own_server
    for wait in waits:
        process = world.start()
        time.sleep(wait)  # a moment of the run, not a wait for something
        embedded._control(directory, "restart", "-m", "immediate", "-l", str(directory / "log"))
        said, _ = process.communicate(timeout=180)
        assert "Traceback" not in said, said
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count("Postgres restarted in a run", tried=len(waits), lost=lost, duplicated=duplicated)


def test_postgres_restarted_in_the_middle(own_server, undisturbed, count):
    restarted(own_server, undisturbed, count, [4.5])


@pytest.mark.long
def test_postgres_restarted_many_times(own_server, undisturbed, count):
    rng = random.Random(5)
    restarted(own_server, undisturbed, count, [2 + 6 * rng.random() for _ in range(15)])
