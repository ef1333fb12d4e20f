"""What annotators say of pairs."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One new table."""
    op.create_table(
        "judgements",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("query", sa.String(500), nullable=False),
        sa.Column("query_key", sa.String(64), nullable=False),
        sa.Column("mate", sa.String(500), nullable=False),
        sa.Column("mate_key", sa.String(64), nullable=False),
        sa.Column("annotator", sa.String(60), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("said", sa.Float, nullable=False),
        sa.Column("undone", sa.Boolean, nullable=False),
    )
    op.create_index("judgements_of_a_pair", "judgements", ["collection", "query_key", "mate_key"])
