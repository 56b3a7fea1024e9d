"""figures of fixed periods, as they froze"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "figure",
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("slug", sa.String(64), nullable=False),
        sa.Column("from_agency", sa.String(64), nullable=False),
        sa.Column("agency", sa.String(64), nullable=False),
        sa.Column("step", sa.String(64), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("kept", sa.Integer(), nullable=False),
        sa.Column("usual", sa.Integer(), nullable=True),
        sa.Column("most", sa.Integer(), nullable=True),
        sa.Column("told", sa.String(12), nullable=False),
        sa.PrimaryKeyConstraint("period", "slug", "from_agency", "agency", "step", name="pk_figure"),
    )
    op.create_table(
        "frozen_period",
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("period", name="pk_frozen_period"),
    )


def downgrade() -> None:
    op.drop_table("frozen_period")
    op.drop_table("figure")
