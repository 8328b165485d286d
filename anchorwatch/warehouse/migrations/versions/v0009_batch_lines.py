"""Every question of a batch, so that each is booked once; how often a batch was looked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0009"
down_revision = "0008"

_UNDER_WAY = """
    INSERT INTO judge_batch_lines (batch_key, cache_key, request_id, n_chars)
    SELECT b.batch_key, c.cache_key, c.request_id, 0
    FROM judge_claims AS c
    INNER JOIN judge_batches AS b ON 'batch:' || b.batch_key = c.holder
    WHERE b.status IN ('submitting', 'submitted')
"""


def upgrade() -> None:
    op.create_table(
        "judge_batch_lines",
        sa.Column("batch_key", sa.Text, primary_key=True),
        sa.Column("cache_key", sa.Text, primary_key=True),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("n_chars", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Text) for name in ("ending", "outcome")),
        *(sa.Column(name, sa.BigInteger) for name in ("input_tokens", "output_tokens")),
        sa.Column("partial", JSONB),
    )
    op.add_column("judge_batches", sa.Column("ceiling", sa.Text))
    op.add_column("judge_batches", sa.Column("looks", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("judge_batches", sa.Column("is_closed", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("judge_batches", "looks", server_default=None)
    op.alter_column("judge_batches", "is_closed", server_default=None)
    op.execute("UPDATE judge_batches SET is_closed = status NOT IN ('submitting', 'submitted')")
    op.execute(_UNDER_WAY)
