"""The audit's tables. All but ``audit_breach`` are added to and never changed: migration 0004's triggers see to it."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    UniqueConstraint,
)

from store.tables import HASH, OPAQUE, SLUG, metadata

CHAIN = String(80)
KIND = String(16)

audit_row = Table(
    "audit_row",
    metadata,
    Column("chain", CHAIN, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("agency", SLUG),
    Column("kind", KIND, nullable=False),
    Column("request", OPAQUE, nullable=False),
    Column("about", LargeBinary, nullable=False),
    Column("key", HASH, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("prev", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    PrimaryKeyConstraint("chain", "n"),
)
"""``n`` counts a chain's rows from 1. ``about`` is a string of marks, one for each case of a page of several."""

audit_key = Table(
    "audit_key",
    metadata,
    Column("id", HASH, primary_key=True),
    Column("agency", SLUG, nullable=False),
    Column("record", OPAQUE, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("suite", String(48), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
)
"""Keys of details, sealed to an agency's card as a protected value is. ``id`` is the hash of all the rest."""

audit_leaf = Table(
    "audit_leaf",
    metadata,
    Column("place", Integer, nullable=False),
    Column("head", Integer, nullable=False),
    Column("chain", CHAIN, nullable=False),
    Column("length", Integer, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("leaf", LargeBinary, nullable=False),
    PrimaryKeyConstraint("place", "head"),
    UniqueConstraint("chain", "length"),
)
"""How long a chain was at a head, where that had changed since the head before. A chain keeps its place in the tree."""

audit_head = Table(
    "audit_head",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("previous", LargeBinary, nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
)

audit_checkpoint = Table(
    "audit_checkpoint",
    metadata,
    Column("chain", CHAIN, nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    PrimaryKeyConstraint("chain", "n"),
)
"""Rows of a chain before ``n`` were dropped at an instant; row ``n`` stays, so that its age can be told."""

audit_breach = Table(
    "audit_breach",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("kind", String(24), nullable=False),
    Column("chain", CHAIN, nullable=False),
    Column("n", Integer, nullable=False),
    Column("found_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    Column("answered_by", OPAQUE),
    UniqueConstraint("kind", "chain", "n"),
    Index(None, "answered_at", "due_at"),
)
"""What was found broken, and until when the funder's contact is to hear of it."""
