"""Alembic's entry point: runs the migrations on the connection that `initialise` hands over."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], version_table="anchorwatch_version")
with context.begin_transaction():
    context.run_migrations()
