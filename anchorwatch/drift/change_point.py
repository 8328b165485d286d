"""When did the change begin? The most likely first day, by a generalised likelihood ratio."""

import numpy as np

from anchorwatch.drift.baseline import Baseline, Scale
from anchorwatch.drift.history import Series

LOOK_BACK_DAYS = 14


def first_day(daily: Series, baseline: Baseline, day: int, direction: float, scale: Scale) -> int:
    """Return the position of the first day of the change, at most 14 days back.

    Of all starts s, the one whose days s..day are together furthest from the baseline in the
    direction of the change, in standard errors: sum(n (y - mean)) / sqrt(sum(n)).
    """
    best, best_day = -np.inf, day
    total = weight = 0.0
    for start in range(day, max(day - LOOK_BACK_DAYS, int(baseline.days[-1]), -1), -1):
        value, n = daily.value[start], daily.n[start]
        if n > 0 and (scale == "linear" or value > 0):
            on_scale = np.log(value) if scale == "log" else value
            total += n * (on_scale - baseline.mean)
            weight += n
            if direction * total / np.sqrt(weight) > best:
                best, best_day = direction * total / np.sqrt(weight), start
    return best_day
