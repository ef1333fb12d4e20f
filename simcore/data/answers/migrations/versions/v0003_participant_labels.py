"""The ids that participants have elsewhere, such as on Prolific."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """One new column; participants of before have no such id."""
    op.add_column(
        "participants", sa.Column("label", sa.String(100), nullable=False, server_default="")
    )
