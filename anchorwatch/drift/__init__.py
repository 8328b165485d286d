"""Which streams changed: baselines, evidence, rules, and the outcome of every rule on every segment."""

from anchorwatch.drift.checks import check_rules
from anchorwatch.drift.findings import Finding
from anchorwatch.drift.replace import replace_findings

__all__ = ["Finding", "check_rules", "replace_findings"]
