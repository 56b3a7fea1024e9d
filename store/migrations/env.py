"""Alembic's entry: runs migrations on the connection ``store.schema`` opened, in its transaction."""

from __future__ import annotations

from alembic import context

from store.accounts import tables as account_tables
from store.audit import tables as audit_tables
from store.edge_tables import metadata
from store.erasure import tables as _erasure  # noqa: F401 - as below
from store.migrating import tables as _moves  # noqa: F401 - as below
from store.notices import tables as _notices  # noqa: F401 - as below
from store.policy import tables as _shields  # noqa: F401 - its tables are in the metadata by being imported
from store.releases import tables as release_tables
from store.revisions import tables as _revisions  # noqa: F401 - as below

_ = account_tables, audit_tables, release_tables
"""Its tables are on the same metadata."""

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
context.run_migrations()
