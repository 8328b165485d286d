"""Sends what is pending for a channel; both DAGs end with it."""

from datetime import UTC, datetime

from airflow.sdk.exceptions import AirflowSkipException

from anchorwatch.airflow_support.context import Warehouse
from anchorwatch.errors import ConfigError, TransientError


def send_pending(place: Warehouse, channel: str) -> int:
    """Send what waits for a channel; skipped where nothing does.

    Raises:
        ConfigError: A connection is missing.
        TransientError: Something could not be sent; it stays pending.
    """
    from anchorwatch.airflow_support.channels import sender
    from anchorwatch.alerting import deliver, pending

    waiting = pending(place.engine, place.settings, channel, datetime.now(UTC).date())
    if not waiting:
        raise AirflowSkipException("nothing to send")
    report = deliver(place.engine, waiting, sender(channel, place.settings))
    if report.config_error:
        raise ConfigError(report.config_error)
    if report.failed:
        raise TransientError(
            f"{report.failed} of {len(waiting)} alerts did not reach {channel} ({report.last_error}); "
            "they stay pending and are sent by the retry or the next run"
        )
    return report.sent
