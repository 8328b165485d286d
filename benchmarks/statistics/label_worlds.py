"""Simulated people and judges: what both say of a row, how rows are judged and drawn for labels.

Everything is made up. In every world the judge's error is the same before and after the drop.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from anchorwatch.labelling.draw import SHARES
from anchorwatch.metrics.labelled import Judged, Labelled

Floats = NDArray[np.float64]
Rng = np.random.Generator
Rows = tuple[Floats, Floats]
LOGGED, ALWAYS = 0.1, 0.2
"""Share of rows that are logged, and share that is logged for certain (errors and flagged rows)."""


@dataclass(frozen=True, slots=True)
class World:
    """What people and the judge say.

    Attributes:
        rows: (rng, n, good) -> people's and the judge's values of n rows whose mean by people is `good`; for rates,
            whose share of good rows is.
        good: That mean before the drop.
        level: Whether the judge's error depends on what people say, so that its mean moves with the drop.
    """

    rows: Callable[[Rng, int, float], Rows]
    good: float
    is_rate: bool = False
    level: bool = False


def _even(rng: Rng, n: int, good: float) -> Rows:
    """Continuous: the judge adds 0.1, and noise."""
    mean = good / 0.85
    human = 0.85 * rng.beta(8 * mean, 8 * (1 - mean), n)
    return human, human + 0.1 + 0.05 * rng.uniform(-1, 1, n)


def lenient(share: float) -> Callable[[Rng, int, float], Rows]:
    """Grades: the judge gives one more to a share of the rows."""

    def rows(rng: Rng, n: int, good: float) -> Rows:
        human = rng.binomial(3, good / 0.75, n) / 4
        return human, human + 0.25 * (rng.random(n) < share)

    return rows


def _both_ways(rng: Rng, n: int, good: float) -> Rows:
    """Grades: one up for 20 % of the rows, one down for 7 %."""
    human, u = (1 + rng.binomial(2, (good - 0.25) / 0.5, n)) / 4, rng.random(n)
    return human, human + 0.25 * (u < 0.2) - 0.25 * (u > 0.93)


def _two_grades(rng: Rng, n: int, good: float) -> Rows:
    """Rare and large: people give 0.5 or 0, the judge 0.5 more for 10 % of the rows."""
    human = 0.5 * rng.binomial(1, good / 0.5, n)
    return human, human + 0.5 * (rng.random(n) < 0.1)


def _misses(rng: Rng, n: int, good: float) -> Rows:
    """Grades 1 and 0.25: the judge gives 1 to 30 % of the bad rows, so its error grows with their number."""
    human = np.where(rng.random(n) < (good - 0.25) / 0.75, 1.0, 0.25)
    return human, np.where(rng.random(n) < 0.3, 1.0, human)


def verdicts(sensitivity: float, specificity: float) -> Callable[[Rng, int, float], Rows]:
    """Pass or fail; 1 is bad."""

    def rows(rng: Rng, n: int, good: float) -> Rows:
        bad, u = rng.random(n) >= good, rng.random(n)
        return bad.astype(float), np.where(bad, u < sensitivity, u >= specificity).astype(float)

    return rows


WORLDS = {
    "score, judge + 0.1 and noise": World(_even, 0.7),
    "grades, one too high for 50 %": World(lenient(0.5), 0.65),
    "grades, one too high for 10 %": World(lenient(0.1), 0.65),
    "grades, one too high for 3 %": World(lenient(0.03), 0.65),
    "grades, up for 20 %, down for 7 %": World(_both_ways, 0.65),
    "grades, two too high for 10 %": World(_two_grades, 0.4),
    "grades, 30 % of bad rows pass": World(_misses, 0.856, level=True),
    "rate, sensitivity .80, specificity .95": World(verdicts(0.8, 0.95), 0.856, is_rate=True),
    "rate, sensitivity .97, specificity .99": World(verdicts(0.97, 0.99), 0.856, is_rate=True),
    "rate, sensitivity .60, specificity .90": World(verdicts(0.6, 0.9), 0.7, is_rate=True),
}


def night(rng: Rng, world: World, n: int, good: float, *, is_even: bool = False) -> Judged:
    """Judge n rows of a night: of equal weights, or some logged for certain and the others at one in ten."""
    _, judge = world.rows(rng, n, good)
    if is_even:
        return judged_mean(judge, np.ones(n))
    weight = np.where(rng.random(n) < ALWAYS / (ALWAYS + LOGGED * (1 - ALWAYS)), 1.0, 1 / LOGGED)
    return judged_mean(judge, weight)


def judged_mean(judge: Floats, weight: Floats) -> Judged:
    """Return what `daily_metrics` holds of a night: the Hajek mean and its variance."""
    share, n = weight / weight.sum(), len(judge)
    mean = float(share @ judge)
    variance = n / (n - 1) * float(share**2 @ (judge - mean) ** 2)
    return Judged(mean, variance, n, float(1 / (share @ share)))


def labels(rng: Rng, world: World, n: int, good: float, first_day: int, *, is_biased: bool) -> Labelled:
    """Label about n rows of 30 days: at random, or as `labels export` draws them, with their probabilities."""
    pool = max(4 * n, 400) if is_biased else n
    human, judge = world.rows(rng, pool, good)
    day = first_day + rng.integers(0, 30, pool)
    chance = _chances(rng, human, judge, n) if is_biased else np.ones(pool)
    drawn = rng.random(pool) < chance
    return Labelled(human[drawn], judge[drawn], 1 / chance[drawn], day[drawn])


def _chances(rng: Rng, human: Floats, judge: Floats, n: int) -> Floats:
    """Probabilities of `labelling.draw`: half at random, a quarter borderline, a quarter in dispute.

    Half of the judge's errors are in dispute with another judge or a check, and a tenth of the other rows.
    """
    is_disputed = rng.random(len(human)) < np.where(human != judge, 0.5, 0.1)
    is_borderline = ((judge >= 0.25) & (judge <= 0.75)) | (rng.random(len(human)) < 0.05)
    missed = np.ones(len(human))
    for reason, applies in (
        ("random", np.ones(len(human), bool)),
        ("borderline", is_borderline),
        ("disagreement", is_disputed),
    ):
        missed[applies] *= 1 - min(1.0, SHARES[reason] * n / max(int(applies.sum()), 1))
    return 1 - missed


def both(one: Labelled, two: Labelled) -> Labelled:
    """Put two sets of labels together."""
    return Labelled(
        np.concatenate([one.human, two.human]),
        np.concatenate([one.judge, two.judge]),
        np.concatenate([one.weight, two.weight]),
        np.concatenate([one.day, two.day]),
    )
