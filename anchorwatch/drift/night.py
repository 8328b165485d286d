"""One night: every rule on every stream that has data in the last week."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from anchorwatch.drift.baseline import Baseline, Scale, make_baseline
from anchorwatch.drift.change_point import first_day
from anchorwatch.drift.evidence import Evidence, relative_change, weigh
from anchorwatch.drift.findings import Finding, Firing
from anchorwatch.drift.history import History, Series, Stream
from anchorwatch.settings import Rule, RuleBook

MIN_ROWS_A_DAY = 25
"""Streams with fewer rows on a day are tested on 7 days."""
ROWS_BEYOND = 5
COOLDOWN_DAYS = 7
"""A rule that fires again on a stream within these days continues, and does not alert again."""
NOT_WATCHED = frozenset({"hour_of_day"})

Firings = dict[tuple[str, Stream], Firing]


@dataclass(frozen=True, slots=True)
class MetricKind:
    """What drift has to know of a metric.

    Attributes:
        is_relative: Compared by factor, not by difference.
        quantile: The p of a percentile, None for means and rates.
    """

    is_relative: bool
    is_rate: bool
    quantile: float | None = None

    @property
    def is_quantile(self) -> bool:
        """Whether the metric is a percentile."""
        return self.quantile is not None

    @property
    def min_n(self) -> int:
        """Rows below which a percentile is the luck of a single row: five have to lie beyond it."""
        return 0 if self.quantile is None else round(ROWS_BEYOND / min(self.quantile, 1 - self.quantile))

    @property
    def scale(self) -> Scale:
        """Amounts are compared by factor, rates and scores by difference."""
        return "log" if self.is_relative else "linear"


@dataclass(slots=True)
class _Tested:
    rule: Rule
    finding: Finding
    baseline: Baseline
    evidence: Evidence
    daily: Series


def test_night(
    book: RuleBook, kinds: dict[str, MetricKind], history: History, day: date, before: Firings
) -> tuple[list[Finding], list[tuple[Finding, Baseline]]]:
    """Return the findings of a night and the baselines they were made with.

    Args:
        before: What fired within the cooldown.
    """
    frozen = _frozen(before)
    findings: list[Finding] = []
    tested: list[_Tested] = []
    for rule in book.rules:
        for stream in _streams(history, rule, day):
            finding = Finding(day, rule.id, stream, rule.severity)
            findings.append(finding)
            test = _test(rule, kinds[rule.metric], history, stream, finding, frozen.get(stream))
            if test is not None:
                tested.append(test)
    # Several rules may look at one stream; it is one chance to be wrong all the same.
    streams = {test.finding.stream for test in tested}
    for test in tested:
        threshold = book.alpha / len(streams)
        _decide(test, threshold, kinds[test.rule.metric], history, before)
    return findings, [(test.finding, test.baseline) for test in tested]


def _frozen(before: Firings) -> dict[Stream, date]:
    """The first day of the change on each stream that any rule holds firing."""
    frozen: dict[Stream, date] = {}
    for (_, stream), firing in before.items():
        frozen[stream] = min(frozen.get(stream, firing.first_day), firing.first_day)
    return frozen


def _streams(history: History, rule: Rule, day: date) -> list[Stream]:
    """Return the streams of a rule; a segment that is the whole traffic would only repeat `all`."""
    at = history.index(day)
    whole = {stream.epoch: series.n[at] for stream, series in history.rolling.items() if _is_whole(stream, rule)}
    return sorted(
        stream
        for stream, series in history.rolling.items()
        if stream.metric == rule.metric
        and series.n[at] > 0
        and (stream.segment_name == "all" or series.n[at] < whole.get(stream.epoch, math.inf))
        and stream.segment_value != "(none)"
        and (stream.segment_name in rule.segments if rule.segments else stream.segment_name not in NOT_WATCHED)
    )


def _is_whole(stream: Stream, rule: Rule) -> bool:
    return stream.metric == rule.metric and stream.segment_name == "all"


def _test(
    rule: Rule, kind: MetricKind, history: History, stream: Stream, finding: Finding, frozen: date | None
) -> _Tested | None:
    daily, rolling, at = history.daily[stream], history.rolling[stream], history.index(finding.run_date)
    one_day = rule.window_days == 1 and not kind.is_quantile and daily.n[at] >= MIN_ROWS_A_DAY
    finding.tested_days = 1 if one_day else 7
    current = daily if one_day else rolling
    finding.n, finding.value = int(current.n[at]), float(current.value[at])
    if daily.n[at] == 0:
        finding.reason = "no rows on this day"
        return None
    needed = max(rule.min_n, kind.min_n)
    if finding.n < needed:
        finding.reason = f"{finding.n} rows under test, {needed} needed"
        return None
    frozen_at = history.index(frozen) if frozen is not None else None
    baseline = make_baseline(
        rule, daily, rolling, at, finding.tested_days, kind.scale, kind.is_quantile, kind.is_rate, frozen_at
    )
    if baseline is None or baseline.n < rule.min_n:
        finding.reason = "fewer than 7 baseline days, or too few rows in them"
        return None
    value = _scaled(finding.value, kind.scale)
    if value is None:
        finding.reason = "the value is 0, which has no relative change"
        return None
    evidence = weigh(value, finding.n, baseline, is_rate=kind.is_rate)
    return _Tested(rule, finding, baseline, evidence, daily)


def _scaled(value: float, scale: Scale) -> float | None:
    if scale == "linear":
        return value
    return math.log(value) if value > 0 else None


def _decide(test: _Tested, threshold: float, kind: MetricKind, history: History, before: Firings) -> None:
    finding, baseline, evidence = test.finding, test.baseline, test.evidence
    scale = kind.scale
    finding.baseline_value = math.exp(baseline.mean) if scale == "log" else baseline.mean
    finding.baseline_n = int(baseline.n)
    finding.change = relative_change(evidence.difference, baseline.mean, scale)
    finding.ci_low, finding.ci_high = (relative_change(end, baseline.mean, scale) for end in evidence.ci)
    finding.z, finding.p_value, finding.p_threshold = evidence.z, evidence.p_value, threshold
    finding.status = "ok"
    if evidence.p_value >= threshold or not _matters(test.rule, finding, evidence):
        return
    finding.status = "firing"
    held = before.get((finding.rule_id, finding.stream))
    if held is not None:
        finding.first_day, finding.firing_since = held.first_day, held.since
        return
    at = history.index(finding.run_date)
    start = first_day(test.daily, baseline, at, math.copysign(1, evidence.difference), scale)
    finding.first_day = history.start + timedelta(days=start)
    finding.firing_since = finding.run_date


def _matters(rule: Rule, finding: Finding, evidence: Evidence) -> bool:
    if rule.change is None:
        return rule.direction == "both" or (evidence.difference > 0) == (rule.direction == "rise")
    if finding.change is None:
        # Against a baseline of 0 every rise is infinitely large, and there is nothing to fall to.
        return rule.change > 0 and evidence.difference > 0
    return finding.change <= rule.change if rule.change < 0 else finding.change >= rule.change
