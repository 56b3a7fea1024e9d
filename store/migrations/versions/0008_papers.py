"""papers: releases, disclosures, broken glass"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paper",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("agency", sa.String(64), nullable=False),
        sa.Column("by_kind", sa.String(64), nullable=False),
        sa.Column("by_case", sa.String(64), nullable=True),
        sa.Column("by_to", sa.String(64), nullable=True),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_paper"),
    )
    for column in ("by_kind", "by_case", "by_to"):
        op.create_index(f"ix_paper_{column}", "paper", [column])


def downgrade() -> None:
    op.drop_table("paper")
