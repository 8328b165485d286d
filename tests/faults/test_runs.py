"""A night that is killed, doubled, or in another time zone: its tables are a quiet one's."""

import json
import random
import time

import httpx
import pytest
from fault_world import FaultWorld, differences, kill_at, write_config
from faulty_server import FaultyServer, serving


@pytest.fixture
def world(warehouse_url, judge_server, tmp_path):
    return FaultWorld(warehouse_url, write_config(tmp_path, judge_server.url)).prepare()


def killed_and_retried(world, undisturbed, judge_server, count, fractions):
    started = time.monotonic()
    world.finish()
    length = time.monotonic() - started
    needed = judge_server.calls
    world.forget()
    kills = sum(kill_at(world.start(), fraction * length) for fraction in fractions)
    world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    count("SIGKILL of a night at a random moment", tried=kills, lost=lost, duplicated=duplicated)
    in_flight = 4
    again = judge_server.calls - 2 * needed
    count(
        "SIGKILL of a night: judge calls paid again, beyond those in flight",
        tried=kills,
        duplicated=max(again - in_flight * kills, 0),
    )


def test_a_night_killed_at_random_moments_and_retried(world, undisturbed, judge_server, count):
    rng = random.Random(1)
    killed_and_retried(world, undisturbed, judge_server, count, [0.3 + 0.6 * rng.random() for _ in range(2)])


@pytest.mark.long
@pytest.mark.parametrize("seed", range(5))
def test_a_night_killed_many_times(world, undisturbed, judge_server, count, seed):
    rng = random.Random(10 + seed)
    killed_and_retried(world, undisturbed, judge_server, count, [(n + rng.random()) / 12 for n in range(12)])


def two_runs_at_once(world, undisturbed, count, delays):
    lost = duplicated = 0
    for delay in delays:
        world.forget()
        first = world.start()
        time.sleep(delay)  # a moment of the first run, not a wait for something
        second = world.start()
        said = [process.communicate(timeout=180)[0] for process in (first, second)]
        assert [process.returncode for process in (first, second)] == [0, 0], said
        found = differences(world.tables(), undisturbed)
        lost, duplicated = lost + found[0], duplicated + found[1]
    count("two runs of the same days at once", tried=len(delays), lost=lost, duplicated=duplicated)


def test_two_runs_of_the_same_days_at_once(world, undisturbed, count):
    two_runs_at_once(world, undisturbed, count, [0.0])


@pytest.mark.long
def test_two_runs_of_the_same_days_at_many_distances(world, undisturbed, count):
    rng = random.Random(9)
    two_runs_at_once(world, undisturbed, count, [5 * rng.random() for _ in range(15)])


@pytest.mark.parametrize("zone", ["America/St_Johns", pytest.param("Pacific/Kiritimati", marks=pytest.mark.long)])
def test_another_time_zone_and_a_change_of_clocks(world, undisturbed, judge_server, count, zone):
    """In St John's the clocks change two days before the log begins; Kiritimati is fourteen hours ahead."""
    from fault_world import DAY

    assert DAY.isoformat() == "2026-03-10"
    world.finish(TZ=zone, PGTZ=zone)
    lost, duplicated = differences(world.tables(), undisturbed)
    count("clock in another time zone, over a change of clocks", lost=lost, duplicated=duplicated)


class FaultyJudge(FaultyServer):
    """Stands before the judge; of every question the first try fails, each in another way."""

    silent_seconds = 1.5
    ways = (429, 500, "reset", "half", 503, "taken-reset", "silent", "drip", "taken-half", "taken-500")

    def __init__(self, judge_url):
        super().__init__()
        self.judge_url, self.seen = judge_url, set()

    def fate(self, path, body):
        question = json.dumps(json.loads(body)["messages"][1:])
        if question in self.seen:
            return 200
        self.seen.add(question)
        return self.ways[len(self.seen) % len(self.ways)]

    def answer(self, path, body):
        return httpx.post(f"{self.judge_url}/chat/completions", content=body, timeout=10).content


def test_a_judge_that_fails_in_every_way_once_a_question(warehouse_url, judge_server, undisturbed, tmp_path, count):
    judge = FaultyJudge(judge_server.url)
    with serving(judge):
        config = write_config(tmp_path, judge.address + "/v1", judge={"timeout_seconds": 1})
        world = FaultWorld(warehouse_url, config).prepare()
        world.finish()
    lost, duplicated = differences(world.tables(), undisturbed)
    assert len(judge.seen) >= 100
    count("judge: 429, 500, 503, reset, half an answer, silence, drip", tried=len(judge.seen), lost=lost,
          duplicated=duplicated)  # fmt: skip
