"""Tasks other than choosing one image: rankings, timed exposure."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """New columns; experiments of before ask for one image, which stays until the answer."""
    op.add_column(
        "experiments", sa.Column("task", sa.String(20), nullable=False, server_default="mafc")
    )
    for name in ("exposure", "gap"):
        op.add_column(
            "experiments", sa.Column(name, sa.Integer, nullable=False, server_default="0")
        )
    op.add_column("answers", sa.Column("second", sa.Integer, nullable=False, server_default="-1"))
    op.add_column("answers", sa.Column("exposed", sa.Float, nullable=False, server_default="0"))
