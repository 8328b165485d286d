"""Whether the judge's error changed among the labelled rows themselves."""

import math

import numpy as np

from anchorwatch.metrics.intervals import Floats
from anchorwatch.metrics.labelled import Ints, Labelled

LEVEL = 0.01
"""How often labels of a judge that did not change are taken for labels of two."""
ORDERS = 299
_SEED = 7
MIN_SIDE = 10
"""Labelled rows on either side of a day at which the error may have changed."""


def change_day(labels: Labelled, *, is_rate: bool) -> int | None:
    """Return the day from which on the judge's error is another one, by the labels; None where they do not say so.

    Every day with labels is tried as the first one. The statistic is the largest squared t of the mean error before
    and after; for pass and fail, the sum of those among the rows people call bad and among the others, since the share
    of bad rows may change though the judge does not.
    """
    days = _candidates(labels)
    if not len(days):
        return None
    kinds = [labels.human > 0.5, labels.human <= 0.5] if is_rate else [np.ones(labels.n, bool)]
    errors = labels.judge - labels.human
    rows = [(labels.day[kind], errors[kind], labels.weight[kind]) for kind in kinds]
    statistics = np.sum([_squared_t(*of_kind, days) for of_kind in rows], axis=0)
    best = int(np.argmax(statistics))
    largest = float(statistics[best])
    trim = max(MIN_SIDE / labels.n, 0.05)
    if p_value(largest, len(kinds), len(days), trim) >= 2 * LEVEL or not _is_rare(largest, rows, days):
        return None
    return int(days[best])


def _is_rare(largest: float, rows: list[tuple[Ints, Floats, Floats]], days: Ints) -> bool:
    """Return whether at most 1 % of random orders of the rows make as large a statistic.

    The tail of `p_value` is one of many small errors; a rare error of great weight makes a large statistic by itself,
    wherever it is. The random orders are the same every time.
    """
    rng, as_large = np.random.default_rng(_SEED), 0
    for _ in range(ORDERS):
        total = np.zeros(len(days))
        for when, errors, weights in rows:
            order = rng.permutation(len(errors))
            total += _squared_t(when, errors[order], weights[order], days)
        as_large += float(total.max()) >= largest
        if as_large > LEVEL * (ORDERS + 1) - 1:
            return False
    return True


def p_value(statistic: float, kinds: int, n_days: int, trim: float) -> float:
    """Return the chance of a largest squared t at least this large, if nothing changed.

    The tail of the largest squared Brownian bridge over [trim, 1 - trim], standardised (Vostrikova 1981; Csoergoe &
    Horvath 1997, Limit Theorems in Change-Point Analysis, 1.3; Andrews 1993, Econometrica 61, has critical values), or
    Bonferroni's bound where few days are tried.
    """
    from scipy.stats import chi2

    bound = n_days * float(chi2.sf(statistic, kinds))
    if statistic <= kinds or trim >= 0.5:
        return min(1.0, bound)
    half = kinds / 2
    density = math.exp(half * math.log(statistic) - statistic / 2 - half * math.log(2) - math.lgamma(half))
    tail = density * (2 * math.log((1 - trim) / trim) * (1 - kinds / statistic) + 4 / statistic)
    return min(1.0, bound, tail)


def _candidates(labels: Labelled) -> Ints:
    days, counts = np.unique(labels.day, return_counts=True)
    before = np.cumsum(counts)[:-1]
    return days[1:][(before >= MIN_SIDE) & (labels.n - before >= MIN_SIDE)]


def _squared_t(days: Ints, errors: Floats, weights: Floats, splits: Ints) -> Floats:
    """Return, by day of a change, the squared difference of the mean errors over its variance if there was none."""
    if len(errors) < 2:
        return np.zeros(len(splits))
    order = np.argsort(days, kind="stable")
    days, errors, share = days[order], errors[order], weights[order] / weights.sum()
    squares = (errors - share @ errors) ** 2
    # As if nothing changed: one spread for both sides, so that a side without any error is no proof.
    spread = float(share**2 @ squares) / float(share @ share) * len(errors) / (len(errors) - 1)
    at = np.searchsorted(days, splits)
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (share, share**2, share * errors)]
    with np.errstate(divide="ignore", invalid="ignore"):
        old, old_squares, old_errors = (part[at] for part in sums)
        new, new_squares, new_errors = (part[-1] - part[at] for part in sums)
        variance = spread * (new_squares / new**2 + old_squares / old**2)
        found = (new_errors / new - old_errors / old) ** 2 / variance
    is_told = (at >= 2) & (len(errors) - at >= 2) & (variance > 0)
    return np.where(is_told, found, 0.0)
