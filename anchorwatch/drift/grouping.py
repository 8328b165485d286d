"""A change that shows in twenty segments is one finding: the lead, and the others as parts of it."""

from collections import defaultdict

from anchorwatch.drift.findings import Finding
from anchorwatch.drift.state import SEVERITIES

SAME_DAYS = 1
Lead = tuple[str, str]
"""Segment name and value."""


def group_findings(findings: list[Finding], leads: dict[tuple[str, ...], Lead]) -> None:
    """Name each open finding's lead, in place, and decide which of them are news.

    A finding that opens joins an open one of the same metric, direction and epoch if their segments can share
    requests (two values of one segment cannot) and if it began on the same day, as far as that can be told;
    else it stands for itself. Of those that open together the one with most evidence leads, all traffic
    before segments. A part is news only if it is more severe than its lead.

    Args:
        leads: Last night's lead per stream that is open; brought up to tonight.
    """
    open_now = [finding for finding in findings if finding.status == "firing"]
    by_metric: dict[tuple[str, ...], list[Finding]] = defaultdict(list)
    for finding in open_now:
        by_metric[_watch(finding)].append(finding)
    known = dict(leads)
    leads.clear()
    for group in by_metric.values():
        _group(group, known)
        for finding in group:
            lead = (finding.part_of_name, finding.part_of_value) if finding.part_of_name else _segment(finding)
            leads[_key(finding)] = (str(lead[0]), str(lead[1]))


def _group(group: list[Finding], known: dict[tuple[str, ...], Lead]) -> None:
    segments = {_segment(finding): finding for finding in group}
    current: list[Finding] = []
    waiting = []
    for finding in group:
        lead = known.get(_key(finding))
        if lead == _segment(finding):
            current.append(finding)
        elif lead in segments and known.get(_key(segments[lead])) == lead:
            finding.part_of_name, finding.part_of_value = lead
        else:
            waiting.append(finding)
    for finding in sorted(waiting, key=_rank):
        lead_finding = min(
            (one for one in current if _same_change(one, finding)), key=lambda one: _apart(one, finding), default=None
        )
        if lead_finding is None:
            current.append(finding)
        else:
            finding.part_of_name, finding.part_of_value = _segment(lead_finding)
    for finding in group:
        if finding.part_of_name is not None and finding.is_news:
            lead_finding = segments[(finding.part_of_name, str(finding.part_of_value))]
            finding.is_news = _severity(finding) > _severity(lead_finding)


def _watch(finding: Finding) -> tuple[str, ...]:
    stream = finding.stream
    return (
        finding.kind if finding.kind == "evidence" else finding.rule_id,
        stream.metric,
        stream.epoch,
        stream.direction,
    )


def _key(finding: Finding) -> tuple[str, ...]:
    return (*_watch(finding), *_segment(finding))


def _segment(finding: Finding) -> Lead:
    return finding.stream.segment_name, finding.stream.segment_value


def _rank(finding: Finding) -> tuple[bool, float, Lead]:
    strength = (finding.evidence or 0) / (finding.evidence_needed or 1)
    return not finding.stream.is_whole, -strength, _segment(finding)


def _same_change(one: Finding, other: Finding) -> bool:
    shared = one.stream.segment_name != other.stream.segment_name
    return shared and _apart(one, other) <= max(SAME_DAYS, _lag(one), _lag(other))


def _apart(one: Finding, other: Finding) -> int:
    """Return the days between the first days of an open finding and of one that opens.

    An open one that became much worse began then too; but what began in all traffic is not part of a segment
    that became worse with it.
    """
    began = [one.first_day, *([] if other.stream.is_whole else [one.worse_since])]
    return min((abs((a - other.first_day).days) for a in began if a and other.first_day), default=0)


def _lag(finding: Finding) -> int:
    """Return the days it took to find: what was found late began on a day that is known less well."""
    if finding.first_day is None or finding.firing_since is None:
        return 0
    return (finding.firing_since - finding.first_day).days


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity else -1
