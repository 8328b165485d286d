"""The deterministic evaluators, over every logged row of the day."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import ConfigError
from anchorwatch.scoring.epochs import Identity, check_identity
from anchorwatch.scoring.interactions import logged_interactions
from anchorwatch.scoring.rows import NO_RESPONSE, evaluation_row, replace_rows
from anchorwatch.settings import Settings
from anchorwatch.warehouse import connect
from evaluators import EvaluatorFn, Interaction, Score, UnknownEvaluator, get_evaluator

Check = tuple[Identity, EvaluatorFn]


def load_checks(settings: Settings) -> list[Check]:
    """Make the configured evaluators.

    Raises:
        ConfigError: A name or an option is unknown.
    """
    checks: list[Check] = []
    for chosen in settings.evaluators:
        try:
            registered, function = get_evaluator(chosen.name, **chosen.options)
        except UnknownEvaluator as error:
            raise ConfigError(f"evaluators: {error}") from None
        checks.append((check_identity(registered.name, registered.version, chosen.options), function))
    return checks


def run_checks(engine: sa.Engine, settings: Settings, run_id: str, run_date: date) -> int:
    """Score every logged row with every deterministic evaluator; return how many scores there are."""
    checks = load_checks(settings)
    names = [identity.name for identity, _ in checks]
    with connect(engine) as reading, connect(engine) as writing:
        rows = _rows(logged_interactions(reading, run_id, run_date), checks, settings, run_id, run_date)
        return replace_rows(writing, rows, run_id, run_date, names)


def _rows(
    interactions: Iterator[Interaction], checks: list[Check], settings: Settings, run_id: str, run_date: date
) -> Iterator[tuple[Any, ...]]:
    store_text = settings.privacy.store_text
    for interaction in interactions:
        for identity, function in checks:
            score = score_safely(function, interaction)
            yield evaluation_row(run_id, run_date, interaction, identity, score, store_text=store_text)


def score_safely(function: EvaluatorFn, interaction: Interaction) -> Score:
    """Score one row; an evaluator that breaks on it leaves the row unscored and the night alive."""
    if interaction.status == "error" and not interaction.response:
        return Score.unscored(NO_RESPONSE)
    try:
        return function(interaction)
    except Exception as error:
        return Score.unscored(f"evaluator_error: {type(error).__name__}")
