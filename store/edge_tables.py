"""Tables that no fact fills: people and rotas, what the edge remembers, and the vault."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from store.tables import HASH, OPAQUE, SLUG, metadata

__all__ = [
    "agency",
    "calendar_feed",
    "idempotency",
    "key_card",
    "metadata",
    "notice_receipt",
    "person",
    "person_role",
    "rota",
    "source_key",
    "vault_record",
    "vault_value",
]

# People.

agency = Table(
    "agency",
    metadata,
    Column("id", SLUG, primary_key=True),
    Column("name", Text, nullable=False),
    Column("confidential", Boolean, nullable=False),
)

person = Table(
    "person",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("name", Text, nullable=False),
    Column("agency", SLUG, ForeignKey("agency.id"), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("email", Text),
    Column("sources", Text, nullable=False),
    Column("token_hash", HASH, unique=True),
    Column("active", Boolean, nullable=False),
    Index(None, "agency"),
)

person_role = Table(
    "person_role",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("role", SLUG, nullable=False),
    PrimaryKeyConstraint("person_id", "role"),
)

rota = Table(
    "rota",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("role", SLUG, nullable=False),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Column("covers", OPAQUE),
    Column("asked_at", BigInteger),
    Index(None, "role", "starts_at"),
    Index(None, "person_id"),
)
"""One shift. ``covers``: whose it was before somebody said yes; ``asked_at``: since when cover is asked for."""

calendar_feed = Table(
    "calendar_feed",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), primary_key=True),
    Column("hash", HASH, nullable=False, unique=True),
    Column("made_at", BigInteger, nullable=False),
)
"""The secret of the address at which somebody's calendar fetches their shifts, hashed."""

notice_receipt = Table(
    "notice_receipt",
    metadata,
    Column("notice_id", String(26), primary_key=True),
    Column("person_id", OPAQUE, nullable=False),
    Column("read_at", BigInteger, nullable=False),
)
"""Who read a notice and when; no fact says so, so it is not part of the read model."""

# At the edge.

idempotency = Table(
    "idempotency",
    metadata,
    Column("scope", String(128), nullable=False),
    Column("key", String(255), nullable=False),
    Column("body_hash", HASH, nullable=False),
    Column("status", Integer, nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("scope", "key"),
    Index(None, "created_at"),
)

source_key = Table(
    "source_key",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)
"""A keyed hash of a source agency and its own number, and the case it opened."""

# The vault.

key_card = Table(
    "key_card",
    metadata,
    Column("agency", SLUG, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("suite", String(48), nullable=False),
    Column("public", LargeBinary, nullable=False),
    PrimaryKeyConstraint("agency", "epoch"),
)

vault_record = Table(
    "vault_record",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("keeper", SLUG, nullable=False),
    Column("command_id", OPAQUE, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("suite", String(48), nullable=False),
    Column("wrapped", LargeBinary, nullable=False),
)

vault_value = Table(
    "vault_value",
    metadata,
    Column("ref", OPAQUE, primary_key=True),
    Column("record_id", OPAQUE, ForeignKey("vault_record.id"), nullable=False),
    Column("case_id", OPAQUE, nullable=False),
    Column("command_id", OPAQUE, nullable=False),
    Column("field", SLUG, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", String(12), nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("nonce", LargeBinary, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    UniqueConstraint("case_id", "command_id", "field"),
    Index(None, "record_id"),
    Index(None, "state", "created_at"),
)

figure = Table(
    "figure",
    metadata,
    Column("period", String(8), nullable=False),
    Column("slug", SLUG, nullable=False),
    Column("from_agency", SLUG, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("step", SLUG, nullable=False),
    Column("confidential", Boolean, nullable=False),
    Column("n", Integer, nullable=False),
    Column("kept", Integer, nullable=False),
    Column("usual", Integer),
    Column("most", Integer),
    Column("told", String(12), nullable=False),
    PrimaryKeyConstraint("period", "slug", "from_agency", "agency", "step"),
)
"""One kind of handoff in one month, quarter or year, as it was when that froze; ``told``: how much is (``hiding``)."""

frozen_period = Table(
    "frozen_period",
    metadata,
    Column("period", String(8), primary_key=True),
    Column("at", BigInteger, nullable=False),
)
"""The months, quarters and years whose figures change no more."""
