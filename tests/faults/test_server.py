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
def new_world(server, judge_server, tmp_path):
    return lambda: FaultWorld(server.new_database(), write_config(tmp_path, judge_server.url)).prepare()


def restarted(server, world, undisturbed, count, moments):
    """A moment waits for something in the run that it is given."""
    running = 0
    for moment in moments:
        process = world.start()
        moment(process)
        running += process.poll() is None
        server.control("restart", "-m", "immediate")
        said, _ = process.communicate(timeout=180)
        assert "Traceback" not in said, said
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count("Postgres restarted in a run", tried=running, lost=lost, duplicated=duplicated)


def test_postgres_restarted_in_the_middle(server, new_world, judge_server, undisturbed, count):
    def fifty_questions(process):
        while judge_server.calls < 50 and process.poll() is None:
            time.sleep(0.05)

    restarted(server, new_world(), undisturbed, count, [fifty_questions])


@pytest.mark.long
def test_postgres_restarted_many_times(server, new_world, undisturbed, count):
    rng = random.Random(5)
    restarted(server, new_world(), undisturbed, count, [lambda _: time.sleep(2 + 6 * rng.random())] * 15)


def disk_full(server, new_world, undisturbed, count, waits, *, bytes_allowed, name):
    """A run meets a full disk at a moment of it; then there is room again, and the days are run once more."""
    tried = lost = duplicated = 0
    for wait in waits:
        world = new_world()
        if bytes_allowed:
            server.fill_tables(world.url)
        process = world.start()
        time.sleep(wait)  # a moment of the run, not a wait for something
        server.limit_files(bytes_allowed)
        said, _ = process.communicate(timeout=180)
        assert "Traceback" not in said, said
        assert process.returncode in (0, 1), said
        if process.returncode:
            assert "error: " in said
            tried += 1
        # Somebody makes room, and starts the server, which gives up where it cannot write its log of changes.
        server.control("restart", "-m", "immediate")
        world.finish()
        found = differences(world.tables(), undisturbed)
        lost, duplicated = lost + found[0], duplicated + found[1]
    assert tried, "the disk was never full when it mattered"
    count(name, tried=tried, lost=lost, duplicated=duplicated)


TABLES = {"bytes_allowed": WAL_SEGMENT_BYTES, "name": "disk full: no table can grow"}
LOG = {"bytes_allowed": 0, "name": "disk full: nothing can be written, the server dies of it"}


def test_tables_find_no_room(server, new_world, undisturbed, count):
    disk_full(server, new_world, undisturbed, count, [0.0], **TABLES)


@pytest.mark.long
def test_tables_find_no_room_many_times(server, new_world, undisturbed, count):
    rng = random.Random(6)
    disk_full(server, new_world, undisturbed, count, [6 * rng.random() for _ in range(10)], **TABLES)


@pytest.mark.long
def test_nothing_finds_room_many_times(server, new_world, undisturbed, count):
    rng = random.Random(7)
    disk_full(server, new_world, undisturbed, count, [2 + 5 * rng.random() for _ in range(10)], **LOG)
