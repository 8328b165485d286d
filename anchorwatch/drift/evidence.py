"""How unlikely a change is under no change. The one place for evidence: a sequential detector goes here."""

import math
from dataclasses import dataclass

from anchorwatch.drift.baseline import Baseline, Scale


@dataclass(frozen=True, slots=True)
class Evidence:
    """One tested change.

    Attributes:
        difference: Tested minus baseline, on the scale.
        standard_error: Of the difference, the baseline's own error included.
        z: difference / standard_error.
        p_value: Two-sided.
        ci: 95 % interval of the difference.
    """

    difference: float
    standard_error: float
    z: float
    p_value: float
    ci: tuple[float, float]


def weigh(value: float, n: float, baseline: Baseline, *, is_rate: bool) -> Evidence:
    """Compare a value on the scale that rests on n rows with its baseline.

    The variance of both sides is dispersion / n, where the dispersion holds the day-to-day variance.
    The t distribution pays for the few days it was estimated from. For rates the exact
    hypergeometric test has to agree, since a handful of rare events is not normal.
    """
    from scipy import stats

    difference = value - baseline.mean
    error = math.sqrt(baseline.dispersion * (1 / n + 1 / baseline.n))
    degrees = max(baseline.n_days - 1, 1)
    z = difference / error if error > 0 else math.copysign(math.inf, difference) if difference else 0.0
    p_value = float(2 * stats.t.sf(abs(z), degrees))
    if is_rate:
        p_value = max(p_value, _exact_p(value, n, baseline))
    half = float(stats.t.ppf(0.975, degrees)) * error
    return Evidence(difference, error, z, p_value, (difference - half, difference + half))


def _exact_p(rate: float, n: float, baseline: Baseline) -> float:
    """Two-sided Fisher p of two rates, by doubling the smaller tail."""
    from scipy import stats

    tested, before = round(rate * n), round(baseline.mean * baseline.n)
    total, successes, drawn = round(n + baseline.n), tested + before, round(n)
    upper = stats.hypergeom.sf(tested - 1, total, successes, drawn)
    lower = stats.hypergeom.cdf(tested, total, successes, drawn)
    return float(min(1.0, 2 * min(upper, lower)))


def relative_change(difference: float, baseline_mean: float, scale: Scale) -> float | None:
    """Turn a difference on the scale into a relative change; None against a baseline of 0.

    >>> round(relative_change(math.log(1.5), 3.0, "log"), 6)
    0.5
    >>> relative_change(-0.2, 0.8, "linear")
    -0.25
    """
    if scale == "log":
        return math.expm1(difference)
    return difference / baseline_mean if baseline_mean != 0 else None
