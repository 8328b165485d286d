"""Coverage of corrected values: before, across and after drops, and what is said of a judge that changes."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from label_worlds import WORLDS, Floats, Rng, World, both, judged_mean, labels, lenient, night, verdicts

from anchorwatch.metrics.correction import correct
from anchorwatch.metrics.labelled import Corrected, Labelled

REPEATS = 300
NIGHTLY, LABELS = (40, 300, 2000), (20, 50, 120, 500)
DROPS = (0.05, 0.15, 0.30)
DAY = 740_000
"""Day of the drop; labels are of the 30 days before it, of the 30 days from it on, or of both."""
SHIFTS = (
    ("no change: grades, too high for 10 %", World(lenient(0.1), 0.65), World(lenient(0.1), 0.65)),
    ("grades, too high for 10 %, then 30 %", World(lenient(0.1), 0.65), World(lenient(0.3), 0.65)),
    ("grades, too high for 10 %, then 60 %", World(lenient(0.1), 0.65), World(lenient(0.6), 0.65)),
    (
        "no change: rate, sensitivity .80, specificity .95",
        World(verdicts(0.8, 0.95), 0.7, is_rate=True),
        World(verdicts(0.8, 0.95), 0.7, is_rate=True),
    ),
    (
        "rate, sensitivity .80, then .50",
        World(verdicts(0.8, 0.95), 0.7, is_rate=True),
        World(verdicts(0.5, 0.95), 0.7, is_rate=True),
    ),
)
TIMES = ("no drop", "labels older", "labels on both sides", "labels newer")


Key = tuple[str, str, int, bool, int]
"""World, time, labels, is the draw biased, judged rows a night."""


@dataclass(slots=True)
class Cell:
    """What happened in the simulated nights of one cell."""

    inside: list[bool] = field(default_factory=list)
    widths: list[float] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)
    said: Counter[str] = field(default_factory=Counter)

    def add(self, found: Corrected, truth: float) -> None:
        """Count one night."""
        self.said[found.status] += 1
        if found.value is not None and found.low is not None and found.high is not None:
            self.inside.append(found.low <= truth <= found.high)
            self.widths.append(found.high - found.low)
            self.errors.append(found.value - truth)

    @property
    def withheld(self) -> float:
        """Share of nights without a corrected value."""
        return self.said["withheld"] / max(sum(self.said.values()), 1)

    @property
    def share(self) -> str:
        """Coverage of the nights with a value, in per cent; a dash below 20 of them."""
        return f"{100 * np.mean(self.inside):.0f}" if len(self.inside) >= 20 else "-"

    def __str__(self) -> str:
        if len(self.inside) < 0.1 * sum(self.said.values()):
            return f"{self.withheld:.0%} withheld"
        gone = f" ({self.withheld:.0%} withheld)" if self.withheld >= 0.005 else ""
        return f"{100 * np.mean(self.inside):.1f}{gone}"


def print_tables(seed: int, repeats: int | None = None) -> None:
    """Print coverage over the grid, a summary, the case that was found, and judges that change."""
    repeats = repeats or REPEATS
    cells: dict[Key, Cell] = {}
    for at, (name, world) in enumerate(WORLDS.items()):
        _print_world(name, _grid(seed + at, world, repeats), cells)
    _print_summary(cells)
    _print_case(seed + 100, repeats)
    _print_shifts(seed + 200, repeats)


def _grid(seed: int, world: World, repeats: int) -> Iterator[tuple[tuple[str, int, bool, int], Cell]]:
    rng = np.random.default_rng(seed)
    for time in TIMES:
        for n_labels in LABELS:
            for is_biased in (False, True):
                for n in NIGHTLY:
                    cell = Cell()
                    for at in range(repeats):
                        good = world.good * (1 - (0.0 if time == "no drop" else DROPS[at % len(DROPS)]))
                        found = correct(
                            night(rng, world, n, good),
                            _labels(rng, world, time, n_labels, good, is_biased=is_biased),
                            is_rate=world.is_rate,
                        )
                        cell.add(found, 1 - good if world.is_rate else good)
                    yield (time, n_labels, is_biased, n), cell


def _labels(rng: Rng, world: World, time: str, n: int, good: float, *, is_biased: bool) -> Labelled:
    if time == "labels on both sides":
        old = labels(rng, world, n // 2, world.good, DAY - 30, is_biased=is_biased)
        return both(old, labels(rng, world, n - n // 2, good, DAY, is_biased=is_biased))
    is_new = time == "labels newer"
    first = DAY if is_new else DAY - 30
    return labels(rng, world, n, good if is_new else world.good, first, is_biased=is_biased)


def _print_world(name: str, grid: Iterator[tuple[tuple[str, int, bool, int], Cell]], cells: dict[Key, Cell]) -> None:
    columns = [(is_biased, n) for is_biased in (False, True) for n in NIGHTLY]
    heads = [f"{'biased' if is_biased else 'random'}, n={n}" for is_biased, n in columns]
    print(f"\n**{name}**: nights of 100 on which the 95 % interval holds the truth\n")
    print("| time | labels | " + " | ".join(heads) + " |")
    print("|---" * (len(heads) + 2) + "|")
    row: list[str] = []
    for (time, n_labels, is_biased, n), cell in grid:
        cells[name, time, n_labels, is_biased, n] = cell
        row.append(str(cell))
        if len(row) == len(columns):
            print(f"| {time} | {n_labels} | " + " | ".join(row) + " |", flush=True)
            row = []


def _print_summary(cells: dict[Key, Cell]) -> None:
    print("\n**All cells by world**: coverage of all nights together, and how many cells are where\n")
    print("| world | coverage | < 92 | 92 to 93 | 93 to 97 | 97 to 98 | > 98 | bias | withheld | mean width |")
    print("|---" * 10 + "|")
    for name in WORLDS:
        of = [cell for key, cell in cells.items() if key[0] == name]
        used = [cell for cell in of if cell.withheld < 0.9]
        shares = np.array([np.mean(cell.inside) for cell in used])
        bins = np.histogram(shares, [0, 0.92, 0.93, 0.97 + 1e-9, 0.98 + 1e-9, 1.01])[0]
        inside = np.concatenate([cell.inside for cell in of])
        errors, widths = np.concatenate([c.errors for c in of]), np.concatenate([c.widths for c in of])
        print(
            f"| {name} | {100 * inside.mean():.1f} | " + " | ".join(map(str, bins)) + f" | {errors.mean():+.3f} | "
            f"{np.mean([c.withheld for c in of]):.0%} | {widths.mean():.3f} |"
        )


def _print_case(seed: int, repeats: int) -> None:
    """Labels of 60 days, 123 of them, half of them before; people .856 to .678, the judge about .12 above."""
    rng, tables = np.random.default_rng(seed), {"before": Cell(), "after": Cell()}
    raw, plain = {"before": 0, "after": 0}, {"before": 0, "after": 0}
    for _ in range(repeats):
        old, new = _lift(rng, 123, 0.856), _lift(rng, 0, 0.678)
        people = both(_as_labels(rng, *old), _as_labels(rng, *new))
        for when, good in (("before", 0.856), ("after", 0.678)):
            judged = judged_mean(_lift(rng, 120, good)[1], np.ones(120))
            tables[when].add(correct(judged, people, is_rate=False), good)
            half = 1.96 * np.sqrt(judged.variance or 0.0)
            raw[when] += abs(judged.value - good) <= half
            low, high = _tuned(judged.value, judged.variance or 0.0, people)
            plain[when] += low <= good <= high
    print("\n**A fall of people's mean from .856 to .678; 123 labels, all older; 120 judged rows a night**\n")
    print("| night | judge alone | power-tuned PPI++ | corrected | withheld |\n|---|---|---|---|---|")
    for when, cell in tables.items():
        shares = f"{100 * raw[when] / repeats:.0f} | {100 * plain[when] / repeats:.0f}"
        print(f"| {when} | {shares} | {100 * np.mean(cell.inside):.0f} | {cell.withheld:.0%} |")


def _lift(rng: Rng, n: int, good: float) -> tuple[Floats, Floats]:
    """People's values to 0.87 at most, and a judge about .123 above, whatever they say."""
    human = 0.87 * rng.beta(6 * good / 0.87, 6 * (1 - good / 0.87), n)
    return human, human + 0.123 + rng.uniform(-0.005, 0.005, n)


