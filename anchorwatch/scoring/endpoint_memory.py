"""What an endpoint was found to take, kept from one night to the next."""

import sqlalchemy as sa

from anchorwatch.judge_client import JudgeEndpoint, OpenAIJudge
from anchorwatch.judge_client.body import FALLBACKS, Form
from anchorwatch.settings.judging import JudgeSettings
from anchorwatch.warehouse import connect, query

DAYS = 30
"""How long it counts: a server may be upgraded."""


def remembered_form(engine: sa.Engine, settings: JudgeSettings, endpoint: JudgeEndpoint) -> Form | None:
    """Return the form of reply that an endpoint was found to take; None where nothing is known."""
    arguments = {"endpoint": endpoint.name, "judge_model": settings.model, "days": DAYS}
    with connect(engine) as connection:
        form = connection.execute(query("judge_endpoints", "find"), arguments).scalar_one_or_none()
    return next((known for known in ("json_schema", *FALLBACKS.values()) if known == form), None)


def remember(engine: sa.Engine, settings: JudgeSettings, client: OpenAIJudge) -> None:
    """Keep what a client has found out, if it has found out anything."""
    if client.probe.learned is not None:
        save_form(engine, settings, client.endpoint, client.probe.form, client.probe.learned)


def save_form(
    engine: sa.Engine, settings: JudgeSettings, endpoint: JudgeEndpoint, form: Form, learned: str | None
) -> None:
    """Keep the form of reply that an endpoint takes."""
    found = {"endpoint": endpoint.name, "judge_model": settings.model, "form": form, "learned": learned}
    with connect(engine) as connection:
        connection.execute(query("judge_endpoints", "save"), found)
