"""Rules without evidence: a plain change against the baseline, and absolute limits."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from anchorwatch.drift.findings import Finding
from anchorwatch.drift.panel import Panel, Sums
from anchorwatch.drift.reference import LONG_FROM, LONG_TO, MIN_DAYS, MIN_LONG_DAYS
from anchorwatch.drift.streams import Stream
from anchorwatch.settings import Rule

COOLDOWN_DAYS = 7
"""A rule that holds again within these days goes on firing; after as many quiet ones it has recovered."""
WEEK = 7


@dataclass(frozen=True, slots=True)
class Held:
    """What an earlier night hands on while a rule fires on a stream; days are columns of the panel.

    Attributes:
        since: Day it began to fire.
        last: Last day it held.
    """

    since: int
    last: int


@dataclass(frozen=True, slots=True)
class _Part:
    """A weighted mean over some days, its sampling variance, and rows; NaN without rows."""

    value: float
    variance: float
    rows: float
    days: int


def check_rule(
    panel: Panel, rule: Rule, stream_at: int, today: int, before: Held | None
) -> tuple[Finding, Held | None]:
    """Return what a rule says of a stream on a day, and what the next night has to know."""
    stream = panel.streams[stream_at]
    finding = Finding(panel.day(today), rule.id, stream, rule.kind, "not_enough_data", rule.severity)
    sums = _rows(panel, stream_at)
    if sums.rows[:, today].sum() == 0:
        finding.status, finding.reason = "no_data", "no rows on this day"
        return _held(panel, finding, today, before, holds=False)
    one_day = rule.kind == "absolute" or rule.window_days == 1
    tested = _part(sums, today if one_day else today - WEEK + 1, today + 1)
    finding.value, finding.n, finding.tested_days = tested.value, int(tested.rows), 1 if one_day else WEEK
    needed = max(rule.min_n, round(panel.kinds[stream_at].min_rows_a_day))
    if tested.rows < needed:
        finding.reason = f"{int(tested.rows)} rows under test, {needed} needed"
        return _held(panel, finding, today, before, holds=False)
    if rule.kind == "absolute":
        holds = _beyond(rule, finding, tested)
    else:
        base = _base(rule, sums, today, finding.tested_days)
        if base is None:
            finding.reason = f"fewer than {MIN_DAYS} baseline days"
            return _held(panel, finding, today, before, holds=False)
        holds = _changed(rule, finding, tested, base)
    finding.status = "ok"
    return _held(panel, finding, today, before, holds=holds)


def _held(
    panel: Panel, finding: Finding, today: int, before: Held | None, *, holds: bool
) -> tuple[Finding, Held | None]:
    """Keep firing until the rule has not held for the cooldown."""
    if holds:
        held = Held(before.since if before else today, today)
        finding.is_news = before is None
    elif before is not None and today - before.last < COOLDOWN_DAYS:
        held = before
    else:
        if before is not None and finding.status == "ok":
            finding.status = "recovered"
        return finding, None
    finding.status = "firing"
    finding.firing_since = panel.day(held.since)
    finding.first_day = finding.firing_since - timedelta(days=(finding.tested_days or 1) - 1)
    return finding, held


def _rows(panel: Panel, stream: int) -> Sums:
    cells = panel.cell_stream == stream
    return Sums(*(getattr(panel.sums, name)[cells] for name in Sums.__slots__))


def _part(sums: Sums, start: int, end: int) -> _Part:
    days = slice(max(start, 0), max(end, 0))
    w, wy = sums.w[:, days].sum(), sums.wy[:, days].sum()
    rows = sums.rows[:, days]
    if w <= 0:
        return _Part(float("nan"), float("nan"), 0.0, 0)
    value = wy / w
    spread = (sums.wwyy - 2 * value * sums.wwy + value**2 * sums.ww)[:, days].sum()
    return _Part(float(value), float(max(spread, 0) / w**2), float(rows.sum()), int((rows.sum(axis=0) > 0).sum()))


def _base(rule: Rule, sums: Sums, today: int, tested_days: int) -> _Part | None:
    if rule.against == "week_before":
        base = _part(sums, today - 2 * WEEK + 1, today - WEEK + 1)
        return base if base.days == WEEK else None
    base = _part(sums, today - LONG_FROM, today - LONG_TO + 1)
    if base.days < MIN_LONG_DAYS:
        base = _part(sums, today - LONG_FROM, today - tested_days + 1)
    return base if base.days >= MIN_DAYS else None


def _changed(rule: Rule, finding: Finding, tested: _Part, base: _Part) -> bool:
    finding.baseline_value, finding.baseline_n = base.value, int(base.rows)
    assert rule.change is not None
    if base.value == 0:
        return rule.change > 0 and tested.value > 0
    finding.change = tested.value / base.value - 1
    ratio = tested.value / base.value
    relative = tested.variance / base.value**2 + ratio**2 * base.variance / base.value**2
    half = 1.959964 * float(np.sqrt(relative))
    finding.ci_low, finding.ci_high = finding.change - half, finding.change + half
    return finding.change <= rule.change if rule.change < 0 else finding.change >= rule.change


def _beyond(rule: Rule, finding: Finding, tested: _Part) -> bool:
    """Tell whether the whole 95 % interval of the day is beyond the limit."""
    limit = rule.above if rule.above is not None else rule.below
    assert limit is not None
    finding.baseline_value = limit
    finding.change = tested.value / limit - 1 if limit else None
    half = 1.959964 * float(np.sqrt(max(tested.variance, 0.25 / (tested.rows + 4) ** 2)))
    if limit:
        finding.ci_low, finding.ci_high = (tested.value - half) / limit - 1, (tested.value + half) / limit - 1
    return tested.value - half > limit if rule.above is not None else tested.value + half < limit


def is_watched(rule: Rule, stream: Stream) -> bool:
    """Tell whether a threshold or absolute rule looks at a stream."""
    return (
        rule.kind != "evidence"
        and rule.metric == stream.metric
        and stream.direction in rule.directions
        and (not rule.segments or stream.segment_name in rule.segments or (stream.is_whole and "all" in rule.segments))
    )
