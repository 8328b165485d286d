"""What an endpoint sent back, as a reply of the judge or the reason why it is none."""

from collections.abc import Mapping
from typing import Any

from anchorwatch.judge_client.errors import Garbled, RowUnscored
from anchorwatch.judge_client.tokens import estimated_tokens
from evaluators import JudgeReply, JudgeRequest

FILTERED, CUT_OFF = "judge_filtered", "judge_reply_cut_off"
_FINAL = {"content_filter": FILTERED, "safety": FILTERED, "recitation": FILTERED, "blocked": FILTERED,
          "prohibited_content": FILTERED, "blocklist": FILTERED, "guardrail_intervened": FILTERED,
          "sensitive": FILTERED, "length": CUT_OFF, "max_tokens": CUT_OFF, "model_length": CUT_OFF}  # fmt: skip
_TEXT_PARTS = ("text", "output_text")
_MODEL_CHARS = 200
_MOST_TOKENS = 10**9


def read_reply(body: Any, request: JudgeRequest | None = None) -> JudgeReply:
    """Return the reply in a chat completion.

    Args:
        request: What was asked: an endpoint that does not say what it used gets that estimated.

    Raises:
        RowUnscored: The judge refused, was filtered or cut off.
        Garbled: It is no chat completion, or there is no choice in it.
    """
    if not isinstance(body, dict):
        raise Garbled("judge_reply_not_the_protocol")
    try:
        choice = body["choices"][0]
        message = choice["message"]
        refusal, text, finish = message.get("refusal"), _text(message), choice.get("finish_reason")
    except (KeyError, IndexError, TypeError, AttributeError):
        raise Garbled("judge_reply_empty", _paid(body, "", request)) from None
    reply = _paid(body, text, request, _thoughts(message))
    if refusal:
        raise RowUnscored("judge_refused", reply)
    reason = _FINAL.get(finish.casefold().partition(":")[0]) if isinstance(finish, str) else None
    if reason is not None:
        raise RowUnscored(reason, reply)
    return reply


def _text(message: Mapping[str, Any]) -> str:
    """Return a message's text: its content, the text parts of it, or the arguments of the one tool that it calls."""
    content = message.get("content")
    if isinstance(content, list):
        parts = [part for part in content if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS]
        parts = [part for part in parts if part.get("thought") is not True]
        content = "".join(part["text"] for part in parts if isinstance(part.get("text"), str))
    if isinstance(content, str) and content.strip():
        return content
    calls = message.get("tool_calls")
    if isinstance(calls, list) and len(calls) == 1 and isinstance(calls[0], dict):
        function = calls[0].get("function")
        arguments = function.get("arguments") if isinstance(function, dict) else None
        return arguments if isinstance(arguments, str) else ""
    return ""


def _thoughts(message: Mapping[str, Any]) -> str:
    """Return the reasoning that some endpoints send beside the text; it is paid as output."""
    thoughts = (message.get(key) for key in ("reasoning_content", "reasoning"))
    return next((text for text in thoughts if isinstance(text, str)), "")


def _paid(body: Mapping[str, Any], text: str, request: JudgeRequest | None, thoughts: str = "") -> JudgeReply:
    """Return a reply with what was used for it: as the endpoint says, or an estimate."""
    usage = body.get("usage")
    usage = usage if isinstance(usage, dict) else {}
    details = usage.get("prompt_tokens_details")
    asked = _tokens(usage.get("prompt_tokens")) or _tokens(usage.get("input_tokens"))
    told = _tokens(usage.get("completion_tokens")) or _tokens(usage.get("output_tokens"))
    total = _tokens(usage.get("total_tokens"))
    if asked and total and total > asked + (told or 0):
        told = total - asked  # some endpoints count hidden thoughts, which are paid as output, in the total alone
    cached = _tokens(details.get("cached_tokens")) if isinstance(details, dict) else None
    is_estimated = request is not None and (not asked or (not told and bool(text or thoughts)))
    if request is not None and not asked:
        asked = estimated_tokens(message["content"] for message in request.messages)
    if request is not None and not told and (text or thoughts):
        told = estimated_tokens([text, thoughts])
    return JudgeReply(
        text=text,
        model=_model(body.get("model")),
        input_tokens=asked or 0,
        output_tokens=told or 0,
        cached_input_tokens=min(cached or 0, asked or 0),
        is_estimated=is_estimated,
    )


def _model(name: Any) -> str:
    """Return the model's name as the database can hold it."""
    if not isinstance(name, str):
        return "unknown"
    return "".join(letter for letter in name[:_MODEL_CHARS] if letter.isprintable()) or "unknown"


def _tokens(value: Any) -> int | None:
    """Return a number of tokens; None for what is none."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:12])
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MOST_TOKENS
    return value if is_count else None
