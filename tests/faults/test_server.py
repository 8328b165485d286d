"""A warehouse whose server restarts, or whose disk is full, in the middle of a run: nothing is lost in the end."""

import random
import time

import pytest
from fault_world import FaultWorld, differences, write_config
from own_postgres import WAL_SEGMENT_BYTES, own_postgres


@pytest.fixture(scope="module")
def server():
    with own_postgres() as made:
        yield made


@pytest.fixture
def world(server, judge_server, tmp_path):
    return FaultWorld(server.new_database(), write_config(tmp_path, judge_server.url)).prepare()


def restarted(server, world, undisturbed, count, waits):
    for wait in waits:
        process = world.start()
        time.sleep(wait)  # a moment of the run, not a wait for something
        server.control("restart", "-m", "immediate")
        said, _ = process.communicate(timeout=180)
        assert "Traceback" not in said, said
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count("Postgres restarted in a run", tried=len(waits), lost=lost, duplicated=duplicated)


def test_postgres_restarted_in_the_middle(server, world, undisturbed, count):
    restarted(server, world, undisturbed, count, [4.5])


@pytest.mark.long
def test_postgres_restarted_many_times(server, world, undisturbed, count):
    rng = random.Random(5)
    restarted(server, world, undisturbed, count, [2 + 6 * rng.random() for _ in range(15)])


def disk_full(server, world, undisturbed, count, waits, *, bytes_allowed, name):
    """A run meets a full disk at a moment of it; then there is room again, and the days are run once more."""
    tables_full = bytes_allowed > 0
    failed = 0
    for wait in waits:
        if tables_full:
            server.fill_tables(world.url)
        process = world.start()
        time.sleep(wait)  # a moment of the run, not a wait for something
        server.limit_files(bytes_allowed)
        said, _ = process.communicate(timeout=180)
        assert "Traceback" not in said, said
        failed += process.returncode != 0
        if process.returncode != 0:
            assert process.returncode == 1, said
            assert "error: " in said, said
        if not tables_full:
            # Without its log of changes the server gives up; somebody makes room and starts it.
            server.control("stop", "-m", "immediate")
            server.start()
        else:
            server.limit_files(None)
    assert failed, "the disk was never full when it mattered"
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count(name, tried=failed, lost=lost, duplicated=duplicated)


TABLES = {"bytes_allowed": WAL_SEGMENT_BYTES, "name": "no room for a new page of a table"}
LOG = {"bytes_allowed": 0, "name": "no room for anything, and the server dies of it"}


def test_tables_find_no_room_in_the_middle(server, world, undisturbed, count):
    disk_full(server, world, undisturbed, count, [2.5], **TABLES)


@pytest.mark.long
def test_tables_find_no_room_many_times(server, world, undisturbed, count):
    rng = random.Random(6)
    disk_full(server, world, undisturbed, count, [6 * rng.random() for _ in range(10)], **TABLES)


@pytest.mark.long
def test_nothing_finds_room_many_times(server, world, undisturbed, count):
    rng = random.Random(7)
    disk_full(server, world, undisturbed, count, [2 + 5 * rng.random() for _ in range(10)], **LOG)
