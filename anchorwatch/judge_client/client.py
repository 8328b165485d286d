"""One call to the judge through the `openai` package, and what its errors mean for the row or the run."""

import asyncio
import json
from typing import Any

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client.body import FALLBACKS, Form, request_body
from anchorwatch.judge_client.endpoint import JudgeEndpoint
from anchorwatch.judge_client.errors import EndpointDown, Garbled, Rejected, RowUnscored
from anchorwatch.judge_client.http import MeteredHttp, metered_http
from anchorwatch.judge_client.pace import Pace, retry_after
from anchorwatch.judge_client.reply import read_reply
from anchorwatch.settings.judging import JudgeSettings
from evaluators import JudgeReply, JudgeRequest

_FORM_WORDS = ("response_format", "json_schema", "json_object", "structured output")
_PARAMETERS = {"temperature": "temperature", "seed": "seed", "max_completion_tokens": "max_output_tokens"}
_FIRST_WAIT_SECONDS = 0.5
"""Before the package's own retries, where the endpoint names no time; they begin with the same."""
_LONGEST_WAIT_SECONDS = 60.0


class OpenAIJudge:
    """A judge at an OpenAI-compatible endpoint; use it as an async context manager."""

    def __init__(self, settings: JudgeSettings, endpoint: JudgeEndpoint, pace: Pace | None = None) -> None:
        import openai

        self._settings = settings
        self._openai = openai
        self.endpoint = endpoint
        self.pace = pace or Pace(settings.concurrency)
        self._has_begun = False
        wished = settings.structured_output
        self._form: Form = "json_schema" if wished == "auto" else wished
        self._http: MeteredHttp = metered_http(settings.timeout_seconds, settings.concurrency + 8, self.pace)
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
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
            form = self._form
            content = json.dumps(request_body(self._settings, request, form), ensure_ascii=False)
            try:
                # Half a surrogate pair is in some logs; no endpoint takes it.
                return read_reply(await self._complete(content.encode("utf-8", "replace")))
            except Rejected as error:
                if not self._falls_back(error, form):
                    raise self._status_error(error) from None

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
            raise Rejected(error.status_code, error.param or "", error.message) from None
        except self._openai.APIConnectionError as error:
            raise EndpointDown(type(error).__name__) from None
        except (self._openai.OpenAIError, ValueError) as error:
            raise Garbled("judge_reply_not_the_protocol") from error
        finally:
            self._http.prepared.set()

    def _falls_back(self, error: Rejected, form: Form) -> bool:
        """Use a plainer form from now on if the endpoint rejects this one; tell whether to ask again."""
        rejected = error.status in (400, 422) and any(word in error.told for word in _FORM_WORDS)
        if self._settings.structured_output != "auto" or not rejected or form not in FALLBACKS:
            return False
        if self._form == form:
            self._form = FALLBACKS[form]
        return True

    def _status_error(self, error: Rejected) -> Exception:
        where, model = self.endpoint.name, self._settings.model
        if error.status in (401, 403):
            return ConfigError(
                f"{where} refused the judge's API key ({error.status}): check OPENAI_API_KEY or anchorwatch_judge"
            )
        if error.status == 404:
            return ConfigError(f"{where} has no model '{model}' or no chat completions (404): check judge")
        for parameter, key in _PARAMETERS.items():
            if error.param == parameter or f"'{parameter}'" in error.told:
                return ConfigError(f"{where} rejects {parameter} for '{model}': set judge.{key}: null")
        return RowUnscored(f"judge_rejected_request_{error.status}")


def _may_be_retried(status: int) -> bool:
    return status in (408, 409, 429) or status >= 500


def _json(content: bytes) -> Any:
    """Read a body.

    Raises:
        Garbled: It is no JSON.
    """
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Garbled("judge_reply_not_the_protocol") from None
