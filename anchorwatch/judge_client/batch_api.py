"""The Batch API of an OpenAI-compatible endpoint: files of questions in, files of answers out, at half the price."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from anchorwatch.errors import ConfigError, TransientError
from anchorwatch.judge_client.batch_lines import BatchLine, batch_line, read_line, split_lines
from anchorwatch.judge_client.batch_states import CODES, BatchState, one_line, read_state, step_of
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.judge_client.rejection import quotable
from anchorwatch.settings.judging import JudgeSettings

__all__ = ["BatchApi", "BatchApiDown", "BatchGone", "BatchState", "BatchUnsupported", "QueueFull", "batch_line"]

KEY = "anchorwatch_key"
"""Metadata key under which a batch carries our name for it."""
_RECENT = 500
"""Batches looked through for one whose id was lost."""


class BatchUnsupported(ConfigError):
    """The endpoint has no Batch API."""


class BatchApiDown(TransientError):
    """The Batch API did not answer, or not in its protocol; what it was asked may be done all the same."""


class QueueFull(Exception):
    """The endpoint takes no further batch of this size now; nothing was started."""


class BatchGone(Exception):
    """The endpoint knows no such batch, or no such file."""


class BatchApi:
    """Sends and fetches batches; use it as a context manager.

    Every method raises `ConfigError` where the key is refused, and `BatchApiDown` without an answer.
    """

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
        """Upload a file and start its batch.

        Raises:
            BatchUnsupported: There is no Batch API.
            QueueFull: Not now, or not as many.
            ConfigError, TransientError: It refuses the file, or the account has no money. Nothing was started.
        """
        with self._errors(is_submission=True, is_probe=True):
            file = self._client.files.create(file=lines, purpose="batch")
            # No retry by the client: whether a lost answer had started a batch is found out by its metadata.
            once = self._client.with_options(max_retries=0)
            batch = once.batches.create(
                input_file_id=file.id,
                endpoint="/v1/chat/completions",
                completion_window="24h",
                metadata={KEY: batch_key},
            )
        return self._state(batch)

    def find(self, batch_key: str) -> BatchState | None:
        """Look for a batch by our name for it, among the newest ones.

        Raises:
            BatchUnsupported: There is no Batch API.
        """
        with self._errors(is_probe=True):
            for n, batch in enumerate(self._client.batches.list(limit=100)):
                metadata = getattr(batch, "metadata", None)
                if isinstance(metadata, dict) and metadata.get(KEY) == batch_key:
                    return self._state(batch)
                if n >= _RECENT:
                    return None
        return None

    def state(self, batch_id: str) -> BatchState:
        """Ask how far a batch is.

        Raises:
            BatchGone: The endpoint does not know it.
        """
        with self._errors():
            return self._state(self._client.batches.retrieve(batch_id))

    def cancel(self, batch_id: str) -> None:
        """Give a batch up; what it has answered already is paid and can be fetched.

        Raises:
            BatchGone: The endpoint does not know it.
        """
        with self._errors():
            self._client.batches.cancel(batch_id)

    def lines(self, file_id: str) -> Iterator[BatchLine | None]:
        """Yield the lines of an output or error file, in any order; None for one that cannot be read.

        Raises:
            BatchGone: The file is not there.
        """
        with self._errors(), self._client.files.with_streaming_response.content(file_id) as response:
            for line in split_lines(response.iter_bytes()):
                if line.strip():
                    yield read_line(line)

    def _state(self, batch: Any) -> BatchState:
        state = read_state(batch)
        if state is None:
            raise BatchApiDown(f"the Batch API at {self.endpoint.name} answered something that is no batch")
        return replace(state, problem=self._shown(state.problem))

    def _shown(self, said: str | None) -> str | None:
        """Return the endpoint's words as people may see them."""
        return self.endpoint.hide_secrets(quotable(said, "", self.endpoint.api_key)) if said else None

    def _unsupported(self, status: int) -> BatchUnsupported:
        return BatchUnsupported(f"{self.endpoint.name} has no Batch API ({status}): set judge.mode: realtime")

    @contextmanager
    def _errors(self, *, is_submission: bool = False, is_probe: bool = False) -> Iterator[None]:
        """Turn the client's errors into ours.

        Args:
            is_submission: A refusal says that there is no room.
            is_probe: A 404 is not about one batch or file, but says that there is no Batch API.
        """
        import httpx2

        try:
            yield
        except self._openai.APIStatusError as error:
            if error.status_code in (405, 501) or (is_probe and error.status_code == 404):
                raise self._unsupported(error.status_code) from None
            raise self._error(error, is_submission) from None
        except (self._openai.APIConnectionError, httpx2.HTTPError) as error:
            raise BatchApiDown(
                f"the Batch API at {self.endpoint.name} does not answer ({type(error).__name__})"
            ) from None
        except (self._openai.OpenAIError, ValueError, AttributeError, TypeError) as error:
            # The client builds its objects from whatever JSON it gets, and trips over some of it.
            raise BatchApiDown(
                f"the Batch API at {self.endpoint.name} answered something that is no batch ({type(error).__name__})"
            ) from None

    def _error(self, error: Any, is_submission: bool) -> Exception:
        status, where = error.status_code, f"the Batch API at {self.endpoint.name}"
        if status in (401, 403):
            return ConfigError(f"{self.endpoint.name} refused the judge's API key ({status})")
        if status == 404:
            return BatchGone(f"{where} knows no such batch or file")
        code, said = _said(error)
        said = self._shown(said)
        told = f"{where} answered {status}" + (f": {said}" if said else "")
        step = step_of(code, said)
        if step == "stop":
            return TransientError(f"{told}; nothing was started, run the day again when the account has money")
        if is_submission and (step == "split" or status in (413, 429)):
            return QueueFull(said or f"HTTP {status}")
        if status in (408, 409, 429) or status >= 500:
            return BatchApiDown(told)
        return ConfigError(f"{where} rejected the request ({status})" + (f": {said}" if said else ""))


def _said(error: Any) -> tuple[str | None, str | None]:
    """Return the code and the words of an error body, which Azure calls `errors` and wraps in a list."""
    body = error.body if isinstance(error.body, dict) else {}
    listed = body.get("errors")
    listed = listed.get("data") if isinstance(listed, dict) else listed
    if isinstance(listed, list) and listed and isinstance(listed[0], dict):
        body = listed[0]
    code = next((value for value in (body.get("code"), body.get("type")) if value in CODES), body.get("code"))
    return (str(code) if code else None), one_line(body.get("message"))
