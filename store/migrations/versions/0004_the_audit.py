"""the audit's chains"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEPT = ("audit_row", "audit_key", "audit_leaf", "audit_head", "audit_checkpoint")
KEYS = {
    "audit_row": ("chain", "n"),
    "audit_key": ("id",),
    "audit_leaf": ("place", "head"),
    "audit_head": ("n",),
    "audit_checkpoint": ("chain", "n"),
}


def upgrade() -> None:
    _tables()
    if op.get_bind().dialect.name == "sqlite":
        _keep_on_sqlite()
    else:
        _keep_on_postgres()
    op.drop_table("read_audit")


def _tables() -> None:
    op.create_table(
        "audit_row",
        sa.Column("chain", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request", sa.String(length=64), nullable=False),
        sa.Column("about", sa.LargeBinary(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("prev", sa.LargeBinary(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "n", name=op.f("pk_audit_row")),
    )
    op.create_table(
        "audit_key",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.Column("record", sa.String(length=64), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("suite", sa.String(length=48), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("commitment", sa.LargeBinary(), nullable=False),
        sa.Column("nonce", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_key")),
    )
    op.create_table(
        "audit_leaf",
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("head", sa.Integer(), nullable=False),
        sa.Column("chain", sa.String(length=80), nullable=False),
        sa.Column("length", sa.Integer(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("place", "head", name=op.f("pk_audit_leaf")),
        sa.UniqueConstraint("chain", "length", name=op.f("uq_audit_leaf_chain_length")),
    )
    op.create_table(
        "audit_head",
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("previous", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_audit_head")),
    )
    op.create_table(
        "audit_checkpoint",
        sa.Column("chain", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("chain", "n", name=op.f("pk_audit_checkpoint")),
    )
    op.create_table(
        "audit_breach",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("chain", sa.String(length=80), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("found_at", sa.BigInteger(), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.Column("answered_at", sa.BigInteger(), nullable=True),
        sa.Column("answered_by", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_breach")),
        sa.UniqueConstraint("kind", "chain", "n", name=op.f("uq_audit_breach_kind_chain_n")),
    )
    op.create_index(op.f("ix_audit_breach_answered_at_due_at"), "audit_breach", ["answered_at", "due_at"])


DROPPABLE = "EXISTS (SELECT 1 FROM audit_checkpoint c WHERE c.chain = OLD.chain AND c.n > OLD.n)"
"""Rows go only behind a checkpoint, which is signed."""


def _keep_on_sqlite() -> None:
    for table in KEPT:
        exempt = f" WHEN NOT {DROPPABLE}" if table == "audit_row" else ""
        same = " AND ".join(f"{key} = NEW.{key}" for key in KEYS[table])
        there = f"EXISTS (SELECT 1 FROM {table} WHERE {same})"  # noqa: S608 - names of our own
        raises = "BEGIN SELECT RAISE(ABORT, 'the audit is added to and never changed'); END"
        op.execute(f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} {raises}")
        op.execute(f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table}{exempt} {raises}")
        # INSERT OR REPLACE would delete without asking the trigger above.
        op.execute(f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table} WHEN {there} {raises}")


def _keep_on_postgres() -> None:
    raises = "RAISE EXCEPTION 'the audit is added to and never changed' USING ERRCODE = '42501'"
    op.execute(f"CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {raises}; END $$")
    op.execute(
        "CREATE FUNCTION audit_row_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN IF {DROPPABLE} THEN RETURN OLD; END IF; {raises}; END $$"
    )
    # Volatile, so that each statement in it sees what was committed while it waited.
    op.execute(
        "CREATE FUNCTION audit_tip(of_chain text, lock bigint) RETURNS TABLE (n integer, at bigint, hash bytea) "
        "LANGUAGE plpgsql VOLATILE AS $$ BEGIN PERFORM pg_advisory_xact_lock(lock); "
        "RETURN QUERY SELECT r.n, r.at, r.hash FROM audit_row r WHERE r.chain = of_chain "
        "ORDER BY r.n DESC LIMIT 1; END $$"
    )
    for table in KEPT:
        deleted = "audit_row_is_kept" if table == "audit_row" else "audit_is_kept"
        op.execute(
            f"CREATE TRIGGER {table}_no_update BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION audit_is_kept()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_delete BEFORE DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {deleted}()"
        )
        op.execute(
            f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_is_kept()"
        )


def downgrade() -> None:
    for table in (*reversed(KEPT), "audit_breach"):
        op.drop_table(table)
    if op.get_bind().dialect.name != "sqlite":
        op.execute("DROP FUNCTION audit_is_kept()")
        op.execute("DROP FUNCTION audit_row_is_kept()")
        op.execute("DROP FUNCTION audit_tip(text, bigint)")
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
    op.create_index(op.f("ix_read_audit_case_id_at"), "read_audit", ["case_id", "at"])
