"""Simulated deployments: ten segments, daily judge scores, weekly seasons, persistent noise, a wandering mix.

Everything here is an assumption, stated in one place; no real log is used.
"""

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import Any

import numpy as np
from scipy import stats

SHARES = np.array([0.25, 0.20, 0.15, 0.12, 0.10, 0.06, 0.05, 0.03, 0.02, 0.02])
LEVELS = np.linspace(0, 1, 11)
START = date(2026, 1, 5)  # a Monday
MEAN = 0.80


@dataclass(frozen=True)
class World:
    """What a deployment is like.

    Attributes:
        judged: Judged rows a day over all segments.
        sd: Within-day standard deviation of a score.
        weekday: Standard deviation of weekday effects, relative to the mean.
        common, own: Standard deviation of day-to-day noise shared by all segments, and of each segment, relative.
        persistence: AR(1) coefficient of both.
        binary: Scores are 0 or 1.
        stratified: Rows per segment in proportion to the square root of its share, as the sampler here does;
            otherwise a simple random sample of all traffic.
        proxy: Correlation of a cheap score, known for all logged rows, with the judge's; 0 for none.
        logged: Logged rows per judged row, for the proxy.
        mix_step: Day on which the hardest segment's share goes from 6 to 20 %; None for never.
    """

    judged: int = 500
    sd: float = 0.25
    weekday: float = 0.015
    common: float = 0.007
    own: float = 0.010
    persistence: float = 0.5
    binary: bool = False
    stratified: bool = True
    proxy: float = 0.0
    logged: int = 20
    mix_step: int | None = None


BASE = World()
WORLDS = {
    "base": BASE,
    "no process noise": replace(BASE, common=0.0, own=0.0),
    "weekday sd 4 %": replace(BASE, weekday=0.04),
    "process x2": replace(BASE, common=0.014, own=0.020),
    "persistence .8": replace(BASE, persistence=0.8),
    "process x2, persistence .8": replace(BASE, common=0.014, own=0.020, persistence=0.8),
    "binary judge": replace(BASE, binary=True),
    "n = 200": replace(BASE, judged=200),
    "n = 2000": replace(BASE, judged=2000),
    "mix step": replace(BASE, mix_step=200),
}
DEVELOPMENT = {
    "350 a day, persistence .6": World(judged=350, common=0.009, own=0.012, persistence=0.6, weekday=0.02),
    "900 a day, calm": World(judged=900, common=0.005, own=0.008, persistence=0.3, weekday=0.01, sd=0.2),
    "250 a day, rough": World(judged=250, common=0.012, own=0.015, persistence=0.7, weekday=0.02, sd=0.3),
}
"""Worlds that OVERSHOOT was checked on."""
HELD_OUT = {
    "300 a day, wide scores, persistence .7": World(
        judged=300, sd=0.35, weekday=0.03, common=0.008, own=0.009, persistence=0.7
    ),
    "1200 a day, common noise": World(judged=1200, common=0.012, own=0.006, persistence=0.4, weekday=0.02),
    "800 a day, pass or fail": World(judged=800, binary=True, common=0.006, own=0.014, persistence=0.6, weekday=0.025),
}
"""Worlds written down after the detector was finished, and run once."""


@dataclass(frozen=True)
class Drift:
    """A change of the mean: by `factor`, from `day` on, in some segments; a ramp takes so many days."""

    day: int
    factor: float
    segments: tuple[int, ...] = tuple(range(10))
    ramp_days: int = 1


@dataclass(frozen=True)
class Scores:
    """Counts of judged rows by deployment, day, segment and score level; and what is known of all rows.

    Attributes:
        counts: (deployments, days, segments, levels).
        traffic: Share of the day's traffic (deployments, days, segments).
        proxy_scored, proxy_all: Mean proxy of the judged and of all logged rows; None without a proxy.
    """

    counts: np.ndarray[Any, Any]
    traffic: np.ndarray[Any, Any]
    proxy_scored: np.ndarray[Any, Any] | None
    proxy_all: np.ndarray[Any, Any] | None


def simulate(world: World, deployments: int, days: int, seed: int, drift: Drift | None = None) -> Scores:
    """Return the judged scores of so many deployments."""
    rng = np.random.default_rng([seed, deployments, days])
    shares = _shares(world, rng, deployments, days)
    means = _means(world, rng, deployments, days)
    if drift is not None:
        means = means * _factor(drift, days)[None]
    rows = _rows(world, rng, shares)
    counts = _draw(world, rng, rows, np.clip(means, 0.02, 0.98))
    proxies: tuple[Any, Any] = (None, None)
    if world.proxy:
        proxies = _proxies(world, rng, counts, rows, means)
    return Scores(counts, shares, *proxies)


