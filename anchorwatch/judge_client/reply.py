"""What an endpoint sent back, as a reply of the judge or the reason why it is none."""

from typing import Any

from anchorwatch.judge_client.errors import Garbled, RowUnscored
from evaluators import JudgeReply

_FINAL = {"content_filter": "judge_content_filter", "length": "judge_reply_cut_off"}


def read_reply(body: Any) -> JudgeReply:
    """Return the reply in a chat completion.

    Raises:
        RowUnscored: The judge refused, was filtered or cut off.
        Garbled: It is no chat completion, or there is no choice in it.
    """
    if not isinstance(body, dict):
        raise Garbled("judge_reply_not_the_protocol")
    paid = _paid(body)
    try:
        choice = body["choices"][0]
        message = choice["message"]
        refusal, text, finish = message.get("refusal"), message.get("content"), choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Garbled("judge_reply_empty", paid) from None
    if refusal:
        raise RowUnscored("judge_refused", paid)
    if finish in _FINAL:
        raise RowUnscored(_FINAL[finish], paid)
    return JudgeReply(
        text=text if isinstance(text, str) else "",
        model=paid.model,
        input_tokens=paid.input_tokens,
        output_tokens=paid.output_tokens,
        cached_input_tokens=paid.cached_input_tokens,
    )


def _paid(body: dict[str, Any]) -> JudgeReply:
    """Return what a body says was used, without the text."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0
    asked = _tokens(usage.get("prompt_tokens"))
    return JudgeReply(
        text="",
        model=str(body.get("model") or "unknown"),
        input_tokens=asked,
        output_tokens=_tokens(usage.get("completion_tokens")),
        cached_input_tokens=min(_tokens(cached), asked),
    )


def _tokens(value: Any) -> int:
    """Usage as reported; nonsense counts as 0 rather than spoiling the sum."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else 0
