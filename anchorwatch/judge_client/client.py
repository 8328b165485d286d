"""One call to the judge through the `openai` package, and what its errors mean for the row or the run."""

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from anchorwatch.errors import ConfigError
from anchorwatch.settings.model import JudgeSettings
from evaluators import JudgeReply, JudgeRequest

if TYPE_CHECKING:
    from openai import APIStatusError


class RowUnscored(Exception):
    """The judge gave no usable answer for this row, and asking again the same way will not help."""


class EndpointDown(Exception):
    """The endpoint did not answer, after the client's own retries."""


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """Where the judge is; `api_key` is a secret and stays out of `repr`."""

    base_url: str | None
    api_key: str

    def __repr__(self) -> str:
        return f"JudgeEndpoint({self.name})"

    @property
    def name(self) -> str:
        """The endpoint as a person may see it."""
        return self.base_url or "the OpenAI API"


def judge_endpoint(settings: JudgeSettings, base_url: str | None = None, api_key: str | None = None) -> JudgeEndpoint:
    """Find the endpoint: arguments (an Airflow connection), the configuration, or the environment.

    Raises:
        ConfigError: There is no API key for the OpenAI API.
    """
    url = base_url or settings.base_url or os.environ.get("OPENAI_BASE_URL") or None
    key = api_key or os.environ.get("OPENAI_API_KEY")
    if not key and url is None:
        raise ConfigError(
            "the judge has no API key: set OPENAI_API_KEY or the Airflow connection anchorwatch_judge, "
            "point judge.base_url at a server that needs none, or set judge.enabled: false"
        )
    return JudgeEndpoint(url, key or "not-needed")


class OpenAIJudge:
    """A judge at an OpenAI-compatible endpoint; use it as an async context manager."""

    def __init__(self, settings: JudgeSettings, endpoint: JudgeEndpoint) -> None:
        import openai

        self._settings = settings
        self.endpoint = endpoint
        self._openai = openai
        self._client = openai.AsyncOpenAI(
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            max_retries=settings.max_retries,
            timeout=settings.timeout_seconds,
        )

    async def __aenter__(self) -> "OpenAIJudge":
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.close()

    async def ask(self, request: JudgeRequest) -> JudgeReply:
        """Return the judge's reply.

        Raises:
            ConfigError: The key is refused, or the endpoint does not know the model.
            EndpointDown: No answer: connection, timeout, 429 or 5xx after the client's retries.
            RowUnscored: An answer that is no verdict: refused, filtered, cut off or rejected.
        """
        try:
            # `post` skips the typed request transform, a third of the client's CPU time a call.
            body = await self._client.post("/chat/completions", cast_to=object, body=self._body(request))
        except self._openai.APIStatusError as error:
            raise self._status_error(error) from None
        except self._openai.APIConnectionError as error:
            raise EndpointDown(type(error).__name__) from None
        except (self._openai.OpenAIError, ValueError) as error:
            raise RowUnscored("judge_reply_not_the_protocol") from error
        return _reply(body)

    def _body(self, request: JudgeRequest) -> dict[str, Any]:
        schema = {"name": request.schema_name, "strict": True, "schema": request.schema}
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": list(request.messages),
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        if self._settings.temperature is not None:
            body["temperature"] = self._settings.temperature
        if self._settings.seed is not None:
            body["seed"] = self._settings.seed
        return body

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
        if code == 429 or code >= 500:
            return EndpointDown(f"HTTP {code}")
        return RowUnscored(f"judge_rejected_request_{code}")


def _reply(body: Any) -> JudgeReply:
    try:
        choice = body["choices"][0]
        message = choice["message"]
        usage = body.get("usage") or {}
        reason = choice.get("finish_reason")
        if message.get("refusal"):
            raise RowUnscored("judge_refused")
        if reason in ("content_filter", "length"):
            raise RowUnscored("judge_content_filter" if reason == "content_filter" else "judge_reply_cut_off")
        return JudgeReply(
            text=message.get("content") or "",
            model=str(body.get("model") or "unknown"),
            input_tokens=_tokens(usage.get("prompt_tokens")),
            output_tokens=_tokens(usage.get("completion_tokens")),
        )
    except (KeyError, IndexError, TypeError, AttributeError):
        raise RowUnscored("judge_reply_empty") from None


def _tokens(value: Any) -> int:
    """Usage as reported; nonsense counts as 0 rather than spoiling the sum."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**9 else 0
