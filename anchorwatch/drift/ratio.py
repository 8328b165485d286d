"""Limits of a proportion and of a ratio of two estimates, from the limits of each."""

from typing import Any

import numpy as np

from anchorwatch.drift.streams import Floats


def wilson_limits(rate: Floats, rows: Floats, z: Any) -> tuple[Floats, Floats]:
    """Return Wilson's score limits (1927) of a rate seen on so many rows, which may be fractional.

    >>> [limit.round(4).tolist() for limit in wilson_limits(np.array([0.1]), np.array([20.0]), 1.96)]
    [[0.0279], [0.301]]
    """
    middle = (rate + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(np.maximum(rate * (1 - rate) / rows, 0) + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return np.maximum(middle - half, 0), np.minimum(middle + half, 1)


def ratio_limits(
    top: Floats, top_low: Floats, top_high: Floats, base: Floats, base_low: Floats, base_high: Floats
) -> tuple[Floats, Floats]:
    """Return the limits of top / base by MOVER-R (Donner & Zou, 2012); base is positive.

    Two independent estimates with limits of their own; where both limits are estimate -+ z standard errors it is
    Fieller's interval. The upper limit is infinite where the base may be 0.

    >>> one = np.ones(1)
    >>> [limit.round(3).tolist() for limit in ratio_limits(2 * one, 1.5 * one, 2.5 * one, one, 0.8 * one, 1.2 * one)]
    [[1.425], [2.742]]
    """
    product = top * base
    with np.errstate(divide="ignore", invalid="ignore"):
        # The published form times its conjugate: it has no 0 / 0 where base_high is twice the base.
        root = np.sqrt(np.maximum(product**2 - top_low * base_high * (2 * top - top_low) * (2 * base - base_high), 0))
        low = np.where(product + root > 0, top_low * (2 * top - top_low) / (product + root), 0)
        root = np.sqrt(np.maximum(product**2 - top_high * base_low * (2 * top - top_high) * (2 * base - base_low), 0))
        high = np.where(base_low > 0, (product + root) / (base_low * (2 * base - base_low)), np.inf)
    return low, high
