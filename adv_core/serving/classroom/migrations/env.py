"""The script that Alembic runs for each command."""

from alembic import context

from adv_core.serving.classroom.tables import metadata

# The transaction belongs to the caller. SQLite changes a table by writing a new one.
context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
