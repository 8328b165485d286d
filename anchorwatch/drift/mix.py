"""Percentiles at the baseline's mix of query types, so that traffic that moves between types is no change.

With shares a_t of the types on the baseline days and F_t the distribution of a type's latency today, the percentile
is the x with sum a_t F_t(x) = p. Its standard error is Woodruff's (Journal of the American Statistical Association 47,
1952; for weights by stratum, Francisco & Fuller, Annals of Statistics 19, 1991): that of the share below the
percentile, sqrt(sum a_t^2 F_t (1 - F_t) / n_t), through the inverse of the baseline's distribution. A day's percentile
is never further from the baseline's, in standard errors, than its share below the baseline's percentile is from p: ten
requests that are all slow prove no more than ten requests can, however slow they are.
"""

from dataclasses import dataclass

import numpy as np

from anchorwatch.drift.histograms import Histograms
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.streams import Bools, Floats, Ints

LEAST_VARIANCE = 1e-4
"""Of one request being below the percentile: a type that never was beyond it is not certain never to be."""
LEAST_BEYOND = 2.5
"""Rows of a day beyond the percentile, half of what a mean day needs. A type whose single request would stand for more
of the tail is left out that day; with fewer effective rows in all, the day says nothing."""
SURE = 1.0
"""Standard errors up to which the two scales agree well enough."""
INTERVAL = 1.959964


@dataclass(slots=True)
class Mix:
    """The baseline's mix of every percentile stream.

    Attributes:
        share: Part -> share of the stream's traffic on the baseline days; 0 in a stream that is compared as it is.
        below: Part -> share of the type's requests at or below the baseline's percentile.
        middle: Stream -> log of that percentile, of all baseline days together.
        spread: Stream -> variance of one observation of the percentile, in its unit.
    """

    share: Floats
    below: Floats
    middle: Floats
    spread: Floats

    def or_kept(self, kept: Bools, part_stream: Ints, old: "Mix") -> "Mix":
        """Return this mix, and an older one for the streams that keep theirs."""
        of_part = kept[part_stream]
        return Mix(
            np.where(of_part, old.share, self.share),
            np.where(of_part, old.below, self.below),
            np.where(kept, old.middle, self.middle),
            np.where(kept, old.spread, self.spread),
        )


def baseline_mix(panel: Panel, chosen: Bools, needed: Ints, oldest: int) -> Mix:
    """Return the mix on the baseline days of each percentile stream.

    A stream with too few baseline days that have query types, as after an upgrade, is compared as it is.

    Args:
        chosen: Streams x columns from `oldest` on: the baseline days.
        needed: Stream -> least number of them with query types; larger than any where nothing is tested.
    """
    histograms, parts = panel.histograms, len(panel.part_stream)
    mix = Mix(np.zeros(parts), np.zeros(parts), *np.zeros((2, len(panel.streams))))
    if histograms is None or parts == 0:
        return mix
    days = slice(oldest, oldest + chosen.shape[1])
    used, streams = chosen[histograms.stream], histograms.streams
    traffic = histograms.traffic[histograms.source, days] * used
    is_mixed = (histograms.per_stream(traffic) > 0).sum(axis=1) >= needed[streams]
    by_type = traffic.sum(axis=1) * histograms.spread(is_mixed)
    mix.share = by_type / np.maximum(histograms.spread(histograms.per_stream(by_type)), np.finfo(float).tiny)
    shares = _pooled(histograms, traffic, is_mixed, days)
    whole, p = histograms.per_stream(mix.share[:, None] * shares), _quantiles(panel, streams)
    middle = histograms.percentile(whole, np.where(is_mixed, p, np.nan))
    mix.middle[streams] = np.nan_to_num(middle)
    mix.below = histograms.share_below(shares, histograms.spread(mix.middle[streams]))
    rows = _usable(histograms, mix.share, p, days) * used
    effective = _effective(histograms, rows, mix.share, mix.below, p)
    spread = _spread(histograms, whole, p, effective) * np.exp(2 * middle)
    mix.spread[streams] = np.where(is_mixed, np.nan_to_num(spread), 0)
    return mix


def _quantiles(panel: Panel, streams: Ints) -> Floats:
    return np.array([panel.kinds[stream].quantile for stream in streams.tolist()], dtype=float)


def _pooled(histograms: Histograms, traffic: Floats, is_mixed: Bools, days: slice) -> Floats:
    """Return each type's cumulative shares over the days, weighted by its traffic."""
    found = np.zeros((len(traffic), histograms.below.shape[2]))
    parts = histograms.parts()
    for at in np.flatnonzero(is_mixed).tolist():
        of, rows = parts[at]
        found[of] = np.matmul(traffic[of, None, :], histograms.below[rows, days])[:, 0]
    total = traffic.sum(axis=1)[:, None]
    shares: Floats = np.divide(found, total, out=found, where=total > 0)
    return shares


def _spread(histograms: Histograms, whole: Floats, p: Floats, effective: Floats) -> Floats:
    """Return the variance of the log percentile of a mean day, times its effective rows."""
    is_day = effective > 0
    n = is_day.sum(axis=1) / np.maximum((is_day / np.where(is_day, effective, 1)).sum(axis=1), np.finfo(float).tiny)
    n = np.maximum(n, 1)
    reach = INTERVAL * np.sqrt(p * (1 - p) / n)
    low, high = (histograms.percentile(whole, np.clip(p + side * reach, 1e-6, 1 - 1e-6)) for side in (-1, 1))
    spread: Floats = ((high - low) / (2 * INTERVAL)) ** 2 * n
    return spread


