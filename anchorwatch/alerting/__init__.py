"""From findings to people: an outbox first, then the channels, each alert once."""

from anchorwatch.alerting.delivery import DeliveryReport, deliver, pending
from anchorwatch.alerting.outbox import QueuedAlerts, queue_alerts

__all__ = ["DeliveryReport", "QueuedAlerts", "deliver", "pending", "queue_alerts"]
