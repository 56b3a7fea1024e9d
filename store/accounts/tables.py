"""Tables of sign-in. None of them is a fold of facts; instants are microseconds UTC."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Index,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Table,
    Text,
)

from store.tables import HASH, OPAQUE, SLUG, metadata

account = Table(
    "account",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), primary_key=True),
    Column("login", String(254), nullable=False, unique=True),
    Column("password_hash", Text, nullable=False),
    Column("totp", LargeBinary, nullable=False),
    Column("totp_step", BigInteger, nullable=False),
    Column("enrolled_at", BigInteger, nullable=False),
)
"""``totp`` is sealed; ``totp_step`` is the last half minute whose number was taken, so that none is taken twice."""

one_time_code = Table(
    "one_time_code",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("hash", HASH, nullable=False),
    PrimaryKeyConstraint("person_id", "hash"),
)

passkey = Table(
    "passkey",
    metadata,
    Column("id", HASH, primary_key=True),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("credential", LargeBinary, nullable=False),
    Column("public_key", LargeBinary, nullable=False),
    Column("sign_count", BigInteger, nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Index(None, "person_id"),
)

identity = Table(
    "identity",
    metadata,
    Column("id", HASH, primary_key=True),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("provider", SLUG, nullable=False),
    Column("linked_at", BigInteger, nullable=False),
    Index(None, "person_id"),
)
"""``id`` is a hash of a provider's issuer and its own name for the person."""

enrolment = Table(
    "enrolment",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("totp", LargeBinary),
    Index(None, "person_id"),
)

challenge = Table(
    "challenge",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("kind", SLUG, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Index(None, "expires_at"),
)
"""What waits for the second half of a conversation with a passkey or a provider; taken once."""

signed_in = Table(
    "signed_in",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("how", SLUG, nullable=False),
    Column("began_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("stepped_up_at", BigInteger, nullable=False),
    Column("hat", SLUG),
    Index(None, "person_id"),
    Index(None, "began_at"),
)

device = Table(
    "device",
    metadata,
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("hash", HASH, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("person_id", "hash"),
)
"""Devices on which a person has signed in before; each has its own count of wrong tries."""

wrong_tries = Table(
    "wrong_tries",
    metadata,
    Column("bucket", HASH, primary_key=True),
    Column("person_id", OPAQUE),
    Column("device", HASH),
    Column("tries", Text, nullable=False),
    Column("locked_until", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Index(None, "person_id"),
    Index(None, "changed_at"),
)
"""``bucket`` is a keyed hash of the name that was typed and of a known device, or of none."""

machine_key = Table(
    "machine_key",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("hash", HASH, nullable=False),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("scope", Text, nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index(None, "person_id"),
)

have_it = Table(
    "have_it",
    metadata,
    Column("hash", HASH, primary_key=True),
    Column("task_id", String(26), nullable=False),
    Column("person_id", OPAQUE, ForeignKey("person.id"), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Index(None, "expires_at"),
)
"""Links that say "I have it" of one task for one person, and nothing else."""
