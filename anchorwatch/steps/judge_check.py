"""Asks the judge one small question, to see whether it answers and what it takes."""

import asyncio

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge
from anchorwatch.judge_client.errors import EndpointDown
from anchorwatch.scoring.endpoint_memory import save_form
from anchorwatch.scoring.panel import with_model
from anchorwatch.settings import Settings
from anchorwatch.settings.judging import JudgeSettings

TIMEOUT_SECONDS = 20.0


def judge_problems(engine: sa.Engine, settings: Settings, endpoint: JudgeEndpoint) -> list[str]:
    """Ask every judge model a question of some 60 tokens; return what is wrong, a line each.

    What the endpoint takes is kept in `judge_endpoints` for the night.
    """
    found = []
    for model in settings.judge.models:
        judge = with_model(settings, model).judge
        quick = {
            "max_retries": min(1, judge.max_retries),
            "timeout_seconds": min(TIMEOUT_SECONDS, judge.timeout_seconds),
        }
        client = OpenAIJudge(judge.model_copy(update=quick), endpoint)
        try:
            asyncio.run(_ask(client))
        except ConfigError as error:
            found.append(f"error: {error}")
        except EndpointDown as error:
            found.append(f"error: the judge at {endpoint.name} does not answer ({error}): check judge.base_url")
        else:
            found += _learned(engine, judge, client)
    return found


async def _ask(client: OpenAIJudge) -> None:
    async with client:
        await client.probe.check()


def _learned(engine: sa.Engine, judge: JudgeSettings, client: OpenAIJudge) -> list[str]:
    form, learned = client.probe.form, client.probe.learned
    save_form(engine, judge, client.endpoint, form, learned)
    if learned is None:
        return []
    return [f"note: '{judge.model}' at {client.endpoint.name} is asked for {form}: {learned}"]
