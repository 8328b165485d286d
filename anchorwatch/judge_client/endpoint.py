"""Where the judge is."""

import os
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

from anchorwatch.errors import ConfigError
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.urls import hide_secrets_in_http_logs, hide_url_secrets, shown_url, web_url_problem

_WHERE = (
    "the judge's base URL (judge.base_url, OPENAI_BASE_URL or the host of the Airflow connection anchorwatch_judge)"
)
_SHORTEST_SECRET = 4
_NO_SECRETS = frozenset({"api-version"})


@dataclass(frozen=True, slots=True)
class JudgeEndpoint:
    """Where the judge is; `api_key` and what the query holds are secrets and stay out of `repr`.

    Attributes:
        base_url: Without query and fragment.
        query: What was in the URL's query, such as Azure's `api-version`; sent with every request.

    Raises:
        ConfigError: The URL cannot be called, or holds a user or password; the message does not repeat it.
    """

    base_url: str | None
    api_key: str
    query: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.base_url is None:
            return
        if problem := web_url_problem(self.base_url):
            raise ConfigError(f"{_WHERE} {problem}")
        parts = urlsplit(self.base_url)
        if parts.username is not None or parts.password is not None:
            raise ConfigError(
                f"{_WHERE} has a user or password before its host {parts.hostname}: take them out, and put the "
                "endpoint's key into OPENAI_API_KEY, which is sent as a bearer token"
            )
        object.__setattr__(self, "query", {**dict(parse_qsl(parts.query, keep_blank_values=True)), **self.query})
        object.__setattr__(self, "base_url", parts._replace(query="", fragment="").geturl())
        hide_secrets_in_http_logs()

    def __repr__(self) -> str:
        return f"JudgeEndpoint({self.name})"

    @property
    def name(self) -> str:
        """The endpoint as a person may see it."""
        return shown_url(self.base_url) if self.base_url else "the OpenAI API"

    def hide_secrets(self, text: str) -> str:
        """Return a text of the endpoint's without the secrets that it was sent, before people see it."""
        sent = (value for name, value in self.query.items() if name not in _NO_SECRETS)
        for secret in (self.api_key, *sent):
            if len(secret) >= _SHORTEST_SECRET:
                text = text.replace(secret, "***")
        return hide_url_secrets(text)


def judge_endpoint(settings: JudgeSettings, base_url: str | None = None, api_key: str | None = None) -> JudgeEndpoint:
    """Find the endpoint: arguments (an Airflow connection), the configuration, or the environment.

    Raises:
        ConfigError: There is no API key for the OpenAI API, or the URL cannot be called.
    """
    if settings.is_recorded:
        return JudgeEndpoint(None, "not-needed")
    url = base_url or settings.base_url or os.environ.get("OPENAI_BASE_URL") or None
    key = api_key or os.environ.get("OPENAI_API_KEY")
    if not key and url is None:
        raise ConfigError(
            "the judge has no API key: set OPENAI_API_KEY or the Airflow connection anchorwatch_judge, "
            "point judge.base_url at a server that needs none, or set judge.enabled: false"
        )
    return JudgeEndpoint(url, key or "not-needed")
