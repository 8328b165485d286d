"""Latency by query type, so that percentiles are compared at the baseline's mix; what a day cost in all.

Days stored before this version have none; running them again fills them from cached answers. Until then their
percentiles are compared as they are.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "latency_cells",
        sa.Column("run_date", sa.Date, primary_key=True),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("segment_name", "segment_value", "cell")),
        sa.Column("n", sa.BigInteger, nullable=False),
        *(sa.Column(name, sa.Numeric, nullable=False) for name in ("sum_weights", "sum_squared_weights")),
        sa.Column("buckets", ARRAY(sa.BigInteger), nullable=False),
        sa.Column("weights", ARRAY(sa.Numeric), nullable=False),
    )
    op.create_table(
        "daily_costs",
        sa.Column("run_date", sa.Date, primary_key=True),
        *(sa.Column(name, sa.BigInteger, nullable=False) for name in ("n", "n_without_cost")),
        *(sa.Column(name, sa.Numeric, nullable=False) for name in ("requests", "requests_without_cost")),
        *(sa.Column(name, sa.Numeric) for name in ("total_usd", "total_variance")),
    )
