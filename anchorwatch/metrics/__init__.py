"""Weighted estimates per day and segment, their 7-day windows, and the table of what each metric means."""

from anchorwatch.metrics.catalogue import METRICS, Metric
from anchorwatch.metrics.daily import publish_day
from anchorwatch.metrics.rolling import replace_rolling

__all__ = ["METRICS", "Metric", "publish_day", "replace_rolling"]
