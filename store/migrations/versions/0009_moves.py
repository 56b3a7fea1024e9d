"""moves: cases that follow a newer text"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "protocol_carried",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("compiled", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_protocol_carried"),
    )
    op.create_table(
        "migration_run",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("target", sa.String(64), nullable=False),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(64), nullable=False),
        sa.Column("waits_until", sa.BigInteger(), nullable=True),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.Column("ordered_by", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_migration_run"),
    )
    op.create_table(
        "migration_item",
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=False),
        sa.Column("was", sa.String(64), nullable=False),
        sa.Column("first", sa.Boolean(), nullable=False),
        sa.Column("result", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("place", sa.String(160), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("not_before", sa.BigInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("run", "case_id", name="pk_migration_item"),
    )
    op.create_index("ix_migration_item_run_result", "migration_item", ["run", "result"])


def downgrade() -> None:
    for table in ("migration_item", "migration_run", "protocol_carried"):
        op.drop_table(table)
