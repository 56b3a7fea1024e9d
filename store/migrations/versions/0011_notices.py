"""notices: errands, and how people are reached"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "errand",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("case_id", sa.String(64), nullable=True),
        sa.Column("agency", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(64), nullable=True),
        sa.Column("outside", sa.Boolean(), nullable=False),
        sa.Column("next_at", sa.BigInteger(), nullable=True),
        sa.Column("over_at", sa.BigInteger(), nullable=True),
        sa.Column("role", sa.String(64), nullable=True),
        sa.Column("person", sa.String(64), nullable=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("instance", sa.Integer(), nullable=True),
        sa.Column("notice_id", sa.String(26), nullable=True),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("slot_at", sa.BigInteger(), nullable=True),
        sa.Column("fails", sa.Integer(), nullable=False),
        sa.Column("ended", sa.String(16), nullable=True),
        sa.Column("ended_by", sa.String(64), nullable=True),
        sa.Column("notes", sa.Text(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_errand"),
    )
    op.create_index("ix_errand_next_at", "errand", ["next_at"])
    op.create_index("ix_errand_agency_over_at", "errand", ["agency", "over_at"])
    op.create_table(
        "reach",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("phone", sa.String(16), nullable=True),
        sa.Column("channels", sa.Text(), nullable=False),
        sa.Column("quiet_from", sa.Integer(), nullable=True),
        sa.Column("quiet_to", sa.Integer(), nullable=True),
        sa.Column("dead", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_reach_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_reach"),
    )
    op.create_index("ix_reach_phone", "reach", ["phone"])


def downgrade() -> None:
    op.drop_table("reach")
    op.drop_table("errand")
