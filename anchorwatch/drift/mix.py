"""Percentiles at the baseline's mix of query types, so that traffic that moves between types is no change.

With shares a_t of the types on the baseline days and F_t the distribution of a type's latency today, the percentile
is the x with sum a_t F_t(x) = p. Its standard error is Woodruff's (Journal of the American Statistical Association 47,
1952; for weights by stratum, Francisco & Fuller, Annals of Statistics 19, 1991): that of the share below the
percentile, sqrt(sum a_t^2 F_t (1 - F_t) / n_t), through the inverse of the baseline's distribution.
"""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.histograms import Histograms
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.streams import Bools, Floats, Ints

LEAST_VARIANCE = 1e-4
"""Of one request being below the percentile: a type that never was beyond it is not certain never to be."""
LEAST_BEYOND = 1.0
"""Effective rows of a day beyond the percentile; with fewer the day says nothing of it."""
INTERVAL = 1.959964


@dataclass(slots=True)
class Mix:
    """The baseline's mix of every percentile stream.

    Attributes:
        share: Part -> share of the stream's traffic on the baseline days; 0 in a stream that is compared as it is.
        below: Part -> share of the type's requests at or below the baseline's percentile.
        spread: Stream -> variance of one observation of the percentile, in its unit.
    """

    share: Floats
    below: Floats
    spread: Floats


def baseline_mix(panel: Panel, chosen: Bools, needed: Ints, oldest: int) -> Mix:
    """Return the mix on the baseline days of each percentile stream.

    A stream with too few baseline days that have query types, as after an upgrade, is compared as it is.

    Args:
        chosen: Streams x columns from `oldest` on: the baseline days.
        needed: Stream -> least number of them with query types; larger than any where nothing is tested.
    """
    histograms = panel.histograms
    parts = len(panel.part_stream)
    mix = Mix(np.zeros(parts), np.zeros(parts), np.zeros(len(panel.streams)))
    if histograms is None:
        return mix
    days = slice(oldest, oldest + chosen.shape[1])
    for stream, of, rows in histograms.by_stream():
        p, traffic = panel.kinds[stream].quantile, histograms.traffic[rows, days] * chosen[stream]
        if p is None or (traffic.sum(axis=0) > 0).sum() < needed[stream]:
            continue
        by_type = traffic.sum(axis=1)
        shares = np.matmul(traffic[:, None, :], histograms.below[rows, days])[:, 0]
        shares /= np.where(by_type > 0, by_type, 1)[:, None]
        mix.share[of] = by_type / by_type.sum()
        whole = mix.share[of] @ shares
        middle = float(histograms.percentile(whole[None], np.array([p]))[0])
        mix.below[of] = histograms.share_below(shares, middle)
        rows_a_day = histograms.effective[rows, days] * chosen[stream]
        effective = _effective(rows_a_day, mix.share[of], mix.below[of], p)
        mix.spread[stream] = _spread(histograms, whole, p, effective[effective > 0]) * np.exp(2 * middle)
    return mix


def _spread(histograms: Histograms, whole: Floats, p: float, effective: Floats) -> float:
    """Return the variance of the log percentile of a mean day, times its effective rows."""
    n = len(effective) / float((1 / effective).sum())
    reach = INTERVAL * np.sqrt(p * (1 - p) / n)
    ends = np.clip([p - reach, p + reach], 1e-6, 1 - 1e-6)
    low, high = histograms.percentile(np.stack([whole, whole]), ends)
    return float(((high - low) / (2 * INTERVAL)) ** 2 * n)


def _effective(rows: Floats, share: Floats, below: Floats, p: float) -> Floats:
    """Return how many rows of one population know the percentile as well as the types' rows do, one a day.

    p (1 - p) over the variance of the share below the percentile; a type without rows that day is left out.
    """
    weight = share[:, None] * (rows > 0)
    one = np.maximum(below * (1 - below), LEAST_VARIANCE)[:, None]
    variance = (weight**2 * one / np.where(rows > 0, rows, 1)).sum(axis=0)
    effective: Floats = np.divide(
        p * (1 - p) * weight.sum(axis=0) ** 2, variance, out=np.zeros(rows.shape[1]), where=variance > 0
    )
    return effective


def at_baseline_mix(panel: Panel, mix: Mix, sums: Sums, oldest: int) -> Sums:
    """Replace percentiles by those at the baseline's mix, for the columns from `oldest` on.

    As for means, a type without rows on a day or without a baseline says nothing about change, and is left out of
    both sides: what is left is asked for the share of its requests that was at or below the percentile.
    """
    histograms = panel.histograms
    if histograms is None or not mix.share.any():
        return sums
    sums, first_cell = sums.copy(), panel.first_cell
    days = slice(oldest, oldest + sums.rows.shape[1])
    for stream, of, rows in histograms.by_stream():
        p, cell = panel.kinds[stream].quantile, first_cell[stream]
        if p is None or not mix.share[of].any():
            continue
        value, effective = _days(histograms, rows, days, mix.share[of], mix.below[of], p)
        known, n = ~np.isnan(value), sums.rows[cell]
        value, effective = np.where(known, value, 0), np.where(known, effective, 0)
        inflated = np.where(n > 0, (n - 1) / np.maximum(n, 1), 0) * mix.spread[stream]
        sums.w[cell] = sums.ww[cell] = effective
        sums.wy[cell] = sums.wwy[cell] = effective * value
        sums.wwyy[cell] = effective * (value**2 + inflated)
        sums.rows[cell] = np.where(known, n, 0)
        sums.traffic[cell] = np.where(known, sums.traffic[cell], 0)
    return sums


def _days(
    histograms: Histograms, rows: slice, days: slice, share: Floats, below: Floats, p: float
) -> tuple[Floats, Floats]:
    """Return the percentile of every day, NaN where it is not known, and the effective rows."""
    n = histograms.effective[rows, days]
    weight = share[:, None] * (n > 0)
    total = weight.sum(axis=0)
    present = np.where(total > 0, total, 1)
    target = (weight * below[:, None]).sum(axis=0) / present
    shares = np.tensordot(share, histograms.below[rows, days], axes=1) / present[:, None]
    effective = _effective(n, share, below, p)
    known = (total > 0) & (effective * np.minimum(target, 1 - target) >= LEAST_BEYOND)
    return np.exp(histograms.percentile(shares, np.where(known, target, np.nan))), effective


def plain_percentiles(panel: Panel, stream: int, days: slice) -> Floats:
    """Return a stream's percentile of every day at that day's own mix; NaN without query types."""
    histograms, p = panel.histograms, panel.kinds[stream].quantile
    assert histograms is not None
    assert p is not None
    (rows,) = (rows for of_stream, _, rows in histograms.by_stream() if of_stream == stream)
    traffic = histograms.traffic[rows, days]
    total = traffic.sum(axis=0)
    shares = np.einsum("td,tdb->db", traffic, histograms.below[rows, days]) / np.where(total > 0, total, 1)[:, None]
    return np.exp(histograms.percentile(shares, np.where(total > 0, p, np.nan)))
