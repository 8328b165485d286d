"""Lines of a batch's input and output files."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from anchorwatch.judge_client.batch_states import one_line
from anchorwatch.judge_client.body import Form, request_body
from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeRequest

LONGEST_LINE_BYTES = 20_000_000
"""An answer is some kilobytes; what goes on for longer without a newline is no line."""
_SEPARATORS = {ord(separator): f"\\u{ord(separator):04x}" for separator in "\x85\u2028\u2029"}
"""Characters that JSON allows in a string and that some readers take for the end of a line."""


@dataclass(frozen=True, slots=True)
class BatchLine:
    """One line of an output or error file.

    Attributes:
        key: Its custom_id.
        status: HTTP status of its answer; None where the question was never asked, as in a batch that expired.
        body: Of the answer.
        problem: What the endpoint says went wrong.
    """

    key: str
    status: int | None
    body: Any
    problem: str | None

    @property
    def is_answer(self) -> bool:
        """Whether it was answered, and so paid."""
        return self.status is not None and 200 <= self.status < 300


def batch_line(settings: JudgeSettings, key: str, request: JudgeRequest, known_form: Form | None = None) -> bytes:
    """Return one line of a batch's input; the cache key names the question.

    Args:
        known_form: The form of reply that the endpoint was found to take, for `structured_output: auto`.
    """
    form = known_form or "json_schema" if settings.structured_output == "auto" else settings.structured_output
    body = request_body(settings, request, form)
    line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    # Half a surrogate pair is in some logs; no endpoint takes it.
    return json.dumps(line, ensure_ascii=False).translate(_SEPARATORS).encode("utf-8", "replace") + b"\n"


def split_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines, which end with a newline byte and with nothing else, holding one line and one chunk at a time."""
    held, is_too_long = bytearray(), False
    for chunk in chunks:
        *ends, rest = chunk.split(b"\n")
        for end in ends:
            held += end
            if held and not is_too_long:
                yield bytes(held)
            held, is_too_long = bytearray(), False
        held += rest
        if len(held) > LONGEST_LINE_BYTES:
            held, is_too_long = bytearray(), True
    if held and not is_too_long:
        yield bytes(held)


def read_line(line: bytes) -> BatchLine | None:
    """Read a line of an output or error file; None for what is no line of one."""
    try:
        found = json.loads(line.decode("utf-8", "replace").lstrip("\ufeff"))
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("custom_id"), str):
        return None
    response, error = found.get("response"), found.get("error")
    response = response if isinstance(response, dict) else {}
    body = response.get("body")
    if not error and isinstance(body, dict):
        error = body.get("error")
    problem = error.get("message") or error.get("code") if isinstance(error, dict) else error
    return BatchLine(found["custom_id"], _status(response.get("status_code")), body, one_line(problem))


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600 else None
