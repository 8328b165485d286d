"""What the epochs of the configuration stand for, where people can look it up."""

import json
from datetime import date
from typing import Any

import sqlalchemy as sa

from anchorwatch.errors import QualityGateFailed
from anchorwatch.scoring.checks import load_checks
from anchorwatch.scoring.epochs import judge_identities, judge_parameters
from anchorwatch.scoring.reviews import make_review
from anchorwatch.settings import Settings
from anchorwatch.warehouse import query

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


def require_one_epoch(connection: sa.Connection, run_id: str, run_date: date) -> None:
    """Check that a run scored all its rows by one epoch of each evaluator, whatever may have gone wrong before.

    Raises:
        QualityGateFailed: It did not; the message names evaluators and epochs.
    """
    found = connection.execute(query("work_evaluations", "epochs"), {"run_id": run_id, "run_date": run_date}).all()
    if found:
        mixed = "; ".join(f"{row.evaluator}: {row.epochs}" for row in found)
        raise QualityGateFailed(
            f"run {run_id} of {run_date} scored with more than one epoch of an evaluator: {mixed}. No result was "
            "published. Give every worker the same configuration and clear the run from its first task; answers of "
            "the judge come from the cache"
        )


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
