"""What a run's configuration was, key by key, and who began it."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "run_configurations",
        sa.Column("config_hash", sa.Text, primary_key=True),
        sa.Column("code_version", sa.Text, nullable=False),
        sa.Column("parts", JSONB, nullable=False),
        sa.Column("first_used_by", sa.Text, nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "job_runs",
        sa.Column("job", sa.Text, primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("config_hash", sa.Text, nullable=False),
        sa.Column("worker", sa.Text, nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_job_runs_began_at", "job_runs", ["began_at"])
    op.add_column("runs", sa.Column("worker", sa.Text))
    op.add_column("runs", sa.Column("source_views", sa.Text))