def _shares(world: World, rng: np.random.Generator, deployments: int, days: int) -> np.ndarray[Any, Any]:
    wander = ar1(rng, (deployments, days, len(SHARES)), 0.95) * 0.10
    weekend = rng.normal(0, 0.2, (deployments, 1, len(SHARES))) * (np.arange(days) % 7 >= 5)[None, :, None]
    log_shares = np.log(SHARES) + wander + weekend
    if world.mix_step is not None:
        log_shares[:, world.mix_step :, 5] += np.log(0.20 / 0.06)
    shares = np.exp(log_shares)
    return shares / shares.sum(axis=2, keepdims=True)


def _means(world: World, rng: np.random.Generator, deployments: int, days: int) -> np.ndarray[Any, Any]:
    base = MEAN + rng.uniform(-0.06, 0.06, (deployments, 1, len(SHARES)))
    base[:, :, 5] -= 0.15 if world.mix_step is not None else 0.0
    weekday = rng.normal(0, world.weekday, (deployments, 7))[:, np.arange(days) % 7, None]
    common = ar1(rng, (deployments, days, 1), world.persistence) * world.common
    own = ar1(rng, (deployments, days, len(SHARES)), world.persistence) * world.own
    return base * (1 + weekday + common + own)


def ar1(rng: np.random.Generator, shape: tuple[int, int, int], rho: float) -> np.ndarray[Any, Any]:
    """Stationary AR(1) along the second axis, variance 1."""
    noise = rng.standard_normal(shape)
    noise[:, 1:] *= np.sqrt(1 - rho**2)
    for day in range(1, shape[1]):
        noise[:, day] += rho * noise[:, day - 1]
    return noise


def _factor(drift: Drift, days: int) -> np.ndarray[Any, Any]:
    progress = np.clip((np.arange(days) - drift.day + 1) / drift.ramp_days, 0, 1)
    factor = np.ones((days, len(SHARES)))
    for segment in drift.segments:
        factor[:, segment] += progress * (drift.factor - 1)
    return factor


def _rows(world: World, rng: np.random.Generator, shares: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    if not world.stratified:
        return rng.multinomial(world.judged, shares)
    roots = np.sqrt(shares)
    rows = np.round(world.judged * roots / roots.sum(axis=2, keepdims=True)).astype(int)
    return np.maximum(rows, 3)


@cache
def _level_table(sd: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Means, and the probabilities of the 11 levels at each: a rounded beta of that spread."""
    grid = np.linspace(0.02, 0.98, 481)
    size = np.maximum(grid * (1 - grid) / sd**2 - 1, 0.05)
    edges = (np.arange(12) - 0.5) / 10
    cdf = stats.beta.cdf(np.clip(edges, 0, 1), (grid * size)[:, None], ((1 - grid) * size)[:, None])
    cdf[:, -1] = 1.0
    cdf[:, 0] = 0.0
    table = np.diff(cdf, axis=1)
    return table @ LEVELS, table


def _draw(
    world: World, rng: np.random.Generator, rows: np.ndarray[Any, Any], means: np.ndarray[Any, Any]
) -> np.ndarray[Any, Any]:
    if world.binary:
        good = rng.binomial(rows, means)
        counts = np.zeros((*rows.shape, len(LEVELS)), dtype=np.int64)
        counts[..., -1], counts[..., 0] = good, rows - good
        return counts
    actual, table = _level_table(world.sd)
    at = np.interp(means, actual, np.arange(len(actual)))
    low = np.clip(at.astype(int), 0, len(actual) - 2)
    part = (at - low)[..., None]
    chances = table[low] * (1 - part) + table[low + 1] * part
    return rng.multinomial(rows, chances / chances.sum(axis=-1, keepdims=True))


def _proxies(
    world: World, rng: np.random.Generator, counts: np.ndarray[Any, Any], rows: np.ndarray[Any, Any],
    means: np.ndarray[Any, Any],
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:  # fmt: skip
    """Mean proxies: of the judged rows they share the luck of the draw with the scores, at the given correlation."""
    n = np.maximum(rows, 1)
    mean = counts @ LEVELS / n
    luck = mean - means
    rho, sd = world.proxy, world.sd
    scored = means + rho * luck + rng.normal(0, 1, n.shape) * sd * np.sqrt(1 - rho**2) / np.sqrt(n)
    all_rows = n * world.logged
    everyone = means + (scored - means) / world.logged
    everyone += rng.normal(0, 1, n.shape) * sd * np.sqrt(1 - 1 / world.logged) / np.sqrt(all_rows)
    return scored, everyone
