"""Experiments with their questions, participants and answers."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """Four new tables."""
    op.create_table(
        "experiments",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("collection", sa.String(64), nullable=False),
        sa.Column("choices", sa.Integer, nullable=False),
        sa.Column("seed", sa.Integer, nullable=False),
        sa.Column("consent", sa.Text, nullable=False),
        sa.Column("plan", sa.JSON, nullable=False),
        sa.Column("created", sa.Float, nullable=False),
    )
    op.create_table(
        "questions",
        sa.Column("id", sa.Integer, primary_key=True),
        _belongs("experiment_id", "experiments.id"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("condition", sa.String(200), nullable=False),
        sa.Column("catch", sa.Boolean, nullable=False),
        sa.Column("query", sa.String(500), nullable=False),
        sa.Column("query_key", sa.String(64), nullable=False),
        sa.Column("options", sa.JSON, nullable=False),
        sa.Column("mate", sa.Integer, nullable=False),
        sa.UniqueConstraint("experiment_id", "number", name="one_question_a_number"),
    )
    op.create_table(
        "participants",
        sa.Column("id", sa.Integer, primary_key=True),
        _belongs("experiment_id", "experiments.id"),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("code", sa.String(32), nullable=False, unique=True),
        sa.Column("joined", sa.Float, nullable=False),
        sa.UniqueConstraint("experiment_id", "number", name="one_person_a_number"),
    )
    op.create_table(
        "answers",
        sa.Column("id", sa.Integer, primary_key=True),
        _belongs("participant_id", "participants.id"),
        _belongs("question_id", "questions.id"),
        sa.Column("option", sa.Integer, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.Column("answered", sa.Float, nullable=False),
        sa.UniqueConstraint("participant_id", "question_id", name="one_answer_a_question"),
    )
    op.create_index("ix_answers_question_id", "answers", ["question_id"])


def _belongs(name: str, other: str) -> sa.Column:
    return sa.Column(name, sa.Integer, sa.ForeignKey(other, ondelete="CASCADE"), nullable=False)
