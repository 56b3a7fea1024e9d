"""The table of who is kept out of which case."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, PrimaryKeyConstraint, String, Table

from store.tables import OPAQUE, SLUG, metadata

__all__ = ["metadata", "shield"]

shield = Table(
    "shield",
    metadata,
    Column("case_id", OPAQUE, nullable=False),
    Column("person_id", OPAQUE, nullable=False),
    Column("reason", String(32), nullable=False),
    Column("by_person", OPAQUE, nullable=False),
    Column("by_agency", SLUG, nullable=False),
    Column("at", BigInteger, nullable=False),
    PrimaryKeyConstraint("case_id", "person_id"),
    Index(None, "person_id"),
)
"""A case that is closed to a person, by themselves ("I know somebody in this case") or by a lead of their agency."""
