"""How many rows each stratum gets: a floor for everyone, the rest by the square root of its share."""

import math
from dataclasses import dataclass

_STEPS = 80  # bisection halves the bracket: far below one row


@dataclass(frozen=True, slots=True)
class Stratum:
    """A part of the day's judgeable logged rows.

    Attributes:
        cell: Cell of the design, e.g. `faq | gpt-x`.
        kind: error, flagged or rest.
        n_rows: Judgeable logged rows, >= 1.
        traffic: Production requests they stand for, sum of 1 / log_probability.
    """

    cell: str
    kind: str
    n_rows: int
    traffic: float


def allocate(strata: list[Stratum], target: int, floor: int) -> dict[tuple[str, str], int]:
    """Return how many rows to judge per (cell, kind).

    Each stratum gets at least min(floor, n_rows) and at most n_rows; in between it is proportional to
    the square root of its traffic, which serves small segments without starving large ones. Floors win
    over the target. The result depends on nothing but the arguments.

    >>> allocate([Stratum("a", "rest", 900, 9000), Stratum("b", "rest", 100, 1000)], target=100, floor=3)
    {('a', 'rest'): 75, ('b', 'rest'): 25}
    """
    low = [float(min(floor, stratum.n_rows)) for stratum in strata]
    high = [float(stratum.n_rows) for stratum in strata]
    roots = [math.sqrt(stratum.traffic) for stratum in strata]
    total = min(max(float(target), sum(low)), sum(high))
    shares = _fill(roots, low, high, total)
    counts = [math.floor(share + 1e-9) for share in shares]
    missing = round(total) - sum(counts)
    by_remainder = sorted(range(len(strata)), key=lambda i: (counts[i] - shares[i], strata[i].cell, strata[i].kind))
    for i in [i for i in by_remainder if counts[i] < high[i]][: max(missing, 0)]:
        counts[i] += 1
    return {(stratum.cell, stratum.kind): count for stratum, count in zip(strata, counts, strict=True)}


def _fill(roots: list[float], low: list[float], high: list[float], total: float) -> list[float]:
    """Find x_i = clip(c * root_i, low_i, high_i) with sum(x) = total."""

    def at(c: float) -> list[float]:
        return [min(max(c * root, lo), hi) for root, lo, hi in zip(roots, low, high, strict=True)]

    bottom, top = 0.0, max((hi / root for root, hi in zip(roots, high, strict=True) if root > 0), default=0.0)
    for _ in range(_STEPS):
        middle = (bottom + top) / 2
        if sum(at(middle)) < total:
            bottom = middle
        else:
            top = middle
    return at(top)
