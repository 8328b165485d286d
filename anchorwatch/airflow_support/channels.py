"""Slack and PagerDuty clients from Airflow's connections, through the providers' hooks."""

from collections.abc import Callable
from functools import partial
from typing import Any

from anchorwatch.airflow_support.context import find_connection
from anchorwatch.alerting import pagerduty, slack
from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings

TIMEOUT_SECONDS = 10


def sender(channel: str, settings: Settings) -> Callable[[dict[str, Any]], None]:
    """Return the function that sends a payload to a channel.

    Raises:
        ConfigError: The channel's Airflow connection does not exist.
    """
    return _slack(settings) if channel == "slack" else _pagerduty(settings)


def _require(name: str, channel: str, how: str) -> Any:
    connection = find_connection(name)
    if connection is None:
        raise ConfigError(
            f"there are alerts for {channel}, but no Airflow connection '{name}'. Add it ({how}), or set "
            f"alerts.{channel}.enabled: false; the alerts stay pending until then"
        )
    return connection


def _slack(settings: Settings) -> Callable[[dict[str, Any]], None]:
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    name = settings.alerts.slack.connection
    how = f"airflow connections add {name} --conn-type slackwebhook --conn-password TOKEN"
    _require(name, "slack", how)
    client = SlackWebhookHook(slack_webhook_conn_id=name, timeout=TIMEOUT_SECONDS).get_conn()
    return partial(slack.send, client)


def _pagerduty(settings: Settings) -> Callable[[dict[str, Any]], None]:
    import pagerduty as client_library
    from airflow.providers.pagerduty.hooks.pagerduty_events import PagerdutyEventsHook

    chosen = settings.alerts.pagerduty
    how = f"airflow connections add {chosen.connection} --conn-type pagerduty_events --conn-password KEY"
    _require(chosen.connection, "pagerduty", how)
    hook = PagerdutyEventsHook(pagerduty_events_conn_id=chosen.connection)
    # The hook itself cannot be pointed at another host (a proxy, the EU region, a test).
    client = client_library.EventsApiV2Client(hook.integration_key, base_url=chosen.base_url)
    client.timeout = TIMEOUT_SECONDS
    return partial(pagerduty.send, client)
