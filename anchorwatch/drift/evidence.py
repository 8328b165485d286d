"""Evidence that adds up over days: a mixture Shiryaev-Roberts e-detector for means and for rates.

For each of six alternatives, R <- (1 + R) x likelihood ratio of today; the evidence is their mean. If
nothing changed, its mean on day t is at most t, so the mean time until it reaches A is at least A days: the
threshold is a time between false alarms (Shin, Ramdas & Rinaldo, "E-detectors", 2024). The guarantee is
approximate here, because baseline and noise are estimated; the realised rates are measured in
benchmarks/detection.
"""

import numpy as np

from anchorwatch.drift.streams import Bools, Floats

SHIFTS = np.array([0.5, 1.0, 1.5, 2.0, 3.0, 4.0])
"""Alternatives for means: a shift of the daily surprise by so many standard errors."""
ODDS = np.array([1.25, 1.5, 2.0, 3.0, 5.0, 10.0])
"""Alternatives for rates: odds of the event so many times higher (or lower)."""
NOTHING = -np.inf
LARGEST = 600.0


def normal_score(surprise: Floats, variance: Floats, degrees: Floats, skew: Floats) -> Floats:
    """Turn a surprise into standard errors of a normal.

    Pays for the days its variance was estimated from (Student), and for the skewness of a mean of few
    rows (a gamma of that skewness, by Wilson & Hilferty, 1931): scores near 1 have more room to fall than
    to rise.
    """
    from scipy import special  # scipy.stats takes a second to import, this does not

    z = surprise / np.sqrt(np.maximum(variance, 1e-300))
    bent = np.where(np.abs(skew) > 1e-4, skew, 1e-4)
    z = 6 / bent * (np.cbrt(np.maximum(bent * z / 2 + 1, 1e-6)) - 1) + bent / 6
    tail = special.stdtr(np.maximum(degrees, 1), -np.abs(z))
    score: Floats = np.sign(z) * -special.ndtri(np.clip(tail, 1e-300, 0.5))
    return score


def mean_ratios(z: Floats, shifts: Floats = SHIFTS) -> Floats:
    """Log likelihood ratios of today's standard score, streams x alternatives; positive z is the watched way.

    >>> mean_ratios(np.array([2.0])).round(3).tolist()
    [[0.875, 1.5, 1.875, 2.0, 1.5, 0.0]]
    """
    ratios: Floats = shifts * z[:, None] - shifts**2 / 2
    return ratios


def rate_ratios(
    rate: Floats, expected: Floats, variance: Floats, sign: Floats, odds: Floats = ODDS
) -> tuple[Floats, Floats]:
    """Return log likelihood ratios of a rate, exact for few events, and log weights of a change today.

    Both are streams x alternatives. A change that begins today counts for 1 - exp(-information of a day):
    where a day can tell next to nothing, such as 20 rows of an event of 1 in 10,000, days alone must not
    add up to evidence.

    Args:
        rate: Today's rate, freed of weekday and of what was expected from yesterday.
        expected: The baseline rate, in (0, 1).
        variance: Of the surprise; beyond the binomial one it makes the day count for fewer trials.
        sign: +1 where a rise is watched, -1 for a fall.
    """
    p0 = np.clip(expected, 1e-6, 1 - 1e-6)[:, None]
    trials = p0 * (1 - p0) / np.maximum(variance, 1e-300)[:, None]
    changed = p0 / (1 - p0) * odds ** sign[:, None]
    p1 = changed / (1 + changed)
    y = np.clip(rate, 0, 1)[:, None]
    event, other = np.log(p1 / p0), np.log((1 - p1) / (1 - p0))
    ratios: Floats = trials * (y * event + (1 - y) * other)
    information = trials * (p1 * event + (1 - p1) * other)
    return ratios, np.log(-np.expm1(-np.maximum(information, 1e-12)))


def accumulate(log_r: Floats, ratios: Floats, seen: Bools, log_start: Floats | float = 0.0) -> Floats:
    """Add a day to log R, streams x alternatives; a day without data changes nothing.

    Args:
        log_start: Log weight, at most 0, of a change that begins today.
    """
    updated = np.clip(np.logaddexp(log_start, log_r) + ratios, -LARGEST, LARGEST)
    return np.where(seen[:, None], updated, log_r)


def log_evidence(log_r: Floats) -> Floats:
    """Return the log of the mean over the alternatives."""
    from scipy import special

    found: Floats = special.logsumexp(log_r, axis=1) - np.log(log_r.shape[1])
    return found


def cusum(level: Floats, increment: Floats) -> Floats:
    """Add a day to a CUSUM (Page, 1954): it never falls below 0, so only the recent past counts."""
    added: Floats = np.maximum(level + increment, 0)
    return added
