"""From findings to people: incidents, an outbox, then the channels, each alert once."""

from anchorwatch.alerting.delivery import DeliveryReport, Letter, deliver, pending
from anchorwatch.alerting.outbox import QueuedAlerts
from anchorwatch.alerting.queue import queue_alerts, queue_health_alerts

__all__ = ["DeliveryReport", "Letter", "QueuedAlerts", "deliver", "pending", "queue_alerts", "queue_health_alerts"]
