"""The runs and their cases. A case's result is a code and a place in the text: nothing that was said in the case."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, PrimaryKeyConstraint, Table, Text

from store.tables import HASH, OPAQUE, REF, SLUG, metadata

migration_run = Table(
    "migration_run",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("slug", SLUG, nullable=False),
    Column("target", HASH, nullable=False),
    Column("plan", Text, nullable=False),
    Column("stage", SLUG, nullable=False),
    Column("waits_until", BigInteger, nullable=True),
    Column("ordered_at", BigInteger, nullable=False),
    Column("ordered_by", OPAQUE, nullable=False),
)

migration_item = Table(
    "migration_item",
    metadata,
    Column("run", OPAQUE, nullable=False),
    Column("case_id", OPAQUE, nullable=False),
    Column("was", HASH, nullable=False),
    Column("first", Boolean, nullable=False),
    Column("result", SLUG, nullable=False),
    Column("code", SLUG, nullable=True),
    Column("place", REF, nullable=True),
    Column("tries", Integer, nullable=False),
    Column("not_before", BigInteger, nullable=False),
    Column("at", BigInteger, nullable=True),
    PrimaryKeyConstraint("run", "case_id"),
    Index(None, "run", "result"),
)
"""``was`` is the text that the case ran on when the run was ordered: where it goes back to."""