def _usable(histograms: Histograms, share: Floats, p: Floats, days: slice) -> Floats:
    """Return the effective rows, parts x days; 0 where a single request would carry too much of the tail."""
    rows = histograms.effective[histograms.source, days]
    tail = histograms.spread(np.minimum(p, 1 - p))[:, None]
    return np.where(share[:, None] * LEAST_BEYOND <= rows * tail, rows, 0)


def _effective(histograms: Histograms, rows: Floats, share: Floats, below: Floats, p: Floats) -> Floats:
    """Return how many rows of one population know the percentile as well as the types' rows do, streams x days.

    p (1 - p) over the variance of the share below the percentile; a type without rows that day is left out.
    """
    weight = share[:, None] * (rows > 0)
    one = np.maximum(below * (1 - below), LEAST_VARIANCE)[:, None]
    variance = histograms.per_stream(weight**2 * one / np.where(rows > 0, rows, 1))
    squared = (p * (1 - p))[:, None] * histograms.per_stream(weight) ** 2
    effective: Floats = np.divide(squared, variance, out=np.zeros_like(variance), where=variance > 0)
    return effective


def at_baseline_mix(panel: Panel, mix: Mix, sums: Sums, oldest: int) -> Sums:
    """Replace percentiles by those at the baseline's mix, for the columns from `oldest` on.

    As for means, a type without rows on a day or without a baseline says nothing about change, and is left out of
    both sides: what is left is asked for the share of its requests that was at or below the percentile.
    """
    histograms = panel.histograms
    if histograms is None or not mix.share.any():
        return sums
    sums, days = sums.copy(), slice(oldest, oldest + sums.rows.shape[1])
    is_mixed = histograms.per_stream(mix.share) > 0
    made = _days(panel, histograms, mix, is_mixed, days)
    streams = histograms.streams[is_mixed]
    cells = panel.first_cell[streams]
    value, effective, trust = (array[is_mixed] for array in made)
    known, n = ~np.isnan(value), sums.rows[cells]
    value, w = np.where(known, value, 0), np.where(known, effective, 0)
    ww = w / trust
    inflated = np.where(n > 0, (n - 1) / np.maximum(n, 1), 0) * mix.spread[streams][:, None]
    sums.w[cells], sums.wy[cells] = w, w * value
    sums.ww[cells], sums.wwy[cells], sums.wwyy[cells] = ww, ww * value, ww * (value**2 + inflated)
    sums.rows[cells] = np.where(known, n, 0)
    sums.traffic[cells] = np.where(known, sums.traffic[cells], 0)
    return sums


def _days(
    panel: Panel, histograms: Histograms, mix: Mix, is_mixed: Bools, days: slice
) -> tuple[Floats, Floats, Floats]:
    """Return percentiles, streams x days, NaN where they are not known, their effective rows, and a factor on those.

    The factor, at most 1, keeps a percentile from being further away than its share below the baseline's.
    """
    p = _quantiles(panel, histograms.streams)
    n = _usable(histograms, mix.share, p, days)
    weight = mix.share[:, None] * (n > 0)
    total = histograms.per_stream(weight)
    present = np.where(total > 0, total, 1)
    target = histograms.per_stream(weight * mix.below[:, None]) / present
    effective = _effective(histograms, n, mix.share, mix.below, p)
    known = (total > 0) & (effective * np.minimum(target, 1 - target) >= LEAST_BEYOND)
    value, share_below = np.full((2, *total.shape), np.nan)
    middle = mix.middle[histograms.streams]
    parts = histograms.parts()
    for at in np.flatnonzero(is_mixed).tolist():
        of, rows = parts[at]
        shares = np.einsum("td,tdb->db", weight[of], histograms.below[rows, days]) / present[at][:, None]
        value[at] = histograms.percentile(shares, np.where(known[at], target[at], np.nan))
        share_below[at] = histograms.share_below(shares, np.full(len(shares), middle[at]))
    error = np.sqrt((p * (1 - p))[:, None] / np.maximum(effective, 1))
    away = np.abs(value - middle[:, None])
    scale = np.sqrt(mix.spread[histograms.streams])[:, None] / np.exp(middle)[:, None]
    in_shares, in_latency = np.abs(share_below - target) / error, away * np.sqrt(effective) / np.maximum(scale, 1e-12)
    further = in_latency > np.maximum(in_shares, SURE)
    trust = np.where(further, (np.maximum(in_shares, SURE) / np.maximum(in_latency, 1e-12)) ** 2, 1.0)
    return np.exp(value), effective, trust


def plain_percentiles(panel: Panel, stream: int, days: slice) -> Floats:
    """Return a stream's percentile of every day at that day's own mix; NaN without query types."""
    histograms, p = panel.histograms, panel.kinds[stream].quantile
    assert histograms is not None
    assert p is not None
    _, rows = histograms.parts()[int(np.searchsorted(histograms.streams, stream))]
    traffic = histograms.traffic[rows, days]
    total = traffic.sum(axis=0)
    shares = np.einsum("td,tdb->db", traffic, histograms.below[rows, days]) / np.where(total > 0, total, 1)[:, None]
    return np.exp(histograms.percentile(shares, np.where(total > 0, p, np.nan)))
