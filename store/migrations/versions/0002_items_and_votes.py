"""items and votes"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("task", sa.Column("item", sa.Text(), nullable=True))
    op.add_column("task", sa.Column("votes", sa.Text(), nullable=True))
    op.create_table(
        "voter",
        sa.Column("protocol_hash", sa.String(length=64), nullable=False),
        sa.Column("step", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=64), nullable=False),
        sa.Column("agency", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("protocol_hash", "step", "role", name=op.f("pk_voter")),
    )


def downgrade() -> None:
    op.drop_table("voter")
    op.drop_column("task", "votes")
    op.drop_column("task", "item")
