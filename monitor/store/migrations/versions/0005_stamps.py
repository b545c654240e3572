"""Time-stamp tokens on checkpoints. No authority was asked before there was this table."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "stamp",
        sa.Column("sha256", sa.LargeBinary, primary_key=True),
        sa.Column("authority", sa.Text, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("note", sa.LargeBinary, nullable=False),
        sa.Column("reply", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
