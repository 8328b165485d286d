"""What the Batch API says about a batch, and what is done about it: every case in one table."""

from dataclasses import dataclass
from typing import Any, Literal

Step = Literal["wait", "read", "split", "stop", "fix", "again"]
"""wait: nothing is known yet. read: it has ended; book and keep what its files hold, send the rest again. split: the
queue is full or the file too large; send smaller parts later. stop: the account is out of money; a later run may do.
fix: the endpoint will never take such a file. again: it failed for no reason that we know; send it again."""

STATUSES: dict[str, Step] = {
    "validating": "wait",
    "in_progress": "wait",
    "finalizing": "wait",
    "cancelling": "wait",
    "completed": "read",
    "expired": "read",
    "cancelled": "read",
    "failed": "again",
}
"""By status; what `failed` means depends on the code. A status that is not here is waited for."""
CODES: dict[str, Step] = {
    "token_limit_exceeded": "split",
    "rate_limit_exceeded": "split",
    "requests_limit_exceeded": "split",
    "too_many_requests": "split",
    "too_many_tasks": "split",
    "file_too_large": "split",
    "billing_hard_limit_reached": "stop",
    "billing_not_active": "stop",
    "insufficient_quota": "stop",
    "quota_exceeded": "stop",
    "duplicate_custom_id": "fix",
    "empty_batch": "fix",
    "empty_file": "fix",
    "invalid_file": "fix",
    "invalid_json_line": "fix",
    "invalid_method": "fix",
    "invalid_model": "fix",
    "invalid_request": "fix",
    "invalid_url": "fix",
    "mismatched_model": "fix",
    "missing_required_parameter": "fix",
    "model_mismatch": "fix",
    "model_not_found": "fix",
    "url_mismatch": "fix",
}
"""By the first error's code of a batch that failed, or of a call that would have started one."""
_FULL = ("enqueued token", "enqueued prompt token", "queue is full")
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True, slots=True)
class BatchState:
    """What the endpoint says about a batch; counts it does not give are 0.

    Attributes:
        completed: Requests that were answered, and so paid.
        input_tokens: Of all its answers together; None where the endpoint does not say.
    """

    batch_id: str
    status: str
    completed: int = 0
    failed: int = 0
    total: int = 0
    code: str | None = None
    problem: str | None = None
    output_file: str | None = None
    error_file: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None

    @property
    def done(self) -> int:
        """Requests that have ended one way or another."""
        return self.completed + self.failed

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED

    @property
    def files(self) -> tuple[str, ...]:
        """Its files, answers first."""
        return tuple(file for file in (self.output_file, self.error_file) if file)

    @property
    def step(self) -> Step:
        """What is to be done about it."""
        if self.status != "failed":
            return STATUSES.get(self.status, "wait")
        if self.files:
            return "read"
        return step_of(self.code, self.problem)


def step_of(code: str | None, message: str | None) -> Step:
    """Say what an error means, by its code, or by its words where it has none that we know."""
    if code in CODES:
        return CODES[code]
    return "split" if any(words in (message or "").lower() for words in _FULL) else "again"


def read_state(batch: Any) -> BatchState | None:
    """Read a batch object as the client built it, which checks no types; None for what is none."""
    batch_id, status = _get(batch, "id"), _get(batch, "status")
    if not isinstance(batch_id, str) or not isinstance(status, str):
        return None
    counts, usage, error = _get(batch, "request_counts"), _get(batch, "usage"), _first_error(_get(batch, "errors"))
    code, message = _get(error, "code"), _get(error, "message") or (error if isinstance(error, str) else None)
    return BatchState(
        batch_id=batch_id,
        status=status,
        completed=_count(_get(counts, "completed")) or 0,
        failed=_count(_get(counts, "failed")) or 0,
        total=_count(_get(counts, "total")) or 0,
        code=str(code) if code else None,
        problem=one_line(message or code),
        output_file=_text(_get(batch, "output_file_id")),
        error_file=_text(_get(batch, "error_file_id")),
        input_tokens=_count(_get(usage, "input_tokens")),
        output_tokens=_count(_get(usage, "output_tokens")),
    )


def one_line(told: Any) -> str | None:
    """Return what an endpoint says as one short line."""
    return " ".join(str(told).replace("\0", " ").split())[:300] if told else None


def _first_error(errors: Any) -> Any:
    """Return the first error of a list, which OpenAI wraps in an object and others do not."""
    if isinstance(errors, str):
        return errors
    data = errors if isinstance(errors, list) else _get(errors, "data")
    return data[0] if isinstance(data, list) and data else None


def _get(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else getattr(thing, name, None)


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
