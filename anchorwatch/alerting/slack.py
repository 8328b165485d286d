"""Slack: a webhook, or a bot that can answer in threads and see what has arrived. Nothing else knows this channel."""

from typing import TYPE_CHECKING, Any

from anchorwatch.alerting.delivery import Letter

if TYPE_CHECKING:
    from slack_sdk import WebClient
    from slack_sdk.http_retry import RetryHandler
    from slack_sdk.webhook import WebhookClient

EVENT_TYPE = "anchorwatch_alert"
LOOKED_AT = 100
# The scope channels:history is missing, or the channel is configured by its name.
_MAY_NOT_LOOK = ("missing_scope", "not_in_channel", "channel_not_found", "no_permission", "not_allowed_token_type")
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
    blocks = _blocks(letter, is_repeat=letter.may_have_arrived)
    response = client.send(text=letter.payload["text"], blocks=blocks)
    if response.status_code != 200:
        raise SlackRejected(response.status_code)


def post(client: "WebClient", channel: str, letter: Letter) -> str:
    """Post the message as a bot, in its thread; return Slack's timestamp, the message's name.

    An earlier try may have arrived, so the channel is looked at first; where the bot may not look, the message
    says that it may be a repeat.
    """
    client.retry_handlers = _NO_RETRIES
    may_look = True
    if letter.may_have_arrived:
        found, may_look = _look(client, channel, letter)
        if found is not None:
            return found
    response = client.chat_postMessage(
        channel=channel,
        text=letter.payload["text"],
        blocks=_blocks(letter, is_repeat=not may_look),
        thread_ts=letter.thread,
        metadata={"event_type": EVENT_TYPE, "event_payload": {"key": letter.dedup_key}},
    )
    return str(response["ts"])


def _blocks(letter: Letter, *, is_repeat: bool) -> list[dict[str, Any]]:
    note = {"type": "context", "elements": [{"type": "plain_text", "text": REPEAT}]}
    return [*letter.payload["blocks"], *([note] if is_repeat else [])]


def _look(client: "WebClient", channel: str, letter: Letter) -> tuple[str | None, bool]:
    """Return the message if it has arrived, and whether the bot may look at all."""
    from slack_sdk.errors import SlackApiError

    try:
        return _find(client, channel, letter), True
    except SlackApiError as error:
        if error.response.get("error") in _MAY_NOT_LOOK:
            return None, False
        raise


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
