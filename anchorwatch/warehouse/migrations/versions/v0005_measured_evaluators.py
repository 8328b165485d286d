"""Several judges a row, anchors, labels of people and the corrections they allow; what metrics and epochs mean."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"

_SCORE = ("evaluator_version", "epoch")


def upgrade() -> None:
    _create_opinions()
    _create_labels()
    _create_reference()
    for name in ("corrected_value", "corrected_ci_low", "corrected_ci_high"):
        op.add_column("daily_metrics", sa.Column(name, sa.Double))
    op.add_column("daily_metrics", sa.Column("n_labels", sa.BigInteger))
    op.add_column("daily_metrics", sa.Column("correction", sa.Text))
    op.add_column("drift_findings", sa.Column("judge_suspected", sa.Boolean))
    op.add_column("day_partitions", sa.Column("is_corrected", sa.Boolean, nullable=False, server_default=sa.false()))
    op.execute("UPDATE day_partitions SET derived_hash = NULL")


def _key(*names: str) -> list[sa.Column[Any]]:
    days = [sa.Column(name, sa.Date, primary_key=True) for name in names if name == "run_date"]
    return days + [sa.Column(name, sa.Text, primary_key=True) for name in names if name != "run_date"]


def _texts(*names: str, nullable: bool = True) -> list[sa.Column[Any]]:
    return [sa.Column(name, sa.Text, nullable=nullable) for name in names]


def _value() -> sa.Column[Any]:
    return sa.Column("value", sa.Double)


def _create_opinions() -> None:
    op.create_table(
        "work_opinions",
        sa.Column("run_id", sa.Text, primary_key=True),
        *_key("run_date", "request_id", "role", "evaluator"),
        *_texts(*_SCORE, nullable=False),
        _value(),
        *_texts("label", "explanation", "unscored_reason", "judge_model"),
        sa.Column("trimmed_chars", sa.BigInteger),
        *_texts("escalation"),
        sa.Column("expected", sa.Double),
    )
    op.create_table(
        "judge_opinions",
        *_key("run_date", "request_id", "role", "evaluator"),
        *_texts(*_SCORE, nullable=False),
        _value(),
        *_texts("label", "unscored_reason", "judge_model", "escalation"),
    )
    op.create_table(
        "anchor_readings",
        *_key("run_date", "anchor_id", "evaluator"),
        *_texts(*_SCORE, nullable=False),
        _value(),
        *_texts("label", "unscored_reason", "judge_model"),
        sa.Column("expected", sa.Double, nullable=False),
        sa.Column("agrees", sa.Boolean),
    )


def _create_labels() -> None:
    op.create_table(
        "human_labels",
        *_key("run_date", "request_id", "evaluator", "labeller"),
        sa.Column("value", sa.Double, nullable=False),
        *_texts("label", nullable=False),
        sa.Column("imported_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_human_labels_evaluator_run_date", "human_labels", ["evaluator", "run_date"])
    op.create_table(
        "label_draws",
        *_key("run_date", "request_id"),
        sa.Column("probability", sa.Double, nullable=False),
        *_texts("reasons", nullable=False),
        sa.Column("drawn_at", sa.DateTime(timezone=True), nullable=False),
    )


def _create_reference() -> None:
    op.create_table(
        "epochs",
        sa.Column("epoch", sa.Text, primary_key=True),
        *_texts("evaluator", "evaluator_version", nullable=False),
        *_texts("judge_models", "rubric_version", "redaction_version"),
        sa.Column("parameters", JSONB, nullable=False),
    )
    op.create_table(
        "metric_catalogue",
        sa.Column("metric", sa.Text, primary_key=True),
        *_texts("unit", "worse", "estimator", "source", nullable=False),
        *_texts("evaluator"),
        sa.Column("is_complement", sa.Boolean, nullable=False),
        *_texts("description", nullable=False),
    )
