"""Corrected values say what became of them; labelled rows keep their segments. All corrections are made anew."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.add_column("daily_metrics", sa.Column("correction_status", sa.Text))
    op.create_table(
        "label_segments",
        sa.Column("run_date", sa.Date, primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("request_id", "segment_name")),
        sa.Column("segment_value", sa.Text, nullable=False),
    )
    op.execute("UPDATE day_partitions SET is_corrected = FALSE")