def _as_labels(rng: Rng, human: Floats, judge: Floats) -> Labelled:
    return Labelled(human, judge, np.ones(len(human)), DAY - 1 - rng.integers(0, 60, len(human)))


def _tuned(value: float, variance: float, people: Labelled) -> tuple[float, float]:
    """Return the interval by PPI++ with its weight of the judge for one population: what was done before."""
    human, judge, n = people.human, people.judge, people.n
    cov = np.cov(human, judge) / n
    power = float(np.clip(cov[0, 1] / (cov[1, 1] + variance), 0, 1))
    middle = power * value + human.mean() - power * judge.mean()
    error = 1.98 * np.sqrt(np.var(human - power * judge, ddof=1) / n + power**2 * variance)
    return middle - error, middle + error


def _print_shifts(seed: int, repeats: int) -> None:
    print("\n**A judge whose error changed up to 30 days ago; people's values did not; 300 judged rows**\n")
    print(
        "| world and change | labels before + since | what is said | coverage of all values | of those without a mark |"
    )
    print("|---|---|---|---|---|")
    rng = np.random.default_rng(seed)
    for name, before, after in SHIFTS:
        for old, new in ((60, 0), (60, 15), (60, 40), (60, 120), (250, 250)):
            for is_seen in (False, True) if (old, new) in ((60, 0), (60, 40)) else (False,):
                cell, plain = Cell(), Cell()
                for _ in range(repeats):
                    one = labels(rng, before, old, before.good, DAY - 30, is_biased=False)
                    two = labels(rng, after, new, after.good, DAY, is_biased=False) if new else one.where(one.day < 0)
                    found = correct(
                        night(rng, after, 300, after.good),
                        both(one, two),
                        is_rate=after.is_rate,
                        judge_since=date.fromordinal(DAY) if is_seen else None,
                    )
                    truth = 1 - after.good if after.is_rate else after.good
                    cell.add(found, truth)
                    if found.status == "corrected":
                        plain.add(found, truth)
                said = ", ".join(f"{key} {n / repeats:.0%}" for key, n in cell.said.most_common())
                note = "; judge-anchors fires" if is_seen else ""
                shown = f"{cell.share} | {plain.share}"
                print(f"| {name}{note} | {old} + {new} | {said} | {shown} |", flush=True)
