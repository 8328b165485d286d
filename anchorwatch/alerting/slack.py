"""Slack: a webhook, or a bot that can answer in threads and see what has arrived. Nothing else knows this channel."""

from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.delivery import Letter

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.http_retry import RetryHandler
    from slack_sdk.webhook import WebhookClient

EVENT_TYPE = "anchorwatch_alert"
LOOKED_AT = 100
# Left to itself the client repeats a request whose answer was cut off, without a look at what has arrived.
_NO_RETRIES: "list[RetryHandler]" = []


REPEAT = "Sent once more: an earlier try got no clear answer, so this may be here already."


class SlackRejected(Exception):
    """Slack answered with something else than success."""

    def __init__(self, status_code: int) -> None:
        super().__init__(f"HTTP {status_code}")
        self.status_code = status_code


def send(client: "WebhookClient", letter: Letter) -> None:
    """Post the message to a webhook, which cannot be asked what has arrived: a repeat says that it may be one.

    Raises:
        SlackRejected: The answer was not 200.
    """
    client.retry_handlers = _NO_RETRIES
    blocks = list(letter.payload["blocks"])
    if letter.may_have_arrived:
        blocks.append({"type": "context", "elements": [{"type": "plain_text", "text": REPEAT}]})
    response = client.send(text=letter.payload["text"], blocks=blocks)
    if response.status_code != 200:
        raise SlackRejected(response.status_code)


def post(client: "WebClient", channel: str, letter: Letter) -> str:
    """Post the message as a bot, in its thread; return Slack's timestamp, the message's name.

    A try that never ended may have arrived, so the channel is looked at first.
    """
    client.retry_handlers = _NO_RETRIES
    if letter.may_have_arrived:
        found = _find(client, channel, letter)
        if found is not None:
            return found
    response = client.chat_postMessage(
        channel=channel,
        text=letter.payload["text"],
        blocks=letter.payload["blocks"],
        thread_ts=letter.thread,
        metadata={"event_type": EVENT_TYPE, "event_payload": {"key": letter.dedup_key}},
    )
    return str(response["ts"])


def _find(client: "WebClient", channel: str, letter: Letter) -> str | None:
    since = f"{letter.created_at.timestamp():.6f}"
    options: dict[str, Any] = {"channel": channel, "limit": LOOKED_AT, "include_all_metadata": True}
    if letter.thread is not None:
        answer = client.conversations_replies(ts=letter.thread, oldest=since, **options)
    else:
        answer = client.conversations_history(oldest=since, **options)
    for one in answer["messages"] or []:
        metadata = one.get("metadata") or {}
        if (metadata.get("event_payload") or {}).get("key") == letter.dedup_key:
            return str(one["ts"])
    return None
