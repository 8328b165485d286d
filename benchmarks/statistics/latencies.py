"""Simulated latency logs: ten segments, six query types of their own speed, a mix that moves or does not.

Everything here is an assumption, stated in one place; no real log is used.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

SEGMENT_SHARES = np.array([0.25, 0.20, 0.15, 0.12, 0.10, 0.06, 0.05, 0.03, 0.02, 0.02])
TYPE_SHARES = np.array([0.30, 0.25, 0.15, 0.15, 0.10, 0.05])
MEDIAN_MS = np.array([400.0, 700.0, 1000.0, 1500.0, 2500.0, 6000.0])
LOG_SD = np.array([0.45, 0.50, 0.50, 0.55, 0.55, 0.60])
REQUESTS = 2000
COMMON, OWN, WEEKDAY, PERSISTENCE = 0.012, 0.015, 0.02, 0.5
"""Standard deviations on the log scale: day-to-day noise of all segments and of each, effects of weekdays."""


@dataclass(frozen=True)
class World:
    """How the mix moves and what gets slower.

    Attributes:
        weight: (day, segments x types of 1) -> factors of the types' traffic; None where the mix stays.
        slower: Log of the factor of latency, segments x types, from `day` on.
        day: First day of the slowdown.
        new_type: Day from which a seventh type of 10 % of the traffic is there, as slow as the slowest.
    """

    weight: Callable[[Array], Array] | None = None
    slower: Array | None = None
    day: int = 0
    new_type: int | None = None


def step(at: int, kind: int, share: float) -> Callable[[Array], Array]:
    """A type's share becomes another from a day on; the others keep their proportions."""
    return ramp(at, 1, kind, share)


def ramp(at: int, days: int, kind: int, share: float) -> Callable[[Array], Array]:
    """A type's share goes to another within so many days."""
    old = TYPE_SHARES[kind]
    odds = share / (1 - share) * (1 - old) / old

    def weight(day: Array) -> Array:
        found = np.ones((len(day), 1, len(TYPE_SHARES)))
        found[:, 0, kind] = 1 + (odds - 1) * np.clip((day - at + 1) / days, 0, 1)
        return found

    return weight


def in_segment(segment: int, inner: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The mix moves in one segment only."""

    def weight(day: Array) -> Array:
        found = np.ones((len(day), len(SEGMENT_SHARES), len(TYPE_SHARES)))
        found[:, segment] = inner(day)[:, 0]
        return found

    return weight


def weekends(kind: int, factor: float) -> Callable[[Array], Array]:
    """A type has more traffic on two days of seven."""

    def weight(day: Array) -> Array:
        found = np.ones((len(day), 1, len(TYPE_SHARES)))
        found[day % 7 >= 5, 0, kind] = factor
        return found

    return weight


def campaigns(kind: int, factor: float, every: int, length: int) -> Callable[[Array], Array]:
    """A type has more traffic for some days, again and again."""

    def weight(day: Array) -> Array:
        found = np.ones((len(day), 1, len(TYPE_SHARES)))
        found[(day >= 70) & (day % every < length), 0, kind] = factor
        return found

    return weight


def wandering(sd: float, persistence: float) -> Callable[[Array], Array]:
    """Every type's traffic wanders: an AR(1) on the log scale, another path for every deployment in its turn."""
    rng = np.random.default_rng(5)

    def weight(day: Array) -> Array:
        return np.exp(sd * ar1(rng, (len(day), len(TYPE_SHARES)), persistence))[:, None]

    return weight


def ar1(rng: np.random.Generator, shape: tuple[int, ...], persistence: float) -> Array:
    """Standard AR(1) noise along the first axis."""
    noise = rng.standard_normal(shape)
    for day in range(1, shape[0]):
        noise[day] = persistence * noise[day - 1] + np.sqrt(1 - persistence**2) * noise[day]
    return noise


def simulate(world: World, days: int, seed: int, lowest: int, buckets: int, width: float) -> Array:
    """Return one deployment's counts: segments x types x days x buckets (number lowest + column)."""
    rng = np.random.default_rng([seed, days])
    day = np.arange(days)
    segments, types = len(SEGMENT_SHARES), len(TYPE_SHARES)
    weight = np.ones((days, 1, types)) if world.weight is None else world.weight(day)
    share = SEGMENT_SHARES[None, :, None] * weight * TYPE_SHARES / (weight * TYPE_SHARES).sum(axis=2, keepdims=True)
    median, sd = np.log(MEDIAN_MS), LOG_SD
    if world.new_type is not None:
        new = np.where(day >= world.new_type, 0.1, 0.0)[:, None, None] * SEGMENT_SHARES[None, :, None]
        share = np.concatenate([share * (1 - new.sum(axis=1, keepdims=True)), new], axis=2)
        median, sd, types = np.append(median, median[-1]), np.append(sd, sd[-1]), types + 1
    log = COMMON * ar1(rng, (days, 1, 1), PERSISTENCE) + OWN * ar1(rng, (days, segments, 1), PERSISTENCE)
    log = log + rng.normal(0, WEEKDAY, 7)[day % 7][:, None, None] + median
    if world.slower is not None:
        log[world.day :, :, : world.slower.shape[1]] += world.slower
    n = rng.poisson(REQUESTS * share)
    at = np.repeat(np.arange(n.size), n.ravel())
    latency = np.repeat(log.ravel(), n.ravel()) + np.tile(sd, days * segments)[at] * rng.standard_normal(len(at))
    column = np.clip(np.ceil(latency / width).astype(int) - lowest, 0, buckets - 1)
    counts = np.bincount(at * buckets + column, minlength=n.size * buckets)
    return counts.reshape(days, segments, types, buckets).transpose(1, 2, 0, 3)
