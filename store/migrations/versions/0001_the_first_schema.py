"""the first schema"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "agency",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agency")),
    )
    op.create_table(
        "case_code",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_code")),
        sa.UniqueConstraint("code", name=op.f("uq_case_code_code")),
    )
    op.create_table(
        "case_file",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("code", sa.String(length=8), nullable=False),
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("protocol_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=8), nullable=False),
        sa.Column("status_owner", sa.String(length=64), nullable=True),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("recorded_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", name=op.f("pk_case_file")),
        sa.UniqueConstraint("code", name=op.f("uq_case_file_code")),
    )
    with op.batch_alter_table("case_file", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_case_file_opened_at_code"), ["opened_at", "code"], unique=False)

    op.create_table(
        "fact",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("protocol_hash", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("lane", sa.String(length=64), nullable=True),
        sa.Column("agency", sa.String(length=64), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=True),
        sa.Column("task_id", sa.String(length=26), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_fact")),
    )
    op.create_table(
        "field_value",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "field", name=op.f("pk_field_value")),
    )
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.String(length=128), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
    )
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_idempotency_created_at"), ["created_at"], unique=False)

    op.create_table(
        "key_card",
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(length=48), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency", "epoch", name=op.f("pk_key_card")),
    )
    op.create_table(
        "notice",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("how", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=24), nullable=False),
        sa.Column("rung", sa.String(length=80), nullable=True),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("task_id", sa.String(length=26), nullable=True),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("recorded", sa.BigInteger(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=True),
        sa.Column("repeat", sa.Integer(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "seq", "role", name=op.f("pk_notice")),
        sa.UniqueConstraint("id", name=op.f("uq_notice_id")),
    )
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_notice_agency_role_recorded"), ["agency", "role", "recorded"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_notice_recorded_id"), ["recorded", "id"], unique=False)

    op.create_table(
        "notice_receipt",
        sa.Column("notice_id", sa.String(length=26), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("read_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("notice_id", name=op.f("pk_notice_receipt")),
    )
    op.create_table(
        "party",
        sa.Column("protocol_hash", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("protocol_hash", "agency", name=op.f("pk_party")),
    )
    op.create_table(
        "protocol_version",
        sa.Column("slug", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("compiled", sa.LargeBinary(), nullable=False),
        sa.Column("published_at", sa.BigInteger(), nullable=False),
        sa.Column("published_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("slug", "version", name=op.f("pk_protocol_version")),
        sa.UniqueConstraint("hash", name=op.f("uq_protocol_version_hash")),
    )
    op.create_table(
        "read_audit",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("why", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_read_audit")),
    )
    with op.batch_alter_table("read_audit", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_read_audit_case_id_at"), ["case_id", "at"], unique=False)

    op.create_table(
        "site",
        sa.Column("site_id", sa.String(length=64), nullable=False),
        sa.Column("id_key", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("site_id", name=op.f("pk_site")),
    )
    op.create_table(
        "slot_ref",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("slot", sa.String(length=64), nullable=False),
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("keeper", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "seq", name=op.f("pk_slot_ref")),
    )
    op.create_table(
        "source_key",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_source_key")),
    )
    op.create_table(
        "task",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("lane", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("owner", sa.String(length=64), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("from_agency", sa.String(length=64), nullable=True),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=12), nullable=False),
        sa.Column("cause", sa.String(length=160), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("ordinal", sa.Integer(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("receipt", sa.Boolean(), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=True),
        sa.Column("delivered_at", sa.BigInteger(), nullable=True),
        sa.Column("due_at", sa.BigInteger(), nullable=True),
        sa.Column("was_due_at", sa.BigInteger(), nullable=True),
        sa.Column("due_cause", sa.String(length=160), nullable=True),
        sa.Column("short_notice", sa.Boolean(), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=True),
        sa.Column("missed_at", sa.BigInteger(), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("last_try_at", sa.BigInteger(), nullable=True),
        sa.Column("paused_until", sa.BigInteger(), nullable=True),
        sa.Column("pause_reason", sa.String(length=32), nullable=True),
        sa.Column("outcome", sa.String(length=64), nullable=True),
        sa.Column("ending", sa.String(length=16), nullable=True),
        sa.Column("on_time", sa.Boolean(), nullable=True),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.Column("withdrawn_at", sa.BigInteger(), nullable=True),
        sa.Column("last_progress_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "instance", name=op.f("pk_task")),
        sa.UniqueConstraint("id", name=op.f("uq_task_id")),
    )
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_task_agency_status_due_at"), ["agency", "status", "due_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_task_outside_delivered_at"), ["outside", "delivered_at"], unique=False)

    op.create_table(
        "task_owner",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "instance", "role", name=op.f("pk_task_owner")),
    )
    op.create_table(
        "vault_record",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("keeper", sa.String(length=64), nullable=False),
        sa.Column("command_id", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(length=48), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vault_record")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("email", sa.Text(), nullable=True),
        sa.Column("sources", sa.Text(), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["agency"], ["agency.id"], name=op.f("fk_person_agency")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_person_token_hash")),
    )
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_person_agency"), ["agency"], unique=False)

    op.create_table(
        "vault_value",
        sa.Column("ref", sa.String(length=64), nullable=False),
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("command_id", sa.String(length=64), nullable=False),
        sa.Column("field", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["record_id"], ["vault_record.id"], name=op.f("fk_vault_value_record_id")),
        sa.PrimaryKeyConstraint("ref", name=op.f("pk_vault_value")),
        sa.UniqueConstraint("case_id", "command_id", "field", name=op.f("uq_vault_value_case_id_command_id_field")),
    )
    with op.batch_alter_table("vault_value", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_vault_value_record_id"), ["record_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_vault_value_state_created_at"), ["state", "created_at"], unique=False)

    op.create_table(
        "person_role",
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_person_role_person_id")),
        sa.PrimaryKeyConstraint("person_id", "role", name=op.f("pk_person_role")),
    )
    op.create_table(
        "rota",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name=op.f("fk_rota_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rota")),
    )
    with op.batch_alter_table("rota", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_rota_role_starts_at"), ["role", "starts_at"], unique=False)


def downgrade() -> None:
    with op.batch_alter_table("rota", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_rota_role_starts_at"))

    op.drop_table("rota")
    op.drop_table("person_role")
    with op.batch_alter_table("vault_value", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_vault_value_state_created_at"))
        batch_op.drop_index(batch_op.f("ix_vault_value_record_id"))

    op.drop_table("vault_value")
    with op.batch_alter_table("person", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_person_agency"))

    op.drop_table("person")
    op.drop_table("vault_record")
    op.drop_table("task_owner")
    with op.batch_alter_table("task", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_task_outside_delivered_at"))
        batch_op.drop_index(batch_op.f("ix_task_agency_status_due_at"))

    op.drop_table("task")
    op.drop_table("source_key")
    op.drop_table("slot_ref")
    op.drop_table("site")
    with op.batch_alter_table("read_audit", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_read_audit_case_id_at"))

    op.drop_table("read_audit")
    op.drop_table("protocol_version")
    op.drop_table("party")
    op.drop_table("notice_receipt")
    with op.batch_alter_table("notice", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_notice_recorded_id"))
        batch_op.drop_index(batch_op.f("ix_notice_agency_role_recorded"))

    op.drop_table("notice")
    op.drop_table("key_card")
    with op.batch_alter_table("idempotency", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_idempotency_created_at"))

    op.drop_table("idempotency")
    op.drop_table("field_value")
    op.drop_table("fact")
    with op.batch_alter_table("case_file", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_case_file_opened_at_code"))

    op.drop_table("case_file")
    op.drop_table("case_code")
    op.drop_table("agency")
