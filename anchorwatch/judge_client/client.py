"""One call to the judge through the `openai` package, and what its errors mean for the row or the run."""

import asyncio
import json
from typing import Any

from anchorwatch.judge_client.body import Form, request_body
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.judge_client.errors import EndpointDown, Garbled, RowUnscored
from anchorwatch.judge_client.http import MeteredHttp, metered_http
from anchorwatch.judge_client.pace import Pace, retry_after
from anchorwatch.judge_client.probe import QUESTION, EndpointProbe
from anchorwatch.judge_client.rejection import Rejected
from anchorwatch.judge_client.reply import FILTERED, read_reply
from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeReply, JudgeRequest

_FIRST_WAIT_SECONDS = 0.5
"""Before the package's own retries, where the endpoint names no time; they begin with the same."""
_LONGEST_WAIT_SECONDS = 60.0


class OpenAIJudge:
    """A judge at an OpenAI-compatible endpoint; use it as an async context manager."""

    def __init__(
        self, settings: JudgeSettings, endpoint: JudgeEndpoint, pace: Pace | None = None, *, form: Form | None = None
    ) -> None:
        """Take where the judge is.

        Args:
            form: What the endpoint is known to take; without it `auto` begins with json_schema.
        """
        import openai

        self._settings = settings
        self._openai = openai
        self.endpoint = endpoint
        self.pace = pace or Pace(settings.concurrency)
        self._has_begun = False
        wished = settings.structured_output
        first: Form = (form or "json_schema") if wished == "auto" else wished
        self.probe = EndpointProbe(settings, endpoint, self._ask_probe, first)
        self._http: MeteredHttp = metered_http(settings.timeout_seconds, settings.concurrency + 8, self.pace)
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            default_query=endpoint.query,
            max_retries=settings.max_retries,
            timeout=settings.timeout_seconds,
            http_client=self._http,
        )
        self._retries = self._client.with_options(max_retries=max(0, settings.max_retries - 1))

    async def __aenter__(self) -> "OpenAIJudge":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def ask(self, request: JudgeRequest) -> JudgeReply:
        """Return the judge's reply.

        Raises:
            ConfigError: The key is refused, or the endpoint does not know the model or a parameter.
            EndpointDown: No answer: connection, timeout, 429 or 5xx after the client's retries.
            RowUnscored: An answer that is no verdict: refused, filtered, cut off or rejected.
            Garbled: An answer that is none, and may be one the next time.
        """
        while True:
            form = self.probe.form
            try:
                return await self._ask(self._settings, request, form)
            except Rejected as error:
                if not await self.probe.settle(error, form):
                    raise self._of_row(error, request) from None

    async def _ask(self, settings: JudgeSettings, request: JudgeRequest, form: Form) -> JudgeReply:
        content = json.dumps(request_body(settings, request, form), ensure_ascii=False)
        # Half a surrogate pair is in some logs; no endpoint takes it.
        body = await self._complete(content.encode("utf-8", "replace"))
        if isinstance(body, dict) and isinstance(body.get("error"), dict) and not body.get("choices"):
            raise _error_within(body)
        return read_reply(body, request)

    async def _ask_probe(self, settings: JudgeSettings, form: Form) -> JudgeReply:
        return await self._ask(settings, QUESTION, form)

    async def _complete(self, content: bytes) -> Any:
        """Return the body of a chat completion: a first attempt by the template, then the package's attempts."""
        client = self._client
        if self._has_begun:
            await self._http.prepared.wait()
        if self._http.has_template:
            response = await self._http.post_again(content)
            if response is not None and response.status_code == 200:
                return _json(response.content)
            if response is not None and not _may_be_retried(response.status_code):
                raise Rejected.of(response.status_code, response.content)
            if not self._settings.max_retries:
                raise EndpointDown(f"HTTP {response.status_code}" if response is not None else "no answer")
            named = retry_after(response.headers) if response is not None else None
            await asyncio.sleep(_FIRST_WAIT_SECONDS if named is None else min(named, _LONGEST_WAIT_SECONDS))
            client = self._retries
        self._has_begun = True
        try:
            # `post` skips the typed request transform, a third of the package's CPU time a call.
            return await client.post("/chat/completions", cast_to=object, content=content)
        except self._openai.APIStatusError as error:
            if _may_be_retried(error.status_code):
                raise EndpointDown(f"HTTP {error.status_code} {error.code or ''}".strip()) from None
            raise Rejected.of(error.status_code, error.response.content) from None
        except self._openai.APIConnectionError as error:
            raise EndpointDown(type(error).__name__) from None
        except (self._openai.OpenAIError, ValueError) as error:
            raise Garbled("judge_reply_not_the_protocol") from error
        finally:
            self._http.prepared.set()

    def _of_row(self, error: Rejected, request: JudgeRequest) -> RowUnscored:
        """Say why a row is unscored that the endpoint rejects, and others it does not."""

        def words() -> str:
            sent = "\n".join(message["content"] for message in request.messages)
            return f"{error.status}: {self.endpoint.hide_secrets(error.shown(sent, self.endpoint.api_key))}"

        # What answers 403 to one row alone is a filter or firewall that dislikes its text.
        if error.is_filter or error.status in (403, 406, 451):
            return RowUnscored(FILTERED, words=words)
        if error.is_unwritten:
            return Garbled("judge_reply_unparsable", words=words)
        if error.is_too_long and error.status != 413:
            return RowUnscored("judge_input_too_long", words=words)
        return RowUnscored(f"judge_rejected_request_{error.status}", words=words)


def _error_within(body: dict[str, Any]) -> Exception:
    """Return what an error means that comes with status 200, as from some proxies."""
    code = body["error"].get("code")
    status = int(code) if str(code).isascii() and str(code).isdigit() and len(str(code)) == 3 else 0
    if _may_be_retried(status):
        return Garbled("judge_unavailable")
    error = Rejected(status, body)
    return error if status >= 400 or error.is_filter or error.is_too_long else Garbled("judge_reply_empty")


def _may_be_retried(status: int) -> bool:
    return status in (408, 409, 429) or (status >= 500 and status != 501)


def _json(content: bytes) -> Any:
    """Read a body.

    Raises:
        Garbled: It is no JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Garbled("judge_reply_not_the_protocol") from None
