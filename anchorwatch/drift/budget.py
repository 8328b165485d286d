"""From one number, false alarms a quarter, to the evidence that each stream needs tonight."""

import numpy as np

from anchorwatch.drift.outcome import Levels, Thresholds
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.state import SEVERITIES, SLACK
from anchorwatch.drift.streams import Bools, Floats, Ints, Stream
from anchorwatch.settings import Rule, RuleBook

QUARTER_DAYS = 365.25 / 4
PAGE_FACTOR = 4.0
"""Pages may come a quarter as often as tickets."""
WHOLE = 0.25
"""Part of a metric's budget that goes to all traffic; its segments share the rest equally."""
OVERSHOOT = 0.65
"""Evidence jumps over its threshold, so on exactly normal surprises the time between false alarms is 2.55
times the threshold. This much of a budget's days is asked for; the rest of the 2.55 is kept for what is
estimated: baselines, variances, persistence. Set with an eye on the
base world's delay, checked on the development and held-out worlds of benchmarks/detection."""


def rules_of(book: RuleBook, stream: Stream) -> dict[int, Rule]:
    """Return the evidence rules of a stream by severity (an index into SEVERITIES)."""
    found: dict[int, Rule] = {}
    for rule in book.rules:
        applies = stream.is_whole or not rule.segments or stream.segment_name in rule.segments
        if rule.kind == "evidence" and rule.metric == stream.metric and stream.direction in rule.directions and applies:
            found.setdefault(SEVERITIES.index(rule.severity), rule)
    return found


def make_thresholds(book: RuleBook, panel: Panel) -> Thresholds:
    """Return the function that shares the budget over the streams that can be tested on a night.

    Families share the quarter's number equally. Within a family the metrics that can be tested share by
    weight, within a metric a quarter goes to all traffic and the rest to the segments. The parts add up to
    one, so more segments mean more evidence needed in each.
    """
    shape = (len(panel.streams), len(SEVERITIES))
    least, has = np.full(shape, np.inf), np.zeros(shape, bool)
    families = sorted({r.family for r in book.rules if r.kind == "evidence" and r.severity != "dashboard"})
    budget_days = QUARTER_DAYS * max(len(families), 1) / book.false_alarms_per_quarter
    groups = int(panel.group.max(initial=-1)) + 1
    family, weight = np.full(groups, -1), np.zeros(groups)
    for at, stream in enumerate(panel.streams):
        for severity, rule in rules_of(book, stream).items():
            least[at, severity], has[at, severity] = rule.least_change, True
            if severity >= SLACK:
                family[panel.group[at]] = families.index(rule.family)
                weight[panel.group[at]] = max(weight[panel.group[at]], rule.weight)
    is_whole = np.array([stream.is_whole for stream in panel.streams], dtype=bool)

    def thresholds(testable: Bools) -> Levels:
        days = budget_days / _share_of_group(panel.group, testable, family, weight)
        part = _share_of_stream(panel.group, testable, is_whole, groups)
        ticket = np.log(OVERSHOOT * days[panel.group] / part)[:, None]
        extra = np.log([1.0, 1.0, PAGE_FACTOR])
        return Levels(np.where(has, ticket + extra, np.inf), least)

    return thresholds


def _share_of_group(group: Ints, testable: Bools, family: Ints, weight: Floats) -> Floats:
    """Return each group's part of its family; a group without an alerting rule takes nothing from the others."""
    tested = np.bincount(group, testable, len(family)) > 0
    counts = tested & (family >= 0)
    total = np.bincount(np.maximum(family, 0), np.where(counts, weight, 0), max(len(family), 1))
    of_family = total[np.maximum(family, 0)]
    return np.where(counts & (of_family > 0), weight / np.where(of_family > 0, of_family, 1), 1.0)


def _share_of_stream(group: Ints, testable: Bools, is_whole: Bools, groups: int) -> Floats:
    segments = np.bincount(group, testable & ~is_whole, groups)[group]
    has_whole = np.bincount(group, testable & is_whole, groups)[group] > 0
    whole = np.where(segments > 0, WHOLE, 1.0)
    part = np.where(has_whole, 1 - WHOLE, 1.0) / np.maximum(segments, 1)
    return np.where(is_whole, whole, part)
