"""What people's labels say about a judged estimate: PPI++ for scores, Rogan-Gladen for pass and fail.

Both take the judge's error from rows that people labelled and carry it over to days without labels. PPI++ assumes
that what people would say of a row, given the judge's score, stays as it is; Rogan-Gladen that the judge's
sensitivity and specificity do. A judge that drifts breaks both, which is what the anchors are for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

MIN_LABELS = 20
MIN_EACH = 5
"""Labelled rows of either kind that Rogan-Gladen needs."""
MIN_YOUDEN = 0.1
"""Sensitivity + specificity - 1: below this a judge tells too little to correct anything by it."""
Z = 1.959964
Method = Literal["ppi++", "rogan-gladen"]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows that have both a label and the judge's score, as arrays of one length.

    Attributes:
        human: What people said, on the metric's scale.
        judge: What the judge said, on the same scale.
        weight: 1 / probability with which the row came to be labelled; any unit.
    """

    human: Floats
    judge: Floats
    weight: Floats

    @classmethod
    def of(cls, rows: Sequence[tuple[float, float, float]]) -> "Labelled":
        """Make the arrays from (human, judge, weight)."""
        table = np.array(rows, dtype=float).reshape(-1, 3)
        return cls(table[:, 0], table[:, 1], table[:, 2])

    @property
    def n(self) -> int:
        """Labelled rows."""
        return len(self.human)


@dataclass(frozen=True, slots=True)
class Corrected:
    """A corrected estimate, or why there is none.

    Attributes:
        correction: `ppi++ (120 labels)`, `rogan-gladen (120 labels)`, `uncorrected (0 labels)`, ...
    """

    value: float | None
    low: float | None
    high: float | None
    n_labels: int
    correction: str


def correct(value: float, variance: float | None, labels: Labelled, *, is_rate: bool) -> Corrected:
    """Correct a judged estimate.

    Args:
        value: The judge's weighted mean, in [0, 1].
        variance: Its sampling variance; None where it is not known.
    """
    n = labels.n
    if n < MIN_LABELS or variance is None:
        return Corrected(None, None, None, n, f"uncorrected ({n} labels)")
    if is_rate and _is_binary(labels.judge) and _is_binary(labels.human):
        return _rogan_gladen(value, variance, labels)
    return ppi_plus_plus(value, variance, labels)


def ppi_plus_plus(value: float, variance: float, labels: Labelled) -> Corrected:
    """Prediction-powered mean with the power-tuned weight of the judge (Angelopoulos, Duchi & Zrnic 2023, PPI++).

    mean = lambda x judge's mean + labelled mean of (human - lambda x judge), with the lambda of least variance;
    labelled rows are weighted, their variances are those of a Hajek mean.
    """
    from scipy.stats import t

    share = labels.weight / labels.weight.sum()
    human, judge = float(share @ labels.human), float(share @ labels.judge)
    ratio = labels.n / (labels.n - 1)
    squares = ratio * share**2
    judge_variance = float(squares @ (labels.judge - judge) ** 2)
    covariance = float(squares @ ((labels.human - human) * (labels.judge - judge)))
    power = min(1.0, max(0.0, covariance / (judge_variance + variance))) if judge_variance + variance > 0 else 0.0
    corrected = power * value + human - power * judge
    rest = labels.human - power * labels.judge
    error = math.sqrt(float(squares @ (rest - share @ rest) ** 2) + power**2 * variance)
    effective = 1 / float((share**2).sum())
    reach = float(t.ppf(0.975, max(effective - 1, 1))) * error
    return Corrected(
        _clip(corrected), _clip(corrected - reach), _clip(corrected + reach), labels.n, f"ppi++ ({labels.n} labels)"
    )


def _rogan_gladen(value: float, variance: float, labels: Labelled) -> Corrected:
    """Correct an apparent rate by sensitivity and specificity (Rogan & Gladen 1978).

    The interval is that of Lang & Reiczigel 2014, with effective numbers of rows for weighted ones.
    """
    is_bad = labels.human > 0.5
    n_bad, n_good = _effective(labels.weight[is_bad]), _effective(labels.weight[~is_bad])
    if is_bad.sum() < MIN_EACH or (~is_bad).sum() < MIN_EACH:
        return Corrected(
            None, None, None, labels.n, f"uncorrected ({labels.n} labels, fewer than {MIN_EACH} of a kind)"
        )
    sensitivity = float(np.average(labels.judge[is_bad], weights=labels.weight[is_bad]))
    specificity = 1 - float(np.average(labels.judge[~is_bad], weights=labels.weight[~is_bad]))
    if sensitivity + specificity - 1 < MIN_YOUDEN:
        return Corrected(None, None, None, labels.n, f"uncorrected ({labels.n} labels, the judge tells too little)")
    n = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else 1e6
    low, high = lang_reiczigel(value, n, sensitivity, n_bad, specificity, n_good)
    corrected = _clip((value + specificity - 1) / (sensitivity + specificity - 1))
    return Corrected(
        corrected, min(low, corrected), max(high, corrected), labels.n, f"rogan-gladen ({labels.n} labels)"
    )


def lang_reiczigel(
    rate: float, n: float, sensitivity: float, n_bad: float, specificity: float, n_good: float
) -> tuple[float, float]:
    """Return the interval of a true rate from an apparent one and estimated sensitivity and specificity."""
    rate, n = (n * rate + Z * Z / 2) / (n + Z * Z), n + Z * Z
    sensitivity, n_bad = (n_bad * sensitivity + 1) / (n_bad + 2), n_bad + 2
    specificity, n_good = (n_good * specificity + 1) / (n_good + 2), n_good + 2
    youden = sensitivity + specificity - 1
    true = (rate + specificity - 1) / youden
    of_sensitivity = sensitivity * (1 - sensitivity) / n_bad
    of_specificity = specificity * (1 - specificity) / n_good
    shift = 2 * Z * Z * (true * of_sensitivity - (1 - true) * of_specificity)
    error = Z * math.sqrt(rate * (1 - rate) / n + (1 - true) ** 2 * of_specificity + true**2 * of_sensitivity) / youden
    return _clip(true + shift - error), _clip(true + shift + error)


def _is_binary(values: Floats) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())


def _effective(weights: Floats) -> float:
    return float(weights.sum() ** 2 / (weights**2).sum()) if len(weights) else 0.0


def _clip(value: float) -> float:
    return min(1.0, max(0.0, float(value)))
