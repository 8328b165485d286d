"""Runs evaluators and judge over the day's rows and keeps every score, or the reason why there is none."""

from anchorwatch.scoring.checks import run_checks
from anchorwatch.scoring.desk import JudgeTotals
from anchorwatch.scoring.judging import judge_anchors, judge_shard

__all__ = ["JudgeTotals", "judge_anchors", "judge_shard", "run_checks"]
