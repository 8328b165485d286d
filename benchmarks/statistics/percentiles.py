"""Percentiles at the baseline's mix: false alarms under pure mix shifts, and delays of real slowdowns.

    python benchmarks/statistics/percentiles.py [--deployments 8] [--runs 16]

Before: percentiles as they are. After: at the baseline's mix. Both run the code of a night in production, on all
traffic and ten segments, with the evidence of one false alarm a year and the effect of the shipped rules (p95 + 10 %,
p50 + 20 %).
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path[:0] = [str(Path(__file__).resolve().parent), str(Path(__file__).resolve().parent.parent / "detection")]
from latencies import (  # noqa: E402
    SEGMENT_SHARES,
    TYPE_SHARES,
    World,
    campaigns,
    in_segment,
    ramp,
    simulate,
    step,
    wandering,
    weekends,
)
from ours import STREAMS, alarms, incidents, shipped  # noqa: E402

from anchorwatch.drift.arrange import sums_of_estimates  # noqa: E402
from anchorwatch.drift.budget import OVERSHOOT  # noqa: E402
from anchorwatch.drift.histograms import BUCKET, Histograms  # noqa: E402
from anchorwatch.drift.panel import Panel, Sums  # noqa: E402
from anchorwatch.drift.streams import MetricKind, Stream  # noqa: E402

Array = np.ndarray[Any, Any]
SEED, TUNING_SEED = 20262, 11
"""Reported, and looked at while this was built."""
START_NIGHT, WARM_UP, QUIET_DAYS, SHIFT = 60, 70, 300, 120
CHANGE, AFTER = 100, 30
BATCH = 8
LOWEST, BUCKETS = 55, 150
METRICS = {"p95": (0.95, 0.10), "p50": (0.50, 0.20)}
"""Percentile, and the rule's effect."""
QUIET = {
    "no shift": World(),
    "a slow type, 10 to 40 %": World(step(SHIFT, 4, 0.40)),
    "a middle type, 15 to 40 %": World(step(SHIFT, 3, 0.40)),
    "the slowest type, 5 to 15 %": World(step(SHIFT, 5, 0.15)),
    "the slowest type, 5 to 1 %": World(step(SHIFT, 5, 0.01)),
    "the fastest type, 30 to 5 %": World(step(SHIFT, 0, 0.05)),
    "a slow type, 10 to 40 % in 60 days": World(ramp(SHIFT, 60, 4, 0.40)),
    "a slow type, 10 to 40 %, in one segment": World(in_segment(4, step(SHIFT, 4, 0.40))),
    "the slowest type x 3 on weekends": World(weekends(5, 3.0)),
    "the slowest type x 3 for 10 days, every 60": World(campaigns(5, 3.0, 60, 10)),
    "every type wanders (sd 30 %)": World(wandering(0.3, 0.9)),
    "a new slow type, 10 %": World(new_type=SHIFT),
}


def _slower(factor: float, segment: int | None = None, kind: int | None = None) -> Array:
    found = np.zeros((len(SEGMENT_SHARES), len(TYPE_SHARES)))
    found[slice(segment, None if segment is None else segment + 1), slice(kind, None if kind is None else kind + 1)] = (
        np.log(factor)
    )
    return found


SLOW = {
    "everything + 10 %": World(slower=_slower(1.1), day=CHANGE),
    "everything + 20 %": World(slower=_slower(1.2), day=CHANGE),
    "+ 30 % in a 10 % segment": World(slower=_slower(1.3, segment=4), day=CHANGE),
    "the slowest type + 40 %": World(slower=_slower(1.4, kind=5), day=CHANGE),
    "everything + 20 %, while a slow type goes from 10 to 40 %": World(step(CHANGE, 4, 0.40), _slower(1.2), CHANGE),
    "everything + 20 %, while the slowest type goes from 5 to 1 %": World(step(CHANGE, 5, 0.01), _slower(1.2), CHANGE),
}


WITH_P50 = frozenset({
    "no shift", "a slow type, 10 to 40 %", "the fastest type, 30 to 5 %", "every type wanders (sd 30 %)",
    "everything + 10 %", "everything + 20 %", "everything + 20 %, while a slow type goes from 10 to 40 %",
})  # fmt: skip
"""Where the median is looked at too; it takes as long as the p95."""


def report(deployments: int = 8, runs: int = 16, seed: int = SEED) -> None:
    """Print false alarms by world, and delays by slowdown, before and after.

    Args:
        deployments: Simulated deployments a world, of 230 days after the warm-up.
        runs: Simulated slowdowns of each kind.
    """
    length = f"{deployments} deployments of {QUIET_DAYS - WARM_UP} days a world"
    print(f"\n**False alarms a year under pure mix shifts** ({length}, ± standard error)\n")
    header = [f"{metric} {when}" for metric in METRICS for when in ("before", "after")]
    print("| mix | " + " | ".join(header) + " |\n|---" + "|---" * len(header) + "|")
    years = (QUIET_DAYS - WARM_UP) / 365
    for name, world in QUIET.items():
        found = _alarms(world, deployments, QUIET_DAYS, seed, _metrics(name))
        counts = [incidents(days[:, WARM_UP:]) / years for days in found]
        cells = [f"{c.mean():.2f} ± {c.std() / np.sqrt(len(c)):.2f}" for c in counts]
        _line(name, cells, len(header))
    print(f"\n**Nights until a slowdown is found, median / 90th percentile** ({runs} runs)\n")
    print("| slowdown | " + " | ".join(header) + " |\n|---" + "|---" * len(header) + "|")
    for name, world in SLOW.items():
        found = _alarms(world, runs, CHANGE + AFTER, seed + 1, _metrics(name))
        _line(name, [_delay(days[:, CHANGE:]) for days in found], len(header))


