"""Drafts may be written anew; rules and acts are only ever added to."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, PrimaryKeyConstraint, String, Table, Text

from store.tables import HASH, OPAQUE, SLUG, metadata

council_rules = Table(
    "council_rules",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("text", Text, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", OPAQUE, nullable=False),
)

revision = Table(
    "revision",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("slug", SLUG, nullable=False),
    Column("base", HASH, nullable=False),
    Column("text", Text, nullable=False),
    Column("plan", Text, nullable=True),
    Column("aims", Text, nullable=False),
    Column("emergency", Boolean, nullable=False),
    Column("effective_at", BigInteger, nullable=True),
    Column("sponsor", SLUG, nullable=False),
    Column("by", OPAQUE, nullable=False),
    Column("begun_at", BigInteger, nullable=False),
    Column("touched_at", BigInteger, nullable=False),
    Column("run", OPAQUE, nullable=True),
)
"""``run`` is the migration that was ordered when it was published."""

revision_act = Table(
    "revision_act",
    metadata,
    Column("revision", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    PrimaryKeyConstraint("revision", "seq"),
)

rehearsal = Table(
    "rehearsal",
    metadata,
    Column("revision", Integer, nullable=False),
    Column("bundle", HASH, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", OPAQUE, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("source", String(8), nullable=False),
    Column("report", Text, nullable=False),
    Column("drawing", Text, nullable=False),
    PrimaryKeyConstraint("revision", "bundle"),
)
"""What a rehearsal of a revision, as it was then to the byte, came to: counts of modelled cases, none under five."""
