"""The difference estimator: a judged mean plus the judge's bias, for scores."""

import math
from dataclasses import dataclass

import numpy as np

from anchorwatch.metrics.intervals import (
    Floats,
    Part,
    effective_n,
    kish,
    mover,
    steadied,
    t_quantile,
    wilson,
)
from anchorwatch.metrics.labelled import Corrected, Judged, Labelled, clip

STEP = 0.25
"""How far labels may be from the judge's score where all labels seen agree with it: one grade of five."""
FEW = 5
"""Below so many disagreements, both kinds of error are possible although only one was seen."""
MIN_SLOPE = 0.25


@dataclass(frozen=True, slots=True)
class _Bias:
    """The mean of (human - judge), its variance, and the range in which such differences lie."""

    value: float
    variance: float
    rows: float
    least: float
    most: float
    is_two_sided: bool


def difference(judged: Judged, labels: Labelled) -> Corrected:
    """Return the day's judged mean + the labels' mean of (human - judge).

    The two-sample difference estimator of Saerndal, Swensson & Wretman 1992, 6.3, which is the prediction-powered mean
    of Angelopoulos et al. 2023 (Science 382) with the weight of the judge at 1. A smaller weight (PPI++, power tuning)
    has less variance where labels and judged rows are of one population; labels of 90 days and the rows of one night
    are not, and it would pull the night towards the labels' days.

    The interval joins those of both means (MOVER, `intervals.mover`): Wilson's for a mean in [0, 1], with the n that
    gives it its variance, and Student's t at the degrees of freedom of Welch 1947; labelled rows of the day itself are
    in both means, and their covariance counts. The bias has Wilson's on the range of the differences that were seen;
    where they go both ways or are few, Student's too, and the outer ends count.

    It assumes that the judge is wrong by the same amount on average whatever the day. Where the judge's score follows
    people's with another slope than 1, the error depends on the level, and the interval is widened to hold the value
    that this slope gives (`_with_slope`).
    """
    bias = _bias(labels)
    t = t_quantile(_degrees(judged, bias))
    of_day = Part(judged.value, *wilson(judged.value, effective_n(judged.value, judged.error, judged.rows), t))
    low, high = mover([of_day, _interval(bias, t)], _correlation(judged, labels, bias))
    value, name = judged.value + bias.value, f"difference ({labels.n} labels)"
    wide = _with_slope(judged, labels, t, low, high)
    if wide is not None:
        note = f"{name}; widened: the judge's error depends on the level"
        return Corrected(clip(value), clip(wide[0]), clip(wide[1]), labels.n, note, "widened")
    return Corrected(clip(value), clip(low), clip(high), labels.n, name)


def _degrees(judged: Judged, bias: _Bias) -> float:
    """Return Welch's degrees of freedom, with effective numbers of rows."""
    both = judged.error + bias.variance
    if both <= 0:
        return bias.rows
    of_day, of_bias = judged.error / both, bias.variance / both
    return 1 / (of_day**2 / max(judged.rows - 1, 1) + of_bias**2 / max(bias.rows - 1, 1))


def _bias(labels: Labelled) -> _Bias:
    differences = labels.human - labels.judge
    seen = int(np.count_nonzero(differences))
    value, variance = steadied(differences, labels.weight, seen)
    least, most = min(0.0, float(differences.min())), max(0.0, float(differences.max()))
    is_two_sided = (least < 0 < most) or seen < FEW
    if seen == 0:
        least, most = -STEP, STEP
    return _Bias(value, variance, kish(labels.weight), least, most, is_two_sided)


def _interval(bias: _Bias, t: float) -> Part:
    width = bias.most - bias.least
    at = (bias.value - bias.least) / width
    ends = wilson(at, effective_n(at, bias.variance / width**2, bias.rows), t)
    low, high = (bias.least + width * end for end in ends)
    if bias.is_two_sided:
        reach = t * math.sqrt(bias.variance)
        low, high = min(low, bias.value - reach), max(high, bias.value + reach)
    return Part(bias.value, min(low, bias.value), max(high, bias.value))


def _correlation(judged: Judged, labels: Labelled, bias: _Bias) -> Floats:
    """Return how the two means move together because labelled rows of the day are in both."""
    spread = math.sqrt(judged.error * bias.variance)
    together = labels.share * labels.weight / labels.weight.sum()
    residual = (labels.judge - judged.value) * (labels.human - labels.judge - bias.value)
    r = float(np.clip(float(together @ residual) / spread, -1.0, 1.0)) if spread > 0 else 0.0
    return np.array([[1.0, r], [r, 1.0]])


def _with_slope(judged: Judged, labels: Labelled, t: float, low: float, high: float) -> tuple[float, float] | None:
    """Return an interval that also holds the value by the judge's slope; None where that changes nothing.

    Classical calibration (Osborne 1991, Int. Stat. Rev. 59): judge = a + b x human is fitted to the labels and solved
    for human at the day's judged mean. For 0 and 1 this is Rogan & Gladen. It counts where b is not 1, and the day is
    not at the labels' own mean, each beyond 95 %.
    """
    share = labels.weight / labels.weight.sum()
    human, judge = float(share @ labels.human), float(share @ labels.judge)
    x, y = labels.human - human, labels.judge - judge
    spread = float(share @ x**2)
    if spread <= 0:
        return None
    slope = float(share @ (x * y)) / spread
    rest = y - slope * x
    ratio = labels.n / (labels.n - 2)
    of_slope = ratio * float(share**2 @ (x * rest) ** 2) / spread**2
    of_place = judged.error + ratio * float(share**2 @ y**2)
    away = judged.value - judge
    if abs(slope - 1) <= t * math.sqrt(of_slope) or abs(away) <= t * math.sqrt(of_place):
        return None
    used = min(max(slope, MIN_SLOPE), 1 / MIN_SLOPE)
    at = away / used
    variance = judged.error + ratio * float(share**2 @ (rest * (1 + at * x / spread)) ** 2)
    value, reach = human + at, t * math.sqrt(variance) / used
    return min(low, value - reach), max(high, value + reach)
