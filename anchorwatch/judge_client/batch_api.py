"""The Batch API of an OpenAI-compatible endpoint: files of questions in, files of answers out, at half the price."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client.body import Form, request_body
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeRequest

KEY = "anchorwatch_key"
"""Metadata key under which a batch carries our name for it."""
ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_RECENT = 500
"""Batches looked through for one whose id was lost."""


class BatchUnsupported(ConfigError):
    """The endpoint has no Batch API."""


@dataclass(frozen=True, slots=True)
class BatchState:
    """What the endpoint says about a batch."""

    batch_id: str
    status: str
    done: int
    total: int
    problem: str | None
    files: tuple[str, ...]

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come."""
        return self.status in ENDED


def batch_line(settings: JudgeSettings, key: str, request: JudgeRequest) -> bytes:
    """Return one line of a batch's input; the cache key names the question."""
    form: Form = "json_schema" if settings.structured_output == "auto" else settings.structured_output
    body = request_body(settings, request, form)
    line = {"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": body}
    # Half a surrogate pair is in some logs; no endpoint takes it.
    return json.dumps(line, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


class BatchApi:
    """Sends and fetches batches; use it as a context manager."""

    def __init__(self, settings: JudgeSettings, endpoint: JudgeEndpoint) -> None:
        import openai

        self._openai = openai
        self.endpoint = endpoint
        self._client = openai.OpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            default_query=endpoint.query,
            max_retries=settings.max_retries,
            timeout=max(settings.timeout_seconds, 120.0),
        )

    def __enter__(self) -> "BatchApi":
        return self

    def __exit__(self, *exc: object) -> None:
        self._client.close()

    def submit(self, lines: Path, batch_key: str) -> BatchState:
        """Upload a file and start its batch."""
        with self._told():
            file = self._client.files.create(file=lines, purpose="batch")
            # No retry by the client: whether a lost answer had started a batch is found out by its metadata.
            once = self._client.with_options(max_retries=0)
            batch = once.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={KEY: batch_key},
            )
        return _state(batch)

    def find(self, batch_key: str) -> BatchState | None:
        """Look for a batch by our name for it, among the newest ones."""
        with self._told():
            for n, batch in enumerate(self._client.batches.list(limit=100)):
                if (batch.metadata or {}).get(KEY) == batch_key:
                    return _state(batch)
                if n >= _RECENT:
                    return None
        return None

    def state(self, batch_id: str) -> BatchState:
        """Ask how far a batch is."""
        with self._told():
            return _state(self._client.batches.retrieve(batch_id))

    def cancel(self, batch_id: str) -> None:
        """Give a batch up; what it has answered already is paid and can be fetched."""
        with self._told():
            self._client.batches.cancel(batch_id)

    def answers(self, state: BatchState) -> Iterator[tuple[str, Any]]:
        """Yield (custom_id, body) of every answered question, in any order; the body is None where it failed."""
        for file_id in state.files:
            with self._told(), self._client.files.with_streaming_response.content(file_id) as response:
                for line in response.iter_lines():
                    if (answer := _answer(line)) is not None:
                        yield answer

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turn the client's errors into ours."""
        try:
            yield
        except self._openai.APIStatusError as error:
            code = error.status_code
            if code in (401, 403):
                raise ConfigError(f"{self.endpoint.name} refused the judge's API key ({code})") from None
            if code in (404, 405, 501):
                raise BatchUnsupported(
                    f"{self.endpoint.name} has no Batch API ({code}): set judge.mode: realtime"
                ) from None
            if code in (408, 409, 429) or code >= 500:
                raise TransientError(f"the Batch API at {self.endpoint.name} answered {code}") from None
            raise ConfigError(f"the Batch API at {self.endpoint.name} rejected the request ({code})") from None
        except self._openai.APIConnectionError as error:
            raise TransientError(
                f"the Batch API at {self.endpoint.name} does not answer ({type(error).__name__})"
            ) from None


def _state(batch: Any) -> BatchState:
    counts = batch.request_counts
    problems = [error.message or error.code for error in (batch.errors.data or [])] if batch.errors else []
    return BatchState(
        batch_id=batch.id,
        status=batch.status,
        done=counts.completed + counts.failed if counts else 0,
        total=counts.total if counts else 0,
        problem=str(problems[0]) if problems else None,
        files=tuple(file for file in (batch.output_file_id, batch.error_file_id) if file),
    )


def _answer(line: str) -> tuple[str, Any] | None:
    """Read a line of an output or error file; None for what is no line of one."""
    try:
        found = json.loads(line)
        key, response = found["custom_id"], found.get("response") or {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    worked = isinstance(response, dict) and response.get("status_code") == 200
    return str(key), response.get("body") if worked else None
