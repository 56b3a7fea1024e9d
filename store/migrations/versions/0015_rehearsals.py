"""what rehearsals of revisions came to"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "rehearsal",
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("bundle", sa.String(64), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("agency", sa.String(64), nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("drawing", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("revision", "bundle", name="pk_rehearsal"),
    )


def downgrade() -> None:
    op.drop_table("rehearsal")