def print_tables(seed: int = SEED, repeats: int | None = None) -> None:
    """Print the report.

    Args:
        repeats: Deployments a world; twice as many slowdowns.
    """
    deployments = repeats or 8
    report(deployments, 2 * deployments, seed)


def _metrics(name: str) -> list[tuple[float, float]]:
    return list(METRICS.values()) if name in WITH_P50 else [METRICS["p95"]]


def _line(name: str, cells: list[str], width: int) -> None:
    print(f"| {name} | " + " | ".join(cells + ["-"] * (width - len(cells))) + " |", flush=True)


def _alarms(world: World, deployments: int, days: int, seed: int, metrics: list[tuple[float, float]]) -> list[Array]:
    """Return, for each metric before and after, on which days a deployment had an alarm."""
    found: list[list[Array]] = [[] for _ in range(2 * len(metrics))]
    for first in range(0, deployments, BATCH):
        logs = [
            simulate(world, days, seed * 10_000 + d, LOWEST, BUCKETS, BUCKET)
            for d in range(first, min(first + BATCH, deployments))
        ]
        for at, (p, least) in enumerate(metrics):
            panel = panel_of(logs, p)
            for when, one in enumerate((replace(panel, histograms=None), panel)):
                made = alarms(one, shipped(one, OVERSHOOT * 365.0, least), START_NIGHT)
                found[2 * at + when].append(made.any(axis=2))
    return [np.concatenate(one) for one in found]


def panel_of(logs: list[Array], p: float) -> Panel:
    """Arrange deployments as percentile streams: all traffic and ten segments each, with their query types."""
    kind = MetricKind(is_relative=True, quantile=p)
    counts = np.concatenate([np.concatenate([log.sum(axis=0, keepdims=True), log]) for log in logs])
    streams, types, days, buckets = counts.shape
    whole = counts.sum(axis=1)
    n = whole.sum(axis=2).astype(float)
    value, variance = _plain(whole, n, p)
    sums = {name: np.asarray(array) for name, array in sums_of_estimates(n, value, variance).items()}
    by_type = counts.reshape(streams * types, days, buckets)
    rows = by_type.sum(axis=2).astype(float)
    below = np.cumsum(by_type, axis=2) / np.where(rows > 0, rows, 1)[:, :, None]
    names = [
        Stream("latency", "all" if k == 0 else "segment", "all" if k == 0 else f"s{k}", str(d), "rise")
        for d in range(len(logs))
        for k in range(STREAMS)
    ]
    from worlds import START

    return Panel(
        start=START,
        streams=names,
        kinds=[kind] * streams,
        group=np.repeat(np.arange(len(logs)), STREAMS),
        cell_stream=np.arange(streams),
        cell_names=["all"] * streams,
        fold_into=np.full(streams, -1),
        sums=Sums(**sums),
        histograms=Histograms(
            stream=np.repeat(np.arange(streams), types),
            names=[f"t{k}" for k in range(types)] * streams,
            source=np.arange(streams * types),
            lowest=LOWEST,
            below=below,
            effective=rows,
            traffic=rows,
        ),
    )


def _plain(whole: Array, n: Array, p: float) -> tuple[Array, Array]:
    """Return each day's percentile and its variance by Woodruff's interval, as daily_metrics has them."""
    shape = n.shape
    shares = np.cumsum(whole, axis=2).reshape(-1, whole.shape[2]) / np.maximum(n.reshape(-1), 1)[:, None]
    empty = np.zeros(0, dtype=np.int64)
    reader = Histograms(empty, [], empty, LOWEST, shares[None], n, n)
    reach = 1.959964 * np.sqrt(p * (1 - p) / np.maximum(n.reshape(-1), 1))
    value, low, high = (np.exp(reader.percentile(shares, p + side * reach)).reshape(shape) for side in (0.0, -1.0, 1.0))
    variance = ((high - low) / (2 * 1.959964)) ** 2
    return np.nan_to_num(value), np.nan_to_num(variance)


def _delay(days: Array) -> str:
    delay = np.sort(np.where(days.any(axis=1), days.argmax(axis=1) + 1.0, np.inf))
    picked = (delay[len(delay) // 2], delay[int(len(delay) * 0.9)])
    return " / ".join(f"> {AFTER}" if np.isinf(night) else f"{night:.0f}" for night in picked)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--deployments", type=int, default=8)
    parser.add_argument("--runs", type=int, default=16)
    parser.add_argument("--tuning", action="store_true", help="the seed that was looked at while this was built")
    options = parser.parse_args()
    report(options.deployments, options.runs, TUNING_SEED if options.tuning else SEED)
