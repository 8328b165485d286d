"""A change that shows in twenty segments is one finding: the lead, and the others as parts of it."""

from collections import defaultdict

from anchorwatch.drift.findings import Finding
from anchorwatch.drift.state import SEVERITIES

Lead = tuple[str, str]
"""Segment name and value."""


def group_findings(findings: list[Finding], leads: dict[tuple[str, ...], Lead]) -> None:
    """Name each open finding's lead, in place, and decide which of them are news.

    A finding that opens joins the finding of the same metric, direction and epoch that is already open, if
    their segments can overlap; else the one with most evidence tonight leads, all traffic before segments.
    Two values of one segment do not overlap. A part is news only if it is more severe than its lead ever was.

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
        lead_finding = next((one for one in current if _overlap(one, finding)), None)
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


def _overlap(one: Finding, other: Finding) -> bool:
    return one.stream.segment_name != other.stream.segment_name


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity) if finding.severity else -1
