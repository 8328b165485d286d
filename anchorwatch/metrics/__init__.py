"""Weighted estimates per day and segment, their 7-day windows, and what people's labels correct in them."""

from anchorwatch.metrics.corrections import correct_days, reopen_days
from anchorwatch.metrics.daily import publish_day
from anchorwatch.metrics.rolling import replace_rolling

__all__ = ["correct_days", "publish_day", "reopen_days", "replace_rolling"]
