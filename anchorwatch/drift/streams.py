"""What is watched: one metric in one segment, in one direction, and how its numbers are compared."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

Direction = Literal["rise", "fall"]
Floats = np.ndarray[Any, np.dtype[np.float64]]
Ints = np.ndarray[Any, np.dtype[np.int64]]
Bools = np.ndarray[Any, np.dtype[np.bool_]]

ROWS_BEYOND = 5
MIN_ROWS_A_DAY = 5


class Stream(NamedTuple):
    """One line that is watched. A metric that is watched both ways is two streams.

    Attributes:
        epoch: Different epochs (judge, rubric, evaluator version) are different streams.
    """

    metric: str
    segment_name: str
    segment_value: str
    epoch: str
    direction: Direction

    @property
    def is_whole(self) -> bool:
        """Whether the segment is all traffic."""
        return self.segment_name == "all"


@dataclass(frozen=True, slots=True)
class MetricKind:
    """What drift has to know of a metric.

    Attributes:
        is_relative: Compared by factor (log scale), not by difference.
        is_rate: Its rows are 0 or 1.
        quantile: The p of a percentile, None for means and rates.
        repeats_rows: The same rows are scored every day, so that more days say nothing of other rows.
    """

    is_relative: bool = False
    is_rate: bool = False
    quantile: float | None = None
    repeats_rows: bool = False

    @property
    def min_rows_a_day(self) -> float:
        """Rows a day below which a stream is too small to watch.

        Of a percentile five rows a day have to lie beyond it, or it is the luck of a single row.

        >>> MetricKind(quantile=0.95).min_rows_a_day
        100.0
        """
        if self.quantile is None:
            return MIN_ROWS_A_DAY
        return round(max(ROWS_BEYOND / min(self.quantile, 1 - self.quantile), MIN_ROWS_A_DAY), 6)
