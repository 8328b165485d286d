"""Data checks with Great Expectations: on the logs before anything is judged, on the results before they count."""

from anchorwatch.quality_gate.gate import GateOutcome, check_logs, check_results

__all__ = ["GateOutcome", "check_logs", "check_results"]
