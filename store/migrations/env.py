"""Alembic's entry: runs migrations on the connection ``store.schema`` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from store.edge_tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
