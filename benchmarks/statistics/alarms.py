"""How long false alarms stay open, whether lasting drops do, and what an open alarm does not hide.

Everything is simulated in the worlds of benchmarks/detection (worlds.py), run by the code of a night in production
at the shipped threshold. The constants of anchorwatch/drift/recovery.py were set while looking at seeds 7, 8, 107
and, at the shipped budget in the base world, 20271 to 20273; what is reported has others.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "detection"))
from ours import STREAMS, panel_of, shipped
from worlds import BASE, WORLDS, Drift, World, simulate

from anchorwatch.drift.budget import OVERSHOOT, PAGE_FACTOR
from anchorwatch.drift.night import run_night
from anchorwatch.drift.outcome import FIRING
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.state import fresh_state
from anchorwatch.drift.streams import MetricKind

TUNED_ON, REPORTED = (7, 8, 107, 20271, 20272, 20273), (20291, 20292, 20293)
LEAST, CHANGE_DAY, WARM_UP = 0.03, 100, 70
Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Nights:
    """What became of every stream on every day: (streams, days) each, nothing before the first night.

    Attributes:
        firing: Whether an alarm is open.
        opened: Whether it opened that night.
        heard: Whether it opened, or became more severe or worse.
    """

    firing: Array
    opened: Array
    heard: Array


def run_nights(panel: Panel, first: int = 40) -> Nights:
    """Run every night from a day on."""
    budget, state = OVERSHOOT * 365.0, fresh_state(panel)
    thresholds = shipped(panel, budget, LEAST, PAGE_FACTOR * budget)
    made = [np.zeros((len(panel.streams), panel.days), bool) for _ in range(3)]
    for today in range(first, panel.days):
        night = run_night(panel, state, today, thresholds)
        made[0][:, today] = night.status == FIRING
        made[1][:, today] = (night.status == FIRING) & (state.since == today)
        made[2][:, today] = night.is_new
    return Nights(*made)


def durations(nights: Nights, first: int) -> tuple[Array, Array]:
    """Return the nights that each alarm which opened from `first` on was open, and whether it was over at the end."""
    length, is_over = [], []
    for stream, day in np.argwhere(nights.opened):
        if day < first:
            continue
        quiet = np.flatnonzero(~nights.firing[stream, day:])
        length.append(quiet[0] if len(quiet) else nights.firing.shape[1] - day)
        is_over.append(len(quiet) > 0)
    return np.array(length, dtype=int), np.array(is_over, dtype=bool)


def report(seeds: Sequence[int] = REPORTED, deployments: int = 60, runs: int = 40) -> None:
    """Print the tables.

    Args:
        deployments: Deployment-years a world and seed.
        runs: Deployments a scenario and seed.
    """
    print("\n**How long false alarms are open** (nights; every stream counts, nothing changed)\n")
    print("| world | false alarms | median | 95 of 100 are closed within | open after 21 | after 60 | longest |")
    print("|---|---|---|---|---|---|---|")
    for name in ("base", "process x2", "process x2, persistence .8", "binary judge", "n = 200"):
        _false_alarms(name, WORLDS[name], seeds, deployments)
    print("\n**Lasting drops** (90 nights after the alarm; of the streams that the drop is in and that alarmed)\n")
    print("| drop | stream | alarms | closed within 90 nights |\n|---|---|---|---|")
    for factor in (0.97, 0.95, 0.90, 0.80):
        _lasting(factor, seeds, runs)
    print("\n**Further and later drops** (nights until heard, median / 90th percentile, and never within 30 nights)\n")
    print("| | all traffic | a tenth of the traffic |\n|---|---|---|")
    _further(seeds, runs)
    _later(seeds, runs)


def _false_alarms(name: str, world: World, seeds: Sequence[int], deployments: int) -> None:
    length: list[int] = []
    for seed in seeds:
        nights = run_nights(panel_of(simulate(world, deployments, WARM_UP + 425, seed), MetricKind()))
        # Those that opened in the last 60 days are left out, or long ones would be cut short.
        nights.opened[:, -60:] = False
        length += durations(nights, WARM_UP)[0].tolist()
    n = np.array(length)
    if len(n):
        print(
            f"| {name} | {len(n)} | {np.median(n):.0f} | {np.quantile(n, 0.95, method='higher'):.0f} | "
            f"{(n > 21).mean():.1%} | {(n > 60).mean():.1%} | {n.max()} |",
            flush=True,
        )


def _lasting(factor: float, seeds: Sequence[int], runs: int) -> None:
    found: dict[str, list[bool]] = {"all traffic": [], "segments of 10 to 25 %": [], "segments of 2 to 6 %": []}
    for seed in seeds:
        drift = Drift(CHANGE_DAY, factor)
        panel = panel_of(simulate(BASE, runs, CHANGE_DAY + 130, seed + 100, drift), MetricKind())
        nights = run_nights(panel, 60)
        for stream in range(len(panel.streams)):
            opened = np.flatnonzero(nights.opened[stream, CHANGE_DAY : CHANGE_DAY + 40])
            if len(opened) and not nights.firing[stream, CHANGE_DAY - 1]:
                day = CHANGE_DAY + opened[0]
                name = list(found)[0 if stream % STREAMS == 0 else 1 if stream % STREAMS <= 5 else 2]
                found[name].append(not nights.firing[stream, day : day + 90].all())
    for name, closed in found.items():
        rate = f"{np.mean(closed):.1%}" if closed else "-"
        print(f"| {1 - factor:.0%} | {name} | {len(closed)} | {rate} |", flush=True)


def _further(seeds: Sequence[int], runs: int) -> None:
    """10 % from day 100 on, a further tenth of the baseline from day 130 on."""
    whole, part = [], []
    for seed in seeds:
        nights = run_nights(_stepped(seed, runs, (0.90, 0.80)), 60)
        for stream in range(nights.heard.shape[0]):
            if stream % STREAMS in (0, 5) and nights.firing[stream, CHANGE_DAY + 29]:
                later = np.flatnonzero(nights.heard[stream, CHANGE_DAY + 30 :])
                (whole if stream % STREAMS == 0 else part).append(later[0] + 1 if len(later) else np.inf)
    print(f"| a further 10 % while an alarm of 10 % is open | {_spread(whole)} | {_spread(part)} |", flush=True)


def _later(seeds: Sequence[int], runs: int) -> None:
    """10 % for 30 days, 30 days at the baseline, and 10 % again."""
    whole, part = [], []
    for seed in seeds:
        nights = run_nights(_stepped(seed, runs, (0.90, 1.0, 0.90)), 60)
        for stream in range(nights.heard.shape[0]):
            if stream % STREAMS in (0, 5) and not nights.firing[stream, CHANGE_DAY + 59]:
                later = np.flatnonzero(nights.heard[stream, CHANGE_DAY + 60 :])
                (whole if stream % STREAMS == 0 else part).append(later[0] + 1 if len(later) else np.inf)
    print(f"| 10 % again, after 30 days of 10 % and 30 of recovery | {_spread(whole)} | {_spread(part)} |", flush=True)


def _stepped(seed: int, runs: int, factors: Sequence[float]) -> Panel:
    """Days of 30 each at these factors from day 100 on, spliced from runs of the same noise."""
    days = CHANGE_DAY + 30 * len(factors)
    made = [simulate(BASE, runs, days, seed + 300, Drift(CHANGE_DAY, factor)) for factor in factors]
    counts = made[0].counts
    for at, scores in enumerate(made):
        span = slice(CHANGE_DAY + 30 * at, CHANGE_DAY + 30 * (at + 1))
        counts[:, span] = scores.counts[:, span]
    return panel_of(made[0], MetricKind())


def _spread(nights: list[float]) -> str:
    if not nights:
        return "-"
    ordered = np.sort(nights)
    picked = (ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.9)])
    shown = " / ".join("> 30" if np.isinf(one) else f"{one:.0f}" for one in picked)
    return f"{shown} ({np.isinf(ordered).mean():.1%} of {len(ordered)})"


def print_tables(seed: int | None = None, repeats: int | None = None) -> None:
    """Print the tables for three seeds from this one on."""
    report((seed, seed + 1, seed + 2) if seed is not None else REPORTED, repeats or 60)


if __name__ == "__main__":
    report()
