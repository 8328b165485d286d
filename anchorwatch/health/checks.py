"""Does a health rule hold: in every five minutes that have rows, and in all of them together beyond doubt?"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from anchorwatch.health.baselines import Baseline, Segment
from anchorwatch.health.bounds import most_requests, share_bounds
from anchorwatch.health.window import Bucket, Window, lower_edge, merged_bins, quantile
from anchorwatch.settings.health import BUCKET_MINUTES, HealthBook, HealthRule

LOOKS_A_QUARTER = 91 * 24 * 60 // BUCKET_MINUTES
SLOW = 0.01
"""Share of requests slower than the 99th percentile."""
LEAST_FULL = 2 / 3
"""Share of a window's buckets that must have rows."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a rule sees of a segment.

    Attributes:
        subject: Id of a provider's incident.
        holds: Beyond doubt, and long enough.
        is_clear: Far enough back from the limit to have recovered.
        value, limit, baseline, low, high: In the metric's unit; low and high are bounds at the budget's level.
        n: Logged rows.
        detail: What else to know.
    """

    rule: HealthRule
    segment: Segment
    holds: bool
    is_clear: bool
    value: float
    limit: float
    baseline: float | None = None
    low: float | None = None
    high: float | None = None
    n: int | None = None
    subject: str = ""
    detail: str | None = None


def longest_window(book: HealthBook) -> timedelta:
    """Return how far back the rules look."""
    return max((rule.window for rule in book.rules), default=timedelta())


def check_window(book: HealthBook, window: Window, baselines: dict[Segment, Baseline]) -> list[Reading]:
    """Return what the rules about traffic, errors and latency see."""
    watched = [
        (rule, segment)
        for rule in book.rules
        if rule.for_minutes is not None
        for segment in sorted(window.buckets.keys() | baselines.keys())
        if not rule.segments or segment[0] in rule.segments
    ]
    alpha = min(book.false_alarms_per_quarter / (LOOKS_A_QUARTER * max(len(watched), 1)), 0.05)
    return [reading for one in watched for reading in _read(*one, window, baselines.get(one[1]), alpha)]


def _read(
    rule: HealthRule, segment: Segment, window: Window, baseline: Baseline | None, alpha: float
) -> Iterator[Reading]:
    buckets = window.last(segment, rule.window)
    if rule.metric == "requests":
        if baseline is not None:
            yield _missing(rule, segment, buckets, baseline, alpha)
    elif buckets and rule.metric == "error_rate":
        yield _failing(rule, segment, buckets, alpha)
    elif buckets and rule.metric == "latency_p99" and baseline is not None and baseline.latency_p99_ms:
        reading = _slow(rule, segment, buckets, baseline.latency_p99_ms, alpha)
        if reading is not None:
            yield reading


def _is_full(rule: HealthRule, buckets: list[Bucket]) -> bool:
    return len(buckets) * BUCKET_MINUTES >= LEAST_FULL * (rule.for_minutes or 0)


def _failing(rule: HealthRule, segment: Segment, buckets: list[Bucket], alpha: float) -> Reading:
    limit = rule.above or 0.0
    whole, part = sum(b.requests for b in buckets), sum(b.errors for b in buckets)
    n = sum(b.n for b in buckets)
    low, high = share_bounds(
        part, sum(b.error_squares for b in buckets), whole, sum(b.squares for b in buckets), n, alpha
    )
    holds = _is_full(rule, buckets) and low > limit and all(bucket.error_rate > limit for bucket in buckets)
    value = part / whole
    return Reading(rule, segment, holds, value <= limit * rule.clear, value, limit, None, low, high, n)


def _slow(rule: HealthRule, segment: Segment, buckets: list[Bucket], usual: float, alpha: float) -> Reading | None:
    limit = usual * (rule.above_baseline or 1.0)
    bins = merged_bins(buckets)
    value = quantile(bins, 1 - SLOW)
    if value is None:
        return None
    n, whole = sum(n for n, _, _ in bins.values()), sum(w for _, w, _ in bins.values())
    squares = sum(ww for _, _, ww in bins.values())
    slow = [found for number, found in bins.items() if lower_edge(number) >= limit]
    slow_share, _ = share_bounds(sum(w for _, w, _ in slow), sum(ww for _, _, ww in slow), whole, squares, n, alpha)
    with_latency = [bucket.p99 for bucket in buckets if bucket.p99 is not None]
    holds = _is_full(rule, buckets) and slow_share > SLOW and all(p99 > limit for p99 in with_latency)
    # Woodruff: the quantiles at the bounds of the share that is slower.
    least, most = share_bounds(whole * SLOW, squares * SLOW, whole, squares, n, alpha)
    low, high = quantile(bins, 1 - most), quantile(bins, 1 - least)
    return Reading(rule, segment, holds, value <= limit * rule.clear, value, limit, usual, low, high, n)


def _missing(rule: HealthRule, segment: Segment, buckets: list[Bucket], baseline: Baseline, alpha: float) -> Reading:
    count = (rule.for_minutes or 0) // BUCKET_MINUTES
    share = rule.below_baseline or 0.0
    usual = baseline.requests_a_bucket * count
    value, n = sum(b.requests for b in buckets), sum(b.n for b in buckets)
    weight = baseline.requests_a_bucket / baseline.rows_a_bucket if baseline.rows_a_bucket else 1.0
    high = most_requests(value, sum(b.squares for b in buckets), weight, alpha)
    limit = share * usual
    holds = high < limit and all(bucket.requests < share * baseline.requests_a_bucket for bucket in buckets)
    return Reading(rule, segment, holds, value >= limit / rule.clear, value, limit, usual, None, high, n)
