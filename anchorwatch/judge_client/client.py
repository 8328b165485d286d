"""One call to the judge through the `openai` package, and what its errors mean for the row or the run."""

import asyncio
from typing import TYPE_CHECKING, Any

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.body import FALLBACKS, Form, request_body
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.judge_client.errors import EndpointDown, Garbled, RowUnscored
from anchorwatch.judge_client.pace import Pace
from anchorwatch.judge_client.reply import read_reply
from anchorwatch.settings.model import JudgeSettings
from evaluators import JudgeReply, JudgeRequest

if TYPE_CHECKING:
    from openai import APIStatusError

_FORM_WORDS = ("response_format", "json_schema", "json_object", "structured output")
_PARAMETERS = {"temperature": "temperature", "seed": "seed", "max_completion_tokens": "max_output_tokens"}


class OpenAIJudge:
    """A judge at an OpenAI-compatible endpoint; use it as an async context manager."""

    def __init__(self, settings: JudgeSettings, endpoint: JudgeEndpoint, pace: Pace | None = None) -> None:
        import openai

        self._settings = settings
        self._openai = openai
        self.endpoint = endpoint
        self.pace = pace or Pace(settings.concurrency)
        wished = settings.structured_output
        self._form: Form = "json_schema" if wished == "auto" else wished
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=settings.max_retries,
            timeout=settings.timeout_seconds,
            http_client=_http_client(settings, self.pace),
        )

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
            form = self._form
            try:
                # `post` skips the typed request transform, a third of the client's CPU time a call.
                body = await self._client.post(
                    "/chat/completions", cast_to=object, body=request_body(self._settings, request, form)
                )
            except self._openai.APIStatusError as error:
                if self._falls_back(error, form):
                    continue
                raise self._status_error(error) from None
            except self._openai.APIConnectionError as error:
                raise EndpointDown(type(error).__name__) from None
            except (self._openai.OpenAIError, ValueError) as error:
                raise Garbled("judge_reply_not_the_protocol") from error
            return read_reply(body)

    def _falls_back(self, error: "APIStatusError", form: Form) -> bool:
        """Use a plainer form from now on if the endpoint rejects this one; tell whether to ask again."""
        told = _told(error)
        rejected = error.status_code in (400, 422) and any(word in told for word in _FORM_WORDS)
        if self._settings.structured_output != "auto" or not rejected or form not in FALLBACKS:
            return False
        if self._form == form:
            self._form = FALLBACKS[form]
        return True

    def _status_error(self, error: "APIStatusError") -> Exception:
        code = error.status_code
        where = self.endpoint.name
        if code in (401, 403):
            return ConfigError(
                f"{where} refused the judge's API key ({code}): check OPENAI_API_KEY or anchorwatch_judge"
            )
        if code == 404:
            return ConfigError(
                f"{where} has no model '{self._settings.model}' or no chat completions (404): check judge"
            )
        if code in (408, 409, 429) or code >= 500:
            return EndpointDown(f"HTTP {code}" + (f" {error.code}" if error.code else ""))
        for parameter, key in _PARAMETERS.items():
            if error.param == parameter or f"'{parameter}'" in _told(error):
                return ConfigError(f"{where} rejects {parameter} for '{self._settings.model}': set judge.{key}: null")
        return RowUnscored(f"judge_rejected_request_{code}")


def _told(error: "APIStatusError") -> str:
    return f"{error.param or ''} {error.message}".lower()


def _http_client(settings: JudgeSettings, pace: Pace) -> Any:
    """Return an HTTP client that bounds every attempt as a whole, and reports every answer to the pace.

    A timeout of the HTTP library starts anew with every byte, so a server that drips would never reach it.
    """
    import httpx2
    from openai import DefaultAsyncHttpxClient

    class MeteredClient(DefaultAsyncHttpxClient):
        async def send(self, request: Any, **options: Any) -> Any:
            try:
                async with asyncio.timeout(settings.timeout_seconds):
                    response = await super().send(request, **options)
                    await response.aread()
            except TimeoutError:
                raise httpx2.ReadTimeout("the whole answer took too long", request=request) from None
            pace.saw(response.status_code, response.headers)
            return response

    connections = settings.concurrency + 8
    limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
    return MeteredClient(limits=limits, timeout=settings.timeout_seconds)
