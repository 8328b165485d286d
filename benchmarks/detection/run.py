"""The detector beside its peers: false alarms in ten worlds, delays in six scenarios, on simulated deployments.

    python benchmarks/detection/run.py                 everything; peers are installed on the first run
    python benchmarks/detection/run.py --only ours     our own rows, no peer
    python benchmarks/detection/run.py --cost          seconds of a night by day of history, and of 2,000 streams
    python benchmarks/detection/run.py --amounts       rates, latency and cost; ramps, with and without freezing

Every tool watches `all` and ten segments for a fall. Peers see a simple random sample, as they would; ours sees the
stratified sample it draws, and in rows marked so the simple random one. Peers' thresholds are set so that each
makes at most one false alarm a year in the base world; ours is the shipped one.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ours import PAGE, TICKET, alarms, incidents, panel_of, shipped
from plain import seven_day_drop
from worlds import BASE, DEVELOPMENT, HELD_OUT, WORLDS, Drift, World, simulate

from anchorwatch.drift.budget import OVERSHOOT, PAGE_FACTOR
from anchorwatch.drift.streams import MetricKind

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from environments import environment  # noqa: E402

WARM_UP, YEAR = 70, 365
BUDGET_DAYS = 365.0
CHANGE_DAY, AFTER = 100, 30
LEAST = 0.03
SCENARIOS = {
    "global 5 %": {"factor": 0.95},
    "global 10 %": {"factor": 0.90},
    "ramp 14 d to 10 %": {"factor": 0.90, "ramp_days": 14},
    "10 % seg, 10 %": {"factor": 0.90, "segments": (4,)},
    "10 % seg, 20 %": {"factor": 0.80, "segments": (4,)},
    "3 % seg, 20 %": {"factor": 0.80, "segments": (7,)},
}
SEED = 20261


def main() -> None:
    """Run what was asked for and print Markdown."""
    options = _options()
    if options.cost:
        from cost import print_cost

        print_cost()
        return
    if options.amounts:
        from amounts import print_amounts

        print_amounts(options.deployments)
        return
    if options.development:
        _development(options.deployments)
        return
    if options.held_out:
        _held_out(options)
        return
    if options.first_weeks:
        _first_weeks()
        return
    if options.plain:
        _plain_as_written(options.deployments)
        return
    only = options.only.split(",") if options.only else None
    rows = _ours(options) if only is None or "ours" in only else []
    rows += [] if only == ["ours"] else _peers(options, only)
    _print(rows, options)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", help="ours, or names of peers, comma separated")
    parser.add_argument("--deployments", type=int, default=160, help="deployment-years for our false alarms")
    parser.add_argument("--runs", type=int, default=300, help="runs a scenario for our delays")
    parser.add_argument("--peer-deployments", type=int, default=16)
    parser.add_argument("--peer-runs", type=int, default=40)
    parser.add_argument("--worlds", help="some worlds only, separated by ;")
    parser.add_argument("--envs", type=Path, default=HERE / ".envs", help="where the peers' environments are")
    parser.add_argument("--cost", action="store_true")
    parser.add_argument("--amounts", action="store_true")
    parser.add_argument("--development", action="store_true", help="the worlds that OVERSHOOT was checked on")
    parser.add_argument("--held-out", action="store_true", help="worlds that no choice was made on")
    parser.add_argument("--first-weeks", action="store_true", help="false alarms by age of the history")
    parser.add_argument("--plain", action="store_true", help="the plain rules at the figures they are written with")
    return parser.parse_args()


class Row:
    """One line of the table: false alarms a year by world, median and 90th percentile by scenario."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.false_alarms: dict[str, tuple[float, float]] = {}
        self.pages: dict[str, float] = {}
        self.delays: dict[str, tuple[float, float]] = {}


def _worlds(options: argparse.Namespace) -> dict[str, World]:
    wanted = options.worlds.split(";") if options.worlds else list(WORLDS)
    return {name: WORLDS[name] for name in wanted}


