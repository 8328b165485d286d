"""Where the judge is."""

import os
from dataclasses import dataclass

from anchorwatch.errors import ConfigError
from anchorwatch.settings.judging import JudgeSettings


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
