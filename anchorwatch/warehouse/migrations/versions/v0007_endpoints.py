"""What endpoints take, and calls whose usage is an estimate."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("judge_calls", sa.Column("is_estimated", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("judge_calls", "is_estimated", server_default=None)
    op.create_table(
        "judge_endpoints",
        sa.Column("endpoint", sa.Text, primary_key=True),
        sa.Column("judge_model", sa.Text, primary_key=True),
        sa.Column("form", sa.Text, nullable=False),
        sa.Column("learned", sa.Text),
        sa.Column("checked_at", sa.DateTime(timezone=True), nullable=False),
    )
