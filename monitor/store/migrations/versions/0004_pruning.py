"""Where a pruned log begins. Nothing was pruned before there was this table."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "pruning",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("boundary", sa.BigInteger, nullable=False),
        sa.Column("entry", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1"),
    )
