"""Run by Alembic, inside the transaction that `app.store.database` has begun."""

from alembic import context

from app.store.tables import METADATA

context.configure(connection=context.config.attributes["connection"], target_metadata=METADATA)
context.run_migrations()
