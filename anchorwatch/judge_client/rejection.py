"""What an endpoint says when it rejects a request: the dialects of OpenAI, Azure, vLLM, FastAPI and others as one."""

import contextlib
import difflib
import json
import re
from collections.abc import Iterator
from typing import Any

from evaluators.redaction import Redactor

WORDS_SHOWN = 200
_MESSAGES = ("message", "msg", "detail", "error", "error_description", "description", "title", "reason", "errors")
_CODES = ("code", "type", "status", "err_type")
_FILTERS = ("content_filter", "content_policy", "contentpolicy", "responsibleaipolicy", "content management policy",
            "content filter", "content policy", "moderation", "guardrail", "flagged", "safety system",
            "blocked by", "data_inspection_failed", "content exists risk",
            "blocked due to security", "inappropriate content",
            "sensitive content", "high risk", "usage guidelines",
            "usage policies", "safety_check",
            "\u654f\u611f\u5185\u5bb9")  # fmt: skip
_TOO_LONG = ("context_length", "context length", "context window", "contextwindow", "maximum context", "max_model_len",
             "string_above_max_length", "prompt is too long", "input is too long", "too many tokens",
             "too many input tokens", "n_ctx", "context size", "reduce the length",
             "maximum number of tokens", "max_new_tokens` must be",
             "must have less than",
             "input token count")  # fmt: skip
_BAD_KEY = ("api key not valid", "api_key_invalid", "invalid api key", "invalid_api_key", "incorrect api key")
_UNWRITTEN = ("json_validate_failed", "failed to generate json", "failed to validate json")
LONGEST_QUOTE = 10
"""Characters in common with the request from which on an endpoint is taken to quote it."""
_DEPTH = 6


class Rejected(Exception):
    """The endpoint does not take the request as it is.

    Attributes:
        status: HTTP status.
        parameter: The parameter of the request that it names in a field of its own, such as `seed`, or empty. A
            parameter that is only mentioned somewhere may as well be quoted from a row.
        words: What it says, in one line.
        is_filter: A content filter refused the text.
        is_too_long: The text is longer than the model takes.
        is_bad_key: The API key is refused.
        is_unwritten: The model wrote no JSON where the endpoint promised it; the next time it may.
    """

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"HTTP {status}")
        self.status = status
        self.parameter = next(_parameters(body), "")
        self.words = " ".join(" ".join(dict.fromkeys(_texts(body, _MESSAGES))).split())
        told = f"{self.words} {' '.join(_texts(body, _CODES))}".casefold()
        self.is_filter = any(word in told for word in _FILTERS)
        self.is_too_long = status == 413 or any(word in told for word in _TOO_LONG)
        self.is_bad_key = status in (401, 403) or any(word in told for word in _BAD_KEY)
        self.is_unwritten = any(word in told for word in _UNWRITTEN)

    @classmethod
    def of(cls, status: int, content: bytes) -> "Rejected":
        """Read the body of an error, which may be anything."""
        text = content[:100_000].decode("utf-8", "replace")
        try:
            return cls(status, json.loads(text))
        except (ValueError, RecursionError):
            # A page of a firewall or gateway; what it says is in its title.
            title = re.search(r"<title[^>]*>(.{0,200}?)</title>", text, re.IGNORECASE | re.DOTALL)
            plain = "" if text.lstrip().startswith("<") else text[:WORDS_SHOWN]
            return cls(status, {"message": title[1] if title else plain})

    def shown(self, sent: str = "", secret: str = "") -> str:
        """Return what it says as people may see it: short, without the logged text and the key that it may quote."""
        return quotable(self.words, sent, secret) or f"HTTP {self.status} without a word"


def quotable(words: str, sent: str, secret: str = "") -> str:
    """Return an endpoint's words without what they quote of a request, and without anything like a secret."""
    words = words[: 3 * WORDS_SHOWN]
    if secret:
        words = words.replace(secret, "[key]")
    while True:
        same = difflib.SequenceMatcher(None, words, sent, autojunk=False).find_longest_match()
        if same.size < LONGEST_QUOTE:
            break
        words = f"{words[: same.a]}\u2026{words[same.a + same.size :]}"
    words = "".join(letter if letter.isprintable() else " " for letter in Redactor().redact(words).text)
    return words if len(words) <= WORDS_SHOWN else f"{words[:WORDS_SHOWN]}\u2026"


def _texts(body: Any, keys: tuple[str, ...], depth: int = _DEPTH) -> Iterator[str]:
    """Yield the texts under some keys, wherever they are; not `input`, which quotes the request."""
    if depth == 0:
        return
    if isinstance(body, list):
        for part in body[:20]:
            yield from _texts(part, keys, depth - 1)
    elif isinstance(body, dict):
        for key, part in body.items():
            if str(key).casefold() in keys and isinstance(part, str):
                yield from _of_text(part, keys, depth)
            elif str(key).casefold() in keys and isinstance(part, list):
                yield from (text for text in part[:20] if isinstance(text, str))
            if isinstance(part, dict | list) and str(key).casefold() not in ("input", "ctx"):
                yield from _texts(part, keys, depth - 1)


def _of_text(text: str, keys: tuple[str, ...], depth: int) -> Iterator[str]:
    """Yield a text, or what is in it where a proxy put the other side's error into it as JSON."""
    if text.lstrip().startswith("{"):
        try:
            yield from _texts(json.loads(text), keys, depth - 1)
        except (ValueError, RecursionError):
            yield text[:2000]
        return
    yield text[:2000]


def _parameters(body: Any, depth: int = _DEPTH) -> Iterator[str]:
    """Yield the parameters that an error names: OpenAI's `param`, FastAPI's `loc`."""
    if depth == 0:
        return
    if isinstance(body, list):
        for part in body[:20]:
            yield from _parameters(part, depth - 1)
        return
    if not isinstance(body, dict):
        return
    if isinstance(body.get("param"), str) and body["param"]:
        yield re.split(r"[.\[]", body["param"])[0]
    if isinstance(body.get("loc"), list):
        places = [str(place) for place in body["loc"] if place != "body"]
        if places:
            yield places[0]
    # Only where errors are; elsewhere an endpoint may repeat the request, and somebody wrote that.
    for part in (body.get(key) for key in ("error", "detail", "message", "errors")):
        if isinstance(part, dict | list):
            yield from _parameters(part, depth - 1)
        elif isinstance(part, str) and part.lstrip().startswith("{"):
            with contextlib.suppress(ValueError, RecursionError):
                yield from _parameters(json.loads(part), depth - 1)
