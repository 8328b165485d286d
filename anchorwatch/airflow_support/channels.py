"""Slack and PagerDuty clients from Airflow's connections, through the providers' hooks."""

from collections.abc import Callable
from functools import cache, partial
from typing import Any

from anchorwatch.airflow_support.context import find_connection
from anchorwatch.alerting import Letter, pagerduty, slack
from anchorwatch.errors import ConfigError
from anchorwatch.settings import Settings
from anchorwatch.settings.alerting import PagerDutySettings, SlackSettings

TIMEOUT_SECONDS = 10


_Post = Callable[[Letter], str | None]


def sender(channel: str, settings: Settings) -> _Post:
    """Return the function that sends a letter to a channel, by its own connection or the channel's.

    Raises:
        ConfigError: When it is called, and the Airflow connection does not exist.
    """
    alerts = settings.alerts
    teams = [chosen for team in alerts.teams if (chosen := getattr(team, channel)) is not None]
    by_name = {chosen.connection: chosen for chosen in [*teams, getattr(alerts, channel)]}
    make: Callable[[Any], _Post] = _slack if channel == "slack" else _pagerduty

    @cache
    def client(name: str) -> _Post:
        # A connection that is not configured any more is tried all the same, as the channel's default is made.
        return make(by_name.get(name) or getattr(alerts, channel).model_copy(update={"connection": name}))

    def send(letter: Letter) -> str | None:
        return client(letter.connection or getattr(alerts, channel).connection)(letter)

    return send


def _require(name: str, channel: str, how: str) -> Any:
    connection = find_connection(name)
    if connection is None:
        raise ConfigError(
            f"there are alerts for {channel}, but no Airflow connection '{name}'. Add it ({how}), or set "
            f"alerts.{channel}.enabled: false; the alerts stay pending until then"
        )
    return connection


def _slack(chosen: SlackSettings) -> _Post:
    name = chosen.connection
    if chosen.channel is not None:
        from airflow.providers.slack.hooks.slack import SlackHook

        _require(name, "slack", f"airflow connections add {name} --conn-type slack --conn-password BOT_TOKEN")
        bot = SlackHook(slack_conn_id=name, timeout=TIMEOUT_SECONDS, base_url=chosen.base_url).get_conn()
        return partial(slack.post, bot, chosen.channel)
    from airflow.providers.slack.hooks.slack_webhook import SlackWebhookHook

    _require(name, "slack", f"airflow connections add {name} --conn-type slackwebhook --conn-password TOKEN")
    webhook = SlackWebhookHook(slack_webhook_conn_id=name, timeout=TIMEOUT_SECONDS).get_conn()
    return partial(slack.send, webhook)


def _pagerduty(chosen: PagerDutySettings) -> _Post:
    import pagerduty as client_library
    from airflow.providers.pagerduty.hooks.pagerduty_events import PagerdutyEventsHook

    how = f"airflow connections add {chosen.connection} --conn-type pagerduty_events --conn-password KEY"
    _require(chosen.connection, "pagerduty", how)
    hook = PagerdutyEventsHook(pagerduty_events_conn_id=chosen.connection)
    # The hook itself cannot be pointed at another host (a proxy, the EU region, a test).
    client = client_library.EventsApiV2Client(hook.integration_key, base_url=chosen.base_url)
    client.timeout = TIMEOUT_SECONDS
    return lambda letter: pagerduty.send(client, letter.payload)
