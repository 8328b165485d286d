"""Does the 95 % interval of a change hold the truth? At the alarm, nights later, and on a night picked beforehand.

Simulated streams of rates, scores and amounts that change on day 100, run by the code of a night in production. The
prior in anchorwatch/drift/interval.py was set while looking at seed 11; what is reported has another.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from anchorwatch.drift.budget import OVERSHOOT
from anchorwatch.drift.night import run_night
from anchorwatch.drift.outcome import FIRING, Levels
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.state import fresh_state
from anchorwatch.drift.streams import MetricKind, Stream

TUNED_ON, REPORTED = (11,), (20281,)
DAY, AFTER = 100, 45
LATER = (0, 1, 3, 7, 14)
PERSISTENCE = 0.5
ROWS = (30, 45, 100, 300, 2000)
CASES = {
    # kind: values before, factors, day-to-day noise (relative)
    "rate": ((0.01, 0.03, 0.07, 0.2, 0.4, 0.6), (0.3, 0.5, 0.75, 1.25, 1.5, 2.0, 3.0, 5.0), (0.0, 0.05)),
    "score": ((0.5, 0.8, 0.93), (0.5, 0.7, 0.85, 0.92, 0.96), (0.0, 0.02)),
    "amount": ((1.0,), (0.5, 0.8, 1.1, 1.25, 1.5, 2.5), (0.0, 0.02, 0.06)),
}
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Streams:
    """Simulated streams: what each is like, one entry a stream, and their panel."""

    before: Array
    factor: Array
    rows: Array
    noise: Array
    panel: Panel


@dataclass(frozen=True)
class Covered:
    """By stream: the night of the alarm (-1: none), and by day from 100 on whether it fired and the truth was held."""

    opened: Array
    firing: Array
    held: Array
    first_right: Array


def make_streams(kind: str, repeats: int, seed: int) -> Streams:
    """Return so many streams of every cell of the grid of a kind of metric."""
    rng = np.random.default_rng([seed, len(kind)])
    values, factors, noises = CASES[kind]
    grid = [
        (v, f, n, s) for v in values for f in factors if kind == "amount" or v * f < 0.97 for n in ROWS for s in noises
    ]
    before, factor, rows, noise = (np.repeat(column, repeats) for column in np.array(grid).T)
    days = DAY + AFTER
    mean = np.repeat(before[:, None], days, axis=1)
    mean[:, DAY:] *= factor[:, None]
    disturbed = noise[:, None] * _ar1(rng, mean.shape)
    sums = _DRAW[kind](rng, mean, rows.astype(int), disturbed)
    streams = [Stream("m", "all", "all", str(k), "rise" if f > 1 else "fall") for k, f in enumerate(factor)]
    at = np.arange(len(streams))
    metric = MetricKind(is_relative=kind == "amount", is_rate=kind == "rate")
    panel = Panel(date(2026, 1, 5), streams, [metric] * len(at), at, at, ["all"] * len(at), np.full(len(at), -1), sums)
    return Streams(before, factor, rows, noise, panel)


def _ar1(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    noise = rng.standard_normal(shape)
    noise[:, 1:] *= np.sqrt(1 - PERSISTENCE**2)
    for day in range(1, shape[1]):
        noise[:, day] += PERSISTENCE * noise[:, day - 1]
    return noise


def _rates(rng: np.random.Generator, mean: Array, rows: Array, noise: Array) -> Sums:
    odds = mean / (1 - mean) * np.exp(noise)
    n = np.broadcast_to(rows[:, None], mean.shape)
    events = rng.binomial(n, odds / (1 + odds)).astype(float)
    return _sums(n, events, events)


def _scores(rng: np.random.Generator, mean: Array, rows: Array, noise: Array) -> Sums:
    """Betas of standard deviation .25, or less where the mean is near an end."""
    center = np.clip(mean * (1 + noise), 0.01, 0.99)
    spread = np.minimum(0.25**2, center * (1 - center) * 0.7)
    size = center * (1 - center) / spread - 1
    return _drawn(rows, mean.shape, lambda k, n: rng.beta(*(a[k][:, None] for a in _beta(center, size)), size=n))


def _beta(center: Array, size: Array) -> tuple[Array, Array]:
    return center * size, (1 - center) * size


def _amounts(rng: np.random.Generator, mean: Array, rows: Array, noise: Array) -> Sums:
    """Log-normal of log standard deviation .8."""
    level = mean * np.exp(noise)
    return _drawn(rows, mean.shape, lambda k, n: level[k][:, None] * rng.lognormal(-0.32, 0.8, n))


def _drawn(rows: Array, shape: tuple[int, ...], draw: Any) -> Sums:
    total, squares = np.zeros(shape), np.zeros(shape)
    for k in range(shape[0]):
        values = draw(k, (shape[1], int(rows[k])))
        total[k], squares[k] = values.sum(axis=1), (values**2).sum(axis=1)
    return _sums(np.broadcast_to(rows[:, None], shape), total, squares)


def _sums(n: Array, total: Array, squares: Array) -> Sums:
    n, nothing = n.astype(float), np.full(n.shape, np.nan)
    return Sums(n, n, total, n, total, squares, nothing, n, nothing)


_DRAW = {"rate": _rates, "score": _scores, "amount": _amounts}


def run_nights(made: Streams) -> Covered:
    """Run the nights; a ticket for any change there is evidence for, one false alarm a year."""
    count, days = len(made.factor), DAY + AFTER
    needed = np.full((count, 3), np.inf)
    needed[:, 1] = np.log(OVERSHOOT * 365.0)
    levels = Levels(needed, np.where(np.isinf(needed), np.inf, 0.0))
    state, truth = fresh_state(made.panel), made.factor - 1
    opened = np.full(count, -1)
    firing, held, right = (np.zeros((count, AFTER), bool) for _ in range(3))
    for today in range(72, days):
        night = run_night(made.panel, state, today, lambda testable: levels)
        if today < DAY:
            continue
        opened[(night.status == FIRING) & (opened < 0) & (state.since == today)] = today
        firing[:, today - DAY] = night.status == FIRING
        held[:, today - DAY] = (night.ci_low <= truth) & (truth <= night.ci_high)
        right[:, today - DAY] = night.window_first == DAY
    return Covered(opened, firing, held, right)


def report(seeds: Sequence[int] = REPORTED, repeats: int = 40) -> None:
    """Print the tables.

    Args:
        repeats: Streams a cell of the grid.
    """
    for kind in CASES:
        found: list[tuple[Streams, Covered]] = []
        for seed in seeds:
            made = make_streams(kind, repeats, seed)
            found.append((made, run_nights(made)))
        _print(kind, found, repeats * len(seeds))


def _print(kind: str, found: list[tuple[Streams, Covered]], repeats: int) -> None:
    before, factor, rows, noise = (
        np.concatenate([getattr(made, name) for made, _ in found]) for name in ("before", "factor", "rows", "noise")
    )
    opened, firing, held, right = (
        np.concatenate([getattr(one, name) for _, one in found]) for name in ("opened", "firing", "held", "first_right")
    )
    print(f"\n**{kind}: the interval holds the truth, % of alarms** ({repeats} streams a cell of the grid)\n")
    print(
        "| | alarms | " + " | ".join(f"{m} nights after" for m in LATER) + " |\n|---" + "|---" * (len(LATER) + 1) + "|"
    )
    keys = np.stack([before, factor, rows, noise], axis=1)
    _, cell = np.unique(keys, axis=0, return_inverse=True)
    within = (opened >= 0) & (opened < DAY + 14)
    power = (np.bincount(cell, within) / np.bincount(cell))[cell]
    lines = {"all": np.ones(len(factor), bool)}
    lines |= {f"{n:g} rows a day": rows == n for n in ROWS}
    lines |= {f"from {v:g}": before == v for v in np.unique(before)}
    lines |= {f"x {f:g}": factor == f for f in np.unique(factor)}
    for low, high in ((0, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 1.01)):
        lines[f"found within 14 nights in {low:.0%} to {min(high, 1):.0%} of runs"] = (power >= low) & (power < high)
    for name, mask in lines.items():
        _line(name, mask, opened, firing, held)
    is_right = right[np.arange(len(opened)), np.maximum(opened - DAY, 0)]
    _line("first day estimated right", is_right, opened, firing, held)
    _line("first day estimated wrong", ~is_right, opened, firing, held)
    fixed = " / ".join(f"{held[:, m].mean():.1%}" for m in (0, 2, 6, 13))
    print(f"\nOn nights picked beforehand (1, 3, 7, 14 days after the change, whatever was found): {fixed}")


def _line(name: str, mask: Array, opened: Array, firing: Array, held: Array) -> None:
    cells = []
    for later in LATER:
        at = opened - DAY + later
        which = np.flatnonzero(mask & (opened >= 0) & (at < AFTER))
        which = which[firing[which, at[which]]]
        cells.append(f"{held[which, at[which]].mean():.1%}" if len(which) >= 30 else "-")
    print(f"| {name} | {int((mask & (opened >= 0)).sum())} | " + " | ".join(cells) + " |", flush=True)


def print_tables(seed: int | None = None, repeats: int | None = None) -> None:
    """Print the tables for one seed."""
    report((seed,) if seed is not None else REPORTED, repeats or 40)


if __name__ == "__main__":
    report()
