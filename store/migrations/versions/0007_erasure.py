"""erasure: orders, holds, when to look"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPAQUE = sa.String(length=64)
SLUG = sa.String(length=64)


def upgrade() -> None:
    op.create_table(
        "erasure_look",
        sa.Column("case_id", OPAQUE, nullable=False),
        sa.Column("part", SLUG, nullable=False),
        sa.Column("base", sa.BigInteger(), nullable=False),
        sa.Column("look_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("case_id", "part", name=op.f("pk_erasure_look")),
    )
    op.create_index(op.f("ix_erasure_look_look_at"), "erasure_look", ["look_at"])
    op.create_table(
        "erasure_order",
        sa.Column("id", OPAQUE, nullable=False),
        sa.Column("case_id", OPAQUE, nullable=False),
        sa.Column("part", SLUG, nullable=False),
        sa.Column("agency", SLUG, nullable=False),
        sa.Column("ground", sa.String(length=16), nullable=False),
        sa.Column("person_id", OPAQUE, nullable=True),
        sa.Column("note_ref", OPAQUE, nullable=True),
        sa.Column("ordered_at", sa.BigInteger(), nullable=False),
        sa.Column("done_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure_order")),
        sa.UniqueConstraint("case_id", "part", name=op.f("uq_erasure_order_case_id_part")),
    )
    op.create_index(op.f("ix_erasure_order_agency_ordered_at"), "erasure_order", ["agency", "ordered_at"])
    op.create_index(op.f("ix_erasure_order_done_at"), "erasure_order", ["done_at"])
    op.create_table(
        "erasure_stage",
        sa.Column("order_id", OPAQUE, nullable=False),
        sa.Column("stage", sa.String(length=12), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["erasure_order.id"], name=op.f("fk_erasure_stage_order_id")),
        sa.PrimaryKeyConstraint("order_id", "stage", name=op.f("pk_erasure_stage")),
    )
    op.create_table(
        "legal_hold",
        sa.Column("id", OPAQUE, nullable=False),
        sa.Column("case_id", OPAQUE, nullable=False),
        sa.Column("agency", SLUG, nullable=False),
        sa.Column("reason", sa.String(length=16), nullable=False),
        sa.Column("set_at", sa.BigInteger(), nullable=False),
        sa.Column("review_at", sa.BigInteger(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_legal_hold")),
    )
    op.create_index(op.f("ix_legal_hold_case_id_agency"), "legal_hold", ["case_id", "agency"])
    op.create_index(op.f("ix_legal_hold_agency_review_at"), "legal_hold", ["agency", "review_at"])
    op.create_table(
        "legal_hold_act",
        sa.Column("hold_id", OPAQUE, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("act", sa.String(length=8), nullable=False),
        sa.Column("person_id", OPAQUE, nullable=False),
        sa.Column("note_ref", OPAQUE, nullable=True),
        sa.Column("review_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["hold_id"], ["legal_hold.id"], name=op.f("fk_legal_hold_act_hold_id")),
        sa.PrimaryKeyConstraint("hold_id", "number", name=op.f("pk_legal_hold_act")),
    )


def downgrade() -> None:
    for each in (
        "legal_hold_act",
        "legal_hold",
        "erasure_stage",
        "erasure_order",
        "erasure_look",
    ):
        op.drop_table(each)
