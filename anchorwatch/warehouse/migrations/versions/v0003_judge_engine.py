"""Claims, budget, batches and costs of the judge; what a judged row did not show it."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for table in ("evaluations", "work_evaluations"):
        op.add_column(table, sa.Column("trimmed_chars", sa.BigInteger))
    # Before this version every call asked for both, in real time.
    op.add_column("judge_calls", _filled("evaluators", sa.Text, "hallucination,quality"))
    op.add_column("judge_calls", _filled("mode", sa.Text, "realtime"))
    op.add_column("judge_calls", _filled("cached_input_tokens", sa.BigInteger, "0"))
    for column in ("evaluators", "mode", "cached_input_tokens"):
        op.alter_column("judge_calls", column, server_default=None)
    op.drop_index("ix_judge_calls_run_date", "judge_calls")
    op.create_index("ix_judge_calls_run_date_request_id", "judge_calls", ["run_date", "request_id"])
    op.create_table(
        "judge_claims",
        sa.Column("cache_key", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("budget_scope", sa.Text, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("reserved_usd", sa.Numeric, nullable=False),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_judge_claims_holder", "judge_claims", ["holder"])
    op.create_table(
        "judge_budget",
        sa.Column("scope", sa.Text, primary_key=True),
        sa.Column("spent_usd", sa.Numeric, nullable=False),
    )
    _create_batches()
    _create_costs()


def _filled(name: str, kind: type[sa.Text] | type[sa.BigInteger], value: str) -> "sa.Column[Any]":
    return sa.Column(name, kind, nullable=False, server_default=value)


def _create_batches() -> None:
    op.create_table(
        "judge_batches",
        sa.Column("batch_key", sa.Text, primary_key=True),
        sa.Column("batch_id", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("api_status", sa.Text),
        sa.Column("judge_model", sa.Text, nullable=False),
        sa.Column("run_id", sa.Text, nullable=False),
        sa.Column("run_date", sa.Date, nullable=False),
        sa.Column("shard", sa.BigInteger, nullable=False),
        sa.Column("requests", sa.BigInteger, nullable=False),
        sa.Column("answered", sa.BigInteger),
        sa.Column("submitted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_judge_batches_run_date", "judge_batches", ["run_date"])


def _create_costs() -> None:
    op.create_table(
        "judge_costs",
        sa.Column("run_date", sa.Date, primary_key=True),
        sa.Column("evaluator", sa.Text, primary_key=True),
        sa.Column("segment_name", sa.Text, primary_key=True),
        sa.Column("segment_value", sa.Text, primary_key=True),
        sa.Column("paid", sa.BigInteger, nullable=False),
        sa.Column("cached", sa.BigInteger, nullable=False),
        sa.Column("input_tokens", sa.Numeric, nullable=False),
        sa.Column("output_tokens", sa.Numeric, nullable=False),
        sa.Column("cost_usd", sa.Numeric),
    )
