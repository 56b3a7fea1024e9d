"""The tables of a keyholder's own database: its people, what it granted, who may call it, and what it opened."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, Table, Text

from store.tables import NAMING

metadata = MetaData(naming_convention=NAMING)

person = Table(
    "person",
    metadata,
    Column("name", Text, primary_key=True),
    Column("password", Text, nullable=False),
    Column("totp", Text, nullable=False),
    Column("last_step", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tries_from", BigInteger, nullable=False),
)
"""``password`` is an argon2id hash; ``last_step`` the newest half minute whose code was used; instants are seconds."""

granted = Table(
    "granted",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("issued_at", BigInteger, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)

client = Table(
    "client",
    metadata,
    Column("fingerprint", Text, primary_key=True),
    Column("certificate", Text, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
)

code = Table(
    "code",
    metadata,
    Column("hash", Text, primary_key=True),
    Column("ends_at", BigInteger, nullable=False),
)

seen = Table(
    "seen",
    metadata,
    Column("nonce", Text, primary_key=True),
    Column("at", BigInteger, nullable=False),
)

glass = Table(
    "glass",
    metadata,
    Column("id", Text, primary_key=True),
    Column("case_id", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("second", Text),
    Column("ends_at", BigInteger),
)
"""Who asked to see a case that is not theirs, and who let them until when; both proved themselves here."""

audit = Table(
    "audit",
    metadata,
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("client", Text, nullable=False),
    Column("person", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("cases", Text, nullable=False),
    Column("records", Integer, nullable=False),
    Column("hash", Text, nullable=False),
    Index("ix_audit_person_at", "person", "at"),
)
"""One chain: ``hash`` covers the row and the hash before it. ``cases`` are ids, by comma."""
