"""A VAPID pair that a push service refuses is kept; a sender that rests hears of its release."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Go one step forward."""
    op.create_table(
        "refused_key",
        sa.Column("vapid_key_id", _ID, nullable=False),
        sa.Column("origin", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("since_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["vapid_key_id"], ["vapid_key.id"], name="fk_refused_key_vapid_key_id"
        ),
        sa.PrimaryKeyConstraint("vapid_key_id", "origin", name="pk_refused_key"),
    )
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            "CREATE TRIGGER refused_key_told AFTER DELETE ON refused_key "
            "FOR EACH STATEMENT EXECUTE FUNCTION tocsin_tell('parcels')"
        )
    else:
        op.execute(
            "CREATE TRIGGER refused_key_told_delete AFTER DELETE ON refused_key "
            "BEGIN UPDATE news SET number = number + 1 WHERE name = 'parcels'; END"
        )
