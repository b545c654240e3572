"""Silences, held back messages, when and why an incident was acknowledged.

No entry of an older log makes any: there was no way to acknowledge or to silence.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Create the tables, and the columns of an acknowledgement."""
    op.create_table(
        "silence",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("targets", sa.Text, nullable=False),
        sa.Column("tags", sa.Text, nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=True),
        sa.Column("ended_by", sa.Text, nullable=False),
    )
    op.create_table(
        "held",
        sa.Column("incident", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("by", sa.BigInteger, nullable=False),
        sa.Column("routes", sa.Text, nullable=False),
        sa.Column("at_us", sa.BigInteger, nullable=False),
        sa.Column("released_us", sa.BigInteger, nullable=True),
    )
    op.add_column("incident", sa.Column("acknowledged_us", sa.BigInteger, nullable=True))
    op.add_column(
        "incident",
        sa.Column("acknowledged_reason", sa.Text, nullable=False, server_default=""),
    )
