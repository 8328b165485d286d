"""Bounds that hold beyond doubt: for weighted shares, and for counts."""

import math


def share_bounds(
    part: float, part_squares: float, whole: float, squares: float, n: int, alpha: float
) -> tuple[float, float]:
    """Return one-sided bounds of a weighted share, each at level alpha (Clopper-Pearson with the effective size).

    Args:
        part, part_squares: Sum of weights, and of squared weights, of the rows that count.
        whole, squares: Those of all rows.
        n: All rows.

    >>> [round(bound, 3) for bound in share_bounds(5, 5, 100, 100, 100, 0.025)]
    [0.016, 0.113]
    """
    from scipy.special import betaincinv

    share = part / whole
    variance = (part_squares * (1 - share) ** 2 + (squares - part_squares) * share**2) / whole**2
    variance *= n / (n - 1) if n > 1 else 1.0
    # All rows alike say nothing of the variance; Kish's size does.
    size = share * (1 - share) / variance if variance > 0 else whole**2 / squares
    size = min(size, n)
    count = share * size
    low = float(betaincinv(count, size - count + 1, alpha)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, max(size - count, 1e-12), 1 - alpha)) if count < size else 1.0
    return low, high


def most_requests(requests: float, squares: float, weight: float, alpha: float) -> float:
    """Return how many requests there may have been at most, when so many were seen (Poisson, level alpha).

    Args:
        requests, squares: Sums of weights and squared weights of what was seen.
        weight: Usual weight of a row, for when none was seen.

    >>> round(most_requests(0, 0, 1, 0.05), 3)
    2.996
    """
    from scipy.stats import chi2

    if requests <= 0:
        return -math.log(alpha) * weight
    size = requests**2 / squares
    return float(chi2.isf(alpha, 2 * (size + 1)) / 2) * requests / size
