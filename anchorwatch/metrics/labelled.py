"""The data of a correction: rows that people labelled, and the judged estimate of one day."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from anchorwatch.metrics.intervals import Floats, small_sample

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

MIN_LABELS = 20
Status = Literal["corrected", "recent_labels", "widened", "withheld"]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows that have both a label and the judge's score, as arrays of one length.

    Attributes:
        human: What people said, on the metric's scale.
        judge: What the judge said, on the same scale.
        weight: 1 / probability with which the row came to be labelled; any unit.
        day: Number of the row's day; all 0 where time does not matter.
        share: The row's share in the judged mean that is corrected; 0 for rows of other days.
    """

    human: Floats
    judge: Floats
    weight: Floats
    day: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    share: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        if len(self.day) != self.n:
            object.__setattr__(self, "day", np.zeros(self.n, np.int64))
        if len(self.share) != self.n:
            object.__setattr__(self, "share", np.zeros(self.n))

    @classmethod
    def of(cls, rows: Sequence[tuple[float, ...]]) -> "Labelled":
        """Make the arrays from (human, judge, weight), and day and share if they are there."""
        table = np.array(rows, dtype=float).reshape(len(rows), -1 if rows else 3)
        day = table[:, 3].astype(np.int64) if table.shape[1] > 3 else np.zeros(len(rows), np.int64)
        share = table[:, 4] if table.shape[1] > 4 else np.zeros(len(rows))
        return cls(table[:, 0], table[:, 1], table[:, 2], day, share)

    @property
    def n(self) -> int:
        """Labelled rows."""
        return len(self.human)

    @property
    def is_binary(self) -> bool:
        """Whether both said 0 or 1 of every row."""
        return bool(np.isin(self.human, (0.0, 1.0)).all() and np.isin(self.judge, (0.0, 1.0)).all())

    def where(self, chosen: Bools) -> "Labelled":
        """Return some of the rows."""
        return Labelled(
            self.human[chosen], self.judge[chosen], self.weight[chosen], self.day[chosen], self.share[chosen]
        )


@dataclass(frozen=True, slots=True)
class Judged:
    """The judge's estimate for one day: a Hajek mean in [0, 1].

    Attributes:
        variance: Its sampling variance; None where it is not known.
        n: Judged rows.
        rows: Their effective number (Kish); as many as there are where all weigh the same.
    """

    value: float
    variance: float | None
    n: int
    rows: float

    @property
    def error(self) -> float:
        """The variance with the small-sample factor of the effective number of rows, instead of n / (n - 1)."""
        assert self.variance is not None
        return self.variance * max((self.n - 1) / self.n * small_sample(self.rows), 1.0)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected estimate, or why there is none.

    Attributes:
        value: The day's mean as people would have given it; None where it is withheld.
        n_labels: Labelled rows that it rests on; all that there are where it is withheld.
        correction: The method and the labels behind it, or why there is no corrected value.
        status: `corrected`; `recent_labels`: the judge changed, and labels from before are left out; `widened`: the
            interval holds two readings of the judge's error; `withheld`: there is no value.
    """

    value: float | None
    low: float | None
    high: float | None
    n_labels: int
    correction: str
    status: Status = "corrected"


def withheld(n: int, why: str) -> Corrected:
    """Return that there is no corrected value, and why."""
    return Corrected(None, None, None, n, why, "withheld")


def clip(value: float) -> float:
    """Return the nearest value in [0, 1]."""
    return min(1.0, max(0.0, float(value)))
