"""Alembic's entry; `database.migrate` hands it an open connection inside a transaction."""

from alembic import context

from simcore.data.answers.schema import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
context.run_migrations()
