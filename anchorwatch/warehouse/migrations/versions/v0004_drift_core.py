"""Sums by query type, the detector's state, what people said of findings, and findings with evidence.

Findings and baselines are derived: they are made anew from the day tables, in the new form, by the next
`derive`. Days stored before this version have no cells; running them again fills them from cached answers.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0004"
down_revision = "0003"

_STREAM = ("metric", "segment_name", "segment_value", "epoch", "direction")


def upgrade() -> None:
    _create_cells()
    _create_state()
    op.execute("DROP VIEW IF EXISTS bi_findings")
    op.drop_table("baselines")
    op.drop_table("drift_findings")
    _create_baselines()
    _create_findings()
    op.execute("UPDATE day_partitions SET derived_hash = NULL")


def _key(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, primary_key=True) for name in names]


def _day() -> sa.Column[Any]:
    return sa.Column("run_date", sa.Date, primary_key=True)


def _needed(kind: Any, *names: str) -> list[sa.Column[Any]]:
    return [sa.Column(name, kind, nullable=False) for name in names]


def _create_cells() -> None:
    op.create_table(
        "daily_cells",
        _day(),
        *_key("metric", "segment_name", "segment_value", "epoch", "cell"),
        *_needed(sa.BigInteger, "n"),
        *_needed(sa.Numeric, "sum_weights", "weighted_sum", "sum_squared_weights"),
        *_needed(sa.Numeric, "squared_weighted_sum", "squared_weighted_squares"),
        sa.Column("proxy_sum", sa.Numeric),
        *_needed(sa.Numeric, "traffic"),
        sa.Column("traffic_proxy_sum", sa.Numeric),
    )


def _create_state() -> None:
    op.create_table(
        "detector_state",
        _day(),
        *_key("watch", *_STREAM),
        *_needed(JSONB, "state"),
        *_needed(sa.Text, "config_hash"),
    )
    op.create_table(
        "finding_acks",
        sa.Column("ack_id", sa.BigInteger, sa.Identity(), primary_key=True),
        *_needed(sa.Date, "run_date"),
        *_needed(sa.Text, *_STREAM, "decision"),
        sa.Column("acked_by", sa.Text),
        sa.Column("note", sa.Text),
        *_needed(sa.DateTime(timezone=True), "acked_at"),
    )
    op.create_index("ix_finding_acks_run_date", "finding_acks", ["run_date"])


def _create_baselines() -> None:
    op.create_table(
        "baselines",
        _day(),
        *_key(*_STREAM),
        *_needed(sa.Date, "baseline_from", "baseline_to"),
        *_needed(sa.Double, "value", "standard_error", "process_sd", "persistence", "weekday_effect"),
        *_needed(sa.BigInteger, "n", "n_days"),
        *_needed(sa.Text, "set_by", "reason"),
    )


def _create_findings() -> None:
    op.create_table(
        "drift_findings",
        _day(),
        *_key("rule_id", *_STREAM),
        *_needed(sa.Text, "kind", "status", "severity"),
        *_needed(sa.Boolean, "is_news"),
        *(sa.Column(name, sa.Text) for name in ("part_of_name", "part_of_value")),
        *(sa.Column(name, sa.Double) for name in ("value", "baseline_value", "change", "ci_low", "ci_high")),
        *(sa.Column(name, sa.Double) for name in ("z", "evidence", "evidence_needed")),
        *(sa.Column(name, sa.BigInteger) for name in ("n", "baseline_n", "tested_days")),
        *(sa.Column(name, sa.Date) for name in ("first_day", "firing_since")),
        *(sa.Column(name, sa.Double) for name in ("mix_effect", "within_effect")),
        *(sa.Column(name, JSONB) for name in ("explained_by", "example_request_ids")),
        sa.Column("reason", sa.Text),
    )
    op.create_index("ix_drift_findings_run_date_status", "drift_findings", ["run_date", "status"])
