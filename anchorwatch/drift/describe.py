"""Turns a night's arrays into findings: which rule holds, how large the change is, what it is made of."""

import numpy as np

from anchorwatch.drift.explain import explaining_segments, mix_and_within
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.outcome import FIRING, NO_DATA, NOT_ENOUGH_DATA, RECOVERED, STATUSES, WARNING, Night
from anchorwatch.drift.panel import Panel
from anchorwatch.drift.reference import MIN_DAYS
from anchorwatch.drift.state import NEVER, SEVERITIES, State
from anchorwatch.settings import Rule

DIGITS = 9
"""Findings are rounded: the last bits of a sum depend on how much was read at once."""
LARGEST = 1e15


def describe_night(panel: Panel, state: State, night: Night, rules: list[dict[int, Rule]], today: int) -> list[Finding]:
    """Return a finding for every stream the night speaks of.

    Args:
        rules: Per stream, its evidence rules by severity.
    """
    found = []
    for stream in np.flatnonzero(night.is_current):
        if rules[stream]:
            found.append(_describe(panel, state, night, rules[stream], int(stream), today))
    return found


def _describe(panel: Panel, state: State, night: Night, rules: dict[int, Rule], stream: int, today: int) -> Finding:
    status = int(night.status[stream])
    severity = int(night.severity[stream]) if status == FIRING else min(rules)
    rule = rules.get(severity) or rules[min(rules)]
    finding = Finding(
        run_date=panel.day(today),
        rule_id=rule.id,
        stream=panel.streams[stream],
        kind="evidence",
        status=STATUSES[status],
        severity=SEVERITIES[severity],
        is_news=bool(night.is_new[stream]),
        reason=_reason(panel, night, stream, status),
    )
    if night.reference.n_days[stream] > 0 and status not in (NO_DATA, NOT_ENOUGH_DATA):
        _measure(night, finding, stream, today)
    if status == FIRING:
        finding.first_day, finding.firing_since = panel.day(night.first[stream]), panel.day(state.since[stream])
        if state.worse_since[stream] != NEVER:
            finding.worse_since = panel.day(state.worse_since[stream])
        finding.mix_effect, finding.within_effect = map(_rounded, mix_and_within(panel, night, stream))
        if finding.is_news:
            finding.explained_by = explaining_segments(panel, night, stream)
    return finding


def _measure(night: Night, finding: Finding, stream: int, today: int) -> None:
    for name in ("value", "change", "ci_low", "ci_high", "z"):
        setattr(finding, name, _rounded(getattr(night, name)[stream]))
    finding.baseline_value = _rounded(night.reference.level[stream])
    finding.baseline_n = int(night.reference.rows[stream])
    finding.evidence = _rounded(np.exp(np.minimum(night.log_evidence[stream], np.log(LARGEST))))
    finding.evidence_needed = _rounded(np.exp(np.minimum(night.log_threshold[stream], np.log(LARGEST))))
    finding.n = int(night.rows[stream])
    telling = finding.status in (STATUSES[WARNING], STATUSES[FIRING])
    finding.tested_days = today - int(night.window_first[stream]) + 1 if telling else 1


def _reason(panel: Panel, night: Night, stream: int, status: int) -> str | None:
    if night.folded[stream]:
        return (
            f"{night.mean_rows[stream]:.3g} rows a day: watched as part of {panel.streams[stream].segment_name} = other"
        )
    if night.is_small[stream]:
        needed = panel.kinds[stream].min_rows_a_day
        return f"{night.mean_rows[stream]:.3g} rows a day, {needed:g} needed"
    if status == NOT_ENOUGH_DATA and night.reference.n_days[stream] > 0:
        return "nothing to compare: other query types than in the baseline, or too few rows where the percentile lies"
    if status == NOT_ENOUGH_DATA:
        return f"fewer than {MIN_DAYS} baseline days"
    if night.worse_first[stream] != NEVER:
        return f"{'much ' * bool(night.is_double[stream])}worse since about {panel.day(night.worse_first[stream])}"
    if not night.seen[stream] and status == FIRING:
        return "no rows on this day; the alarm stays open"
    if status == NO_DATA:
        return "no rows on this day"
    if status == RECOVERED:
        return "back at its baseline"
    return None


def _rounded(value: float | None) -> float | None:
    if value is None or not np.isfinite(value):
        return None
    return float(f"{float(value):.{DIGITS}g}")
