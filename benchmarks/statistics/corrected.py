"""Coverage of corrected values: before, across and after drops, and what is said of a judge that changes."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from itertools import product

import numpy as np
from label_worlds import WORLDS, Floats, Rng, World, both, judged_mean, labels, lenient, night, verdicts

from anchorwatch.metrics.correction import correct
from anchorwatch.metrics.labelled import Corrected, Labelled

REPEATS = 100
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
TIMES = ("no drop", "older", "both sides", "newer")
WEIGHTS = ("unequal weights", "equal weights")


Key = tuple[str, int, str, int, str]
"""Time of the labels, labels, draw, judged rows a night, their weights."""


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
        return f"{100 * np.mean(self.inside):.1f}" if len(self.inside) >= 20 else "-"

    def __str__(self) -> str:
        if len(self.inside) < 0.1 * sum(self.said.values()):
            return f"{self.withheld:.0%} withheld"
        gone = f" ({self.withheld:.0%} withheld)" if self.withheld >= 0.005 else ""
        return f"{100 * np.mean(self.inside):.1f}{gone}"


def print_tables(seed: int, repeats: int | None = None) -> None:
    """Print coverage over the grid by each of its sides, the case that was found, and judges that change."""
    repeats = repeats or REPEATS
    nights = {name: _grid(seed + at, world, repeats) for at, (name, world) in enumerate(WORLDS.items())}
    _print_sides(nights)
    _print_sizes(nights)
    _print_case(seed + 100, 4 * repeats)
    _print_shifts(seed + 200, 3 * repeats)


def _grid(seed: int, world: World, repeats: int) -> dict[Key, Cell]:
    rng, cells = np.random.default_rng(seed), {}
    for key in product(TIMES, LABELS, ("random", "biased"), NIGHTLY):
        time, n_labels, draw, n = key
        for at in range(repeats):
            drop, is_even = DROPS[at % len(DROPS)], at % 2 == 0
            good = world.good if time == TIMES[0] else world.good * (1 - drop)
            judged = night(rng, world, n, good, is_even=is_even)
            people = _labels(rng, world, time, n_labels, good, is_biased=draw == "biased")
            found = correct(judged, people, is_rate=world.is_rate)
            cell = cells.setdefault((*key, WEIGHTS[is_even]), Cell())
            cell.add(found, 1 - good if world.is_rate else good)
    return cells


def _labels(rng: Rng, world: World, time: str, n: int, good: float, *, is_biased: bool) -> Labelled:
    if time == "both sides":
        old = labels(rng, world, n // 2, world.good, DAY - 30, is_biased=is_biased)
        return both(old, labels(rng, world, n - n // 2, good, DAY, is_biased=is_biased))
    is_new = time == "newer"
    first = DAY if is_new else DAY - 30
    return labels(rng, world, n, good if is_new else world.good, first, is_biased=is_biased)


def _together(cells: Iterable[Cell]) -> Cell:
    found = Cell()
    for cell in cells:
        found.inside += cell.inside
        found.widths += cell.widths
        found.errors += cell.errors
        found.said += cell.said
    return found


def _print_sides(nights: dict[str, dict[Key, Cell]]) -> None:
    sides: list[tuple[int, str | int]] = [
        *((0, time) for time in TIMES),
        *((2, draw) for draw in ("random", "biased")),
        *((4, weights) for weights in WEIGHTS),
    ]
    print("\n**Nights of 100 on which the 95 % interval holds the truth**: drops of 5, 15 and 30 %; 20 to 500 labels,")
    print("of before the drop, of both sides or after it; 40 to 2,000 judged rows\n")
    print(
        "| world | all | " + " | ".join(str(side) for _, side in sides) + " | error of the value | widened | withheld |"
    )
    print("|---" * (len(sides) + 5) + "|")
    for name, cells in nights.items():
        whole = _together(cells.values())
        row = [_together(cell for key, cell in cells.items() if key[at] == side) for at, side in sides]
        total = sum(whole.said.values())
        print(
            f"| {name} | {whole.share} | "
            + " | ".join(cell.share for cell in row)
            + f" | {np.mean(whole.errors):+.3f} | "
            f"{whole.said['widened'] / total:.0%} | {whole.withheld:.0%} |"
        )


def _print_sizes(nights: dict[str, dict[Key, Cell]]) -> None:
    columns = list(product(LABELS, NIGHTLY))
    print("\n**The same by labels and judged rows** (labels / rows); in brackets nights without a value\n")
    print("| world | " + " | ".join(f"{n_labels} / {n}" for n_labels, n in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    shares: list[float] = []
    for name, cells in nights.items():
        row = [_together(c for key, c in cells.items() if (key[1], key[3]) == column) for column in columns]
        shares += [float(np.mean(cell.inside)) for cell in row if cell.withheld < 0.9]
        print(f"| {name} | " + " | ".join(map(str, row)) + " |")
    bins = np.histogram(shares, [0, 0.92, 0.93, 0.97 + 1e-9, 0.98 + 1e-9, 1.01])[0]
    names = ("below 92", "92 to 93", "93 to 97", "97 to 98", "above 98")
    print("\nOf these cells: " + ", ".join(f"{n} {name}" for n, name in zip(bins, names, strict=True)))


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
