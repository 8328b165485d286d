"""Find pending alerts without reading all that were ever sent."""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_index("ix_alerts_channel_status", "alerts", ["channel", "status"])
