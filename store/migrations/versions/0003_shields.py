"""shields"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shield",
        sa.Column("case_id", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.String(length=32), nullable=False),
        sa.Column("by_person", sa.String(length=64), nullable=False),
        sa.Column("by_agency", sa.String(length=64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("case_id", "person_id", name=op.f("pk_shield")),
    )
    op.create_index(op.f("ix_shield_person_id"), "shield", ["person_id"])


def downgrade() -> None:
    op.drop_table("shield")
