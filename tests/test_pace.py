"""How fast the judge is asked: limits per minute, and what the endpoint says."""

import asyncio

import pytest

from anchorwatch.judge_client import Pace


class Clock:
    """A clock that only moves when told."""

    now = 1000.0

    def __call__(self):
        return self.now


def answers(pace, clock, *, seconds, refused, each=20):
    """Let `each` answers arrive every second, the given share of them 429."""
    for _ in range(seconds):
        for n in range(each):
            pace.saw(429 if n < refused * each else 200, {})
        clock.now += 1.1
        pace.saw(200, {})


def test_many_refusals_lower_the_calls_in_flight_and_success_raises_them_again():
    clock = Clock()
    pace = Pace(64, clock=clock)
    answers(pace, clock, seconds=5, refused=0.8)
    low = pace.limit
    assert low < 20
    answers(pace, clock, seconds=20, refused=0.0)
    assert pace.limit == 64


def test_a_few_refusals_are_nobodys_fault():
    clock = Clock()
    pace = Pace(64, clock=clock)
    answers(pace, clock, seconds=10, refused=0.05)
    assert pace.limit == 64


def test_the_limit_never_falls_below_one_call():
    clock = Clock()
    pace = Pace(8, clock=clock)
    answers(pace, clock, seconds=50, refused=1.0)
    assert pace.limit == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("2", 2), ("0.5", 0.5), ("1m2s", 62), ("20ms", 0.02), ("soon", 0), ("-3", 0), ("9999", 60)]
)
def test_retry_after_pauses_everybody_when_many_are_refused(header, seconds):
    clock = Clock()
    pace = Pace(64, clock=clock)
    for _ in range(10):
        pace.saw(429, {"retry-after": header})
    assert pace._paused_until - clock.now == pytest.approx(min(seconds, 60)) or seconds == 0


@pytest.mark.parametrize("kind", ["requests", "tokens"])
def test_a_spent_budget_waits_for_its_reset(kind):
    clock = Clock()
    pace = Pace(64, clock=clock)
    pace.saw(200, {f"x-ratelimit-remaining-{kind}": "0", f"x-ratelimit-reset-{kind}": "1.5s"})
    assert pace._paused_until == clock.now + 1.5


def begun_at_once(pace, calls, tokens=1):
    """Return how many of these calls may begin without waiting for time to pass."""

    async def run():
        tasks = [asyncio.create_task(pace.begin(tokens)) for _ in range(calls)]
        for _ in range(10):
            await asyncio.sleep(0)
        begun = sum(task.done() for task in tasks)
        for task in tasks:
            task.cancel()
        return begun

    return asyncio.run(run())


def test_requests_per_minute():
    assert begun_at_once(Pace(64, requests_per_minute=60), 50) == 5
    assert begun_at_once(Pace(64, requests_per_minute=6), 50) == 1
    assert begun_at_once(Pace(64), 50) == 50


def test_tokens_per_minute():
    assert begun_at_once(Pace(64, tokens_per_minute=12_000), 50, tokens=100) == 10
    # A call larger than the bucket waits for several fillings instead of failing.
    assert begun_at_once(Pace(64, tokens_per_minute=600), 50, tokens=5000) == 0


def test_calls_in_flight_are_bounded_and_a_place_given_back_is_taken():
    async def run():
        pace = Pace(2)
        tasks = [asyncio.create_task(pace.begin(1)) for _ in range(5)]
        await asyncio.sleep(0)
        first = sum(task.done() for task in tasks)
        pace.end()
        await asyncio.sleep(0)
        return first, sum(task.done() for task in tasks)

    assert asyncio.run(run()) == (2, 3)
