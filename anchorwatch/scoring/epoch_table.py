"""What the epochs of the configuration stand for, where people can look it up."""

import json
from typing import Any

import sqlalchemy as sa

from anchorwatch.scoring.checks import load_checks
from anchorwatch.scoring.epochs import judge_identities, judge_parameters
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings

_INSERT = sa.text(
    "INSERT INTO epochs "
    "(epoch, evaluator, evaluator_version, judge_models, rubric_version, redaction_version, parameters) "
    "VALUES (:epoch, :evaluator, :evaluator_version, :judge_models, :rubric_version, :redaction_version, "
    "CAST(:parameters AS JSONB)) ON CONFLICT (epoch) DO NOTHING"
)


def store_epochs(connection: sa.Connection, settings: Settings) -> None:
    """Store what each configured evaluator's epoch stands for."""
    options = {chosen.name: chosen.options for chosen in settings.evaluators}
    rows: list[dict[str, Any]] = []
    for identity, _ in load_checks(settings):
        rows.append(_row(identity.epoch, identity.name, identity.version, options[identity.name]))
    if settings.judge.enabled:
        review = make_review(settings)
        told = judge_parameters(settings.judge, review)
        versions = {
            "judge_models": ", ".join(settings.judge.models),
            "rubric_version": review.rubric_version,
            "redaction_version": review.redaction_version,
        }
        for identity in judge_identities(settings.judge, review):
            rows.append(_row(identity.epoch, identity.name, identity.version, told) | versions)
    if rows:
        connection.execute(_INSERT, sorted(rows, key=lambda row: str(row["epoch"])))


def _row(epoch: str, name: str, version: str, parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        "epoch": epoch,
        "evaluator": name,
        "evaluator_version": version,
        "judge_models": None,
        "rubric_version": None,
        "redaction_version": None,
        "parameters": json.dumps(parameters, sort_keys=True),
    }
