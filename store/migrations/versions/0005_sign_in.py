"""sign-in"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def _person(name: str = "person_id") -> sa.Column[str]:
    return sa.Column(name, sa.String(length=64), nullable=False)


def _whose(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f(f"fk_{table}_person_id"))


def upgrade() -> None:
    _accounts()
    _passkeys()
    _waiting()
    _sessions()
    _machines()


def _accounts() -> None:
    op.create_table(
        "account",
        _person(),
        sa.Column("login", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=False),
        sa.Column("totp_step", sa.BigInteger(), nullable=False),
        sa.Column("enrolled_at", sa.BigInteger(), nullable=False),
        _whose("account"),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_account")),
        sa.UniqueConstraint("login", name=op.f("uq_account_login")),
    )
    op.create_table(
        "one_time_code",
        _person(),
        sa.Column("hash", sa.String(length=64), nullable=False),
        _whose("one_time_code"),
        sa.PrimaryKeyConstraint("person_id", "hash", name=op.f("pk_one_time_code")),
    )


def _passkeys() -> None:
    op.create_table(
        "passkey",
        sa.Column("id", sa.String(length=64), nullable=False),
        _person(),
        sa.Column("credential", sa.LargeBinary(), nullable=False),
        sa.Column("public_key", sa.LargeBinary(), nullable=False),
        sa.Column("sign_count", sa.BigInteger(), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        _whose("passkey"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkey")),
    )
    op.create_index(op.f("ix_passkey_person_id"), "passkey", ["person_id"])
    op.create_table(
        "identity",
        sa.Column("id", sa.String(length=64), nullable=False),
        _person(),
        sa.Column("provider", sa.String(length=64), nullable=False),
        sa.Column("linked_at", sa.BigInteger(), nullable=False),
        _whose("identity"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
    )
    op.create_index(op.f("ix_identity_person_id"), "identity", ["person_id"])


def _waiting() -> None:
    op.create_table(
        "enrolment",
        sa.Column("hash", sa.String(length=64), nullable=False),
        _person(),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("totp", sa.LargeBinary(), nullable=True),
        _whose("enrolment"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_enrolment")),
    )
    op.create_index(op.f("ix_enrolment_person_id"), "enrolment", ["person_id"])
    op.create_table(
        "challenge",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_challenge")),
    )
    op.create_index(op.f("ix_challenge_expires_at"), "challenge", ["expires_at"])


def _sessions() -> None:
    op.create_table(
        "signed_in",
        sa.Column("hash", sa.String(length=64), nullable=False),
        _person(),
        sa.Column("how", sa.String(length=64), nullable=False),
        sa.Column("began_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("stepped_up_at", sa.BigInteger(), nullable=False),
        _whose("signed_in"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_signed_in")),
    )
    op.create_index(op.f("ix_signed_in_person_id"), "signed_in", ["person_id"])
    op.create_index(op.f("ix_signed_in_began_at"), "signed_in", ["began_at"])
    op.create_table(
        "device",
        _person(),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        _whose("device"),
        sa.PrimaryKeyConstraint("person_id", "hash", name=op.f("pk_device")),
    )
    op.create_table(
        "wrong_tries",
        sa.Column("bucket", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=True),
        sa.Column("device", sa.String(length=64), nullable=True),
        sa.Column("tries", sa.Text(), nullable=False),
        sa.Column("locked_until", sa.BigInteger(), nullable=False),
        sa.Column("changed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("bucket", name=op.f("pk_wrong_tries")),
    )
    op.create_index(op.f("ix_wrong_tries_person_id"), "wrong_tries", ["person_id"])
    op.create_index(op.f("ix_wrong_tries_changed_at"), "wrong_tries", ["changed_at"])


def _machines() -> None:
    op.create_table(
        "machine_key",
        sa.Column("id", sa.String(length=16), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        _person(),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        _whose("machine_key"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_machine_key")),
    )
    op.create_index(op.f("ix_machine_key_person_id"), "machine_key", ["person_id"])
    op.create_table(
        "have_it",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("task_id", sa.String(length=26), nullable=False),
        _person(),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=True),
        _whose("have_it"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_have_it")),
    )
    op.create_index(op.f("ix_have_it_expires_at"), "have_it", ["expires_at"])


def downgrade() -> None:
    for each in (
        "have_it",
        "machine_key",
        "wrong_tries",
        "device",
        "signed_in",
        "challenge",
        "enrolment",
        "identity",
        "passkey",
        "one_time_code",
        "account",
    ):
        op.drop_table(each)
