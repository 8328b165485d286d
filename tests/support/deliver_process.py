"""Delivers what is pending for one channel until nothing is, as a task would; killed by the tests at any moment.

python deliver_process.py CHANNEL ADDRESS       CHANNEL: webhook, bot or pagerduty
"""

import sys
from datetime import date
from functools import partial

from anchorwatch.alerting import deliver, pagerduty, pending, slack
from anchorwatch.settings import Settings
from anchorwatch.warehouse import make_engine


def main(channel: str, address: str) -> None:
    if channel == "bot":
        from slack_sdk import WebClient

        send = partial(slack.post, WebClient("xoxb-test", base_url=address), "#alerts")
    elif channel == "webhook":
        from slack_sdk.webhook import WebhookClient

        webhook = WebhookClient(address, timeout=5)

        def send(letter):
            return slack.send(webhook, letter)
    else:
        import pagerduty as client_library

        client = client_library.EventsApiV2Client("key", base_url=address)

        def send(letter):
            return pagerduty.send(client, letter.payload)

    settings, engine = Settings(logging_policy="complete"), make_engine()
    name = "pagerduty" if channel == "pagerduty" else "slack"
    print("ready", flush=True)
    while waiting := pending(engine, settings, name, date(2026, 3, 10)):
        deliver(engine, waiting, send)


if __name__ == "__main__":
    main(*sys.argv[1:])
