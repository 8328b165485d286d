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
    The t distribution pays for the few days it was estimated from. For rates the exact conditional
    test has to agree, since a handful of rare events is not normal.
    """
    from scipy import special  # scipy.stats takes a second to import, this does not

    difference = value - baseline.mean
    error = math.sqrt(baseline.dispersion * (1 / n + 1 / baseline.n))
    degrees = max(baseline.n_days - 1, 1)
    z = difference / error if error > 0 else math.copysign(math.inf, difference) if difference else 0.0
    p_value = float(2 * special.stdtr(degrees, -abs(z)))
    if is_rate:
        p_value = max(p_value, exact_rate_p(value, n, baseline.mean, baseline.n))
    half = float(special.stdtrit(degrees, 0.975)) * error
    return Evidence(difference, error, z, p_value, (difference - half, difference + half))


def exact_rate_p(rate: float, n: float, base_rate: float, base_n: float) -> float:
    """Two-sided p that two rates are equal, exact for few events.

    Given the events of both sides together, those of one side are binomial (Przyborowski & Wilenski,
    1940, for Poisson counts); counting the rarer outcome keeps it close for proportions, and it errs to
    the cautious side.

    >>> round(exact_rate_p(2 / 140, 140, 0.0, 450), 3)
    0.113
    """
    from scipy import special

    if (rate * n + base_rate * base_n) / (n + base_n) > 0.5:
        rate, base_rate = 1 - rate, 1 - base_rate
    events, before = round(rate * n), round(base_rate * base_n)
    total, share = events + before, n / (n + base_n)
    upper = special.bdtrc(events - 1, total, share) if events > 0 else 1.0
    lower = special.bdtr(events, total, share)
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