def _ours(options: argparse.Namespace) -> list[Row]:
    variants: dict[str, tuple[dict[str, Any], float]] = {
        "ours, as shipped": ({}, LEAST),
        "ours, evidence alone": ({}, 0.0),
        "ours, simple random sample": ({"stratified": False}, LEAST),
        "ours, proxy of correlation .5": ({"proxy": 0.5}, LEAST),
    }
    rows = []
    for name, (change, least) in variants.items():
        row = Row(name)
        for world_name, world in _worlds(options).items():
            if change and world_name != "base":
                continue
            found = _our_alarms(replace(world, **change), options.deployments, WARM_UP + YEAR, SEED, least)
            count = incidents(found[:, WARM_UP:].any(axis=2))
            row.false_alarms[world_name] = _mean_and_error(count)
            row.pages[world_name] = float(incidents(found[:, WARM_UP:, PAGE]).mean())
            print(f"{name} / {world_name}: {row.false_alarms[world_name]}", file=sys.stderr, flush=True)
        for scenario, drift in SCENARIOS.items():
            made = Drift(day=CHANGE_DAY, **drift)
            found = _our_alarms(replace(BASE, **change), options.runs, CHANGE_DAY + AFTER, SEED + 1, least, made)
            row.delays[scenario] = _delay(found[:, CHANGE_DAY:].any(axis=2))
            print(f"{name} / {scenario}: {row.delays[scenario]}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


def _our_alarms(
    world: World, deployments: int, days: int, seed: int, least: float, drift: Drift | None = None
) -> np.ndarray[Any, Any]:
    panel = panel_of(simulate(world, deployments, days, seed, drift), MetricKind())
    budget = OVERSHOOT * BUDGET_DAYS
    return alarms(panel, shipped(panel, budget, least, PAGE_FACTOR * budget), 8)


def _mean_and_error(count: np.ndarray[Any, Any]) -> tuple[float, float]:
    return float(count.mean()), float(count.std() / np.sqrt(len(count)))


def _delay(days: np.ndarray[Any, Any]) -> tuple[float, float]:
    delay = np.where(days.any(axis=1), days.argmax(axis=1) + 1.0, np.inf)
    ordered = np.sort(delay)
    return float(ordered[len(ordered) // 2]), float(ordered[int(len(ordered) * 0.9)])


def _peers(options: argparse.Namespace, only: list[str] | None) -> list[Row]:
    """Run every peer on the same simulated scores, set its threshold in the base world, and test it everywhere."""
    peers = yaml.safe_load((HERE / "peers.yaml").read_text(encoding="utf-8"))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        data = _peer_data(Path(folder), options)
        if only is None or "plain" in only:
            rows += _rows_of(data, {key: seven_day_drop(path) for key, path in data.items()})
        for name, peer in peers.items():
            if only is None or name in only:
                found = {key: _run_peer(name, peer, path, options) for key, path in data.items()
                         if key[0] != "world" or key[1] in peer.get("worlds", list(WORLDS))}  # fmt: skip
                rows += _rows_of(data, found)
    return rows


def _peer_data(folder: Path, options: argparse.Namespace) -> dict[tuple[str, str], Path]:
    files = {}
    for name, world in _worlds(options).items():
        scores = simulate(replace(world, stratified=False), options.peer_deployments, WARM_UP + YEAR, SEED)
        files["world", name] = folder / f"world{len(files)}.npz"
        np.savez_compressed(files["world", name], counts=scores.counts.astype(np.int32), first=WARM_UP)
    for name, drift in SCENARIOS.items():
        made = Drift(day=CHANGE_DAY, **drift)
        scores = simulate(replace(BASE, stratified=False), options.peer_runs, CHANGE_DAY + AFTER, SEED + 1, made)
        files["scenario", name] = folder / f"scenario{len(files)}.npz"
        np.savez_compressed(files["scenario", name], counts=scores.counts.astype(np.int32), first=CHANGE_DAY - 14)
    return files


def _run_peer(
    name: str, peer: dict[str, Any], path: Path, options: argparse.Namespace
) -> dict[str, np.ndarray[Any, Any]]:
    """Return, by method, how alarming each stream is on each day: (deployments, days, streams), larger is worse."""
    python, output = environment(name, peer["packages"], options.envs), path.with_suffix(f".{name}.npz")
    started = time.monotonic()
    # No peer may phone home.
    quiet = {**os.environ, "NML_DISABLE_USAGE_LOGGING": "1", "DO_NOT_TRACK": "1"}
    script = str(HERE / "peers" / f"{name}_peer.py")
    subprocess.run([python, script, str(path), str(output)], check=True, env=quiet)
    print(f"{name} / {path.name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    with np.load(output) as found:
        return {method: found[method] for method in found.files}


def _rows_of(
    data: dict[tuple[str, str], Path], found: dict[tuple[str, str], dict[str, np.ndarray[Any, Any]]]
) -> list[Row]:
    rows = []
    for method, base in found["world", "base"].items():
        threshold = _calibrated(base[:, WARM_UP:].max(axis=2))
        row = Row(f"{method} (threshold {threshold:.3g})")
        for (kind, key), statistics in found.items():
            if kind == "world":
                count = incidents(statistics[method][:, WARM_UP:].max(axis=2) > threshold)
                row.false_alarms[key] = _mean_and_error(count)
            else:
                row.delays[key] = _delay(statistics[method][:, CHANGE_DAY:].max(axis=2) > threshold)
        rows.append(row)
    return rows


def _calibrated(worst: np.ndarray[Any, Any]) -> float:
    """Return the smallest threshold with at most one incident a deployment-year: every peer's best case."""
    candidates = np.unique(worst[np.isfinite(worst)])
    low, high = 0, len(candidates) - 1
    while low < high:
        middle = (low + high) // 2
        if incidents(worst > candidates[middle]).mean() <= 1.0:
            high = middle
        else:
            low = middle + 1
    return float(candidates[high])


def _print(rows: list[Row], options: argparse.Namespace) -> None:
    worlds = list(_worlds(options))
    print(f"\n**False alarms a year** (± standard error; ours {options.deployments} deployment-years a world, peers "
          f"{options.peer_deployments})\n")  # fmt: skip
    print("| | " + " | ".join(worlds) + " |\n|---" * 1 + "|---" * len(worlds) + "|")
    for row in rows:
        cells = [_false_alarm_cell(row, world) for world in worlds]
        print(f"| {row.name} | " + " | ".join(cells) + " |")
    print("\n**Nights until found, median / 90th percentile** (1 is the first night with changed data)\n")
    print("| | " + " | ".join(SCENARIOS) + " |" + "\n|---" + "|---" * len(SCENARIOS) + "|")
    for row in rows:
        cells = [" / ".join(_night(n) for n in row.delays[s]) for s in SCENARIOS]
        print(f"| {row.name} | " + " | ".join(cells) + " |")
    pages = ", ".join(f"{world} {rate:.2f}" for world, rate in rows[0].pages.items())
    if pages:
        print(f"\nFalse pages a year, {rows[0].name}: {pages}")


def _false_alarm_cell(row: Row, world: str) -> str:
    if world not in row.false_alarms:
        return "-"
    mean, error = row.false_alarms[world]
    return f"{mean:.2f} ± {error:.2f}"


def _night(value: float) -> str:
    return f"> {AFTER}" if np.isinf(value) else f"{value:.0f}"


def _held_out(options: argparse.Namespace) -> None:
    print("| world | false alarms a year | " + " | ".join(SCENARIOS) + " |\n|---|---" + "|---" * len(SCENARIOS) + "|")
    for name, world in HELD_OUT.items():
        quiet = _our_alarms(world, options.deployments, WARM_UP + YEAR, SEED + 11, LEAST)
        mean, error = _mean_and_error(incidents(quiet[:, WARM_UP:].any(axis=2)))
        cells = []
        for drift in SCENARIOS.values():
            made = Drift(day=CHANGE_DAY, **drift)
            found = _our_alarms(world, options.runs, CHANGE_DAY + AFTER, SEED + 12, LEAST, made)
            cells.append(" / ".join(_night(night) for night in _delay(found[:, CHANGE_DAY:].any(axis=2))))
        print(f"| {name} | {mean:.2f} ± {error:.2f} | " + " | ".join(cells) + " |", flush=True)


def _first_weeks() -> None:
    spans, runs = ((7, 28), (28, 45), (45, 70), (70, 100)), 400
    print("| world | " + " | ".join(f"days {a} to {b}" for a, b in spans) + " |\n|---" + "|---" * len(spans) + "|")
    for name, world in WORLDS.items():
        found = _our_alarms(world, runs, 100, SEED + 13, LEAST).any(axis=2)
        cells = []
        for first, last in spans:
            mean, error = _mean_and_error(incidents(found[:, first:last]))
            a_year = 365 / (last - first)
            cells.append(f"{mean * a_year:.2f} ± {error * a_year:.2f}")
        print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _plain_as_written(deployments: int) -> None:
    print("| world | 7-day mean 10 % below the baseline | 20 % below yesterday |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in ("base", "binary judge", "n = 200"):
            scores = simulate(replace(WORLDS[name], stratified=False), deployments, WARM_UP + YEAR, SEED)
            path = Path(folder) / "scores.npz"
            np.savez(path, counts=scores.counts)
            drops = seven_day_drop(path).values()
            cells = [
                "{:.1f} ± {:.1f}".format(*_mean_and_error(incidents(drop[:, WARM_UP:].max(axis=2) > limit)))
                for drop, limit in zip(drops, (0.10, 0.20), strict=True)
            ]
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


def _development(deployments: int) -> None:
    print("| development world | OVERSHOOT | false alarms a year |\n|---|---|---|")
    for name, world in DEVELOPMENT.items():
        panel = panel_of(simulate(world, deployments, WARM_UP + YEAR, SEED + 7), MetricKind())
        for part in (0.5, 0.65, 0.8, 1.0):
            budget = part * BUDGET_DAYS
            found = alarms(panel, shipped(panel, budget, LEAST, PAGE_FACTOR * budget), 8)
            mean, error = _mean_and_error(incidents(found[:, WARM_UP:, TICKET:].any(axis=2)))
            print(f"| {name} | {part} | {mean:.2f} ± {error:.2f} |", flush=True)


if __name__ == "__main__":
    main()
