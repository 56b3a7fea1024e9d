"""rotas: cover asked and given, and people's calendars"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("rota", sa.Column("covers", sa.String(64), nullable=True))
    op.add_column("rota", sa.Column("asked_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_rota_person_id", "rota", ["person_id"])
    op.create_table(
        "calendar_feed",
        sa.Column("person_id", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["person.id"], name="fk_calendar_feed_person_id"),
        sa.PrimaryKeyConstraint("person_id", name="pk_calendar_feed"),
        sa.UniqueConstraint("hash", name="uq_calendar_feed_hash"),
    )


def downgrade() -> None:
    op.drop_table("calendar_feed")
    op.drop_index("ix_rota_person_id", "rota")
    op.drop_column("rota", "asked_at")
    op.drop_column("rota", "covers")
