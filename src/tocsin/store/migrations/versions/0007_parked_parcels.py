"""A parcel counts the leases that nobody gave back, so that one that fells senders is set aside."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Go one step forward."""
    op.add_column(
        "parcel", sa.Column("recoveries", sa.Integer, nullable=False, server_default=sa.text("0"))
    )
