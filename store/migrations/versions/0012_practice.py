"""practice cases and their clocks"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("case_file") as table:
        table.add_column(sa.Column("practice", sa.Boolean(), nullable=False, server_default=sa.false()))
        table.add_column(sa.Column("ahead", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    with op.batch_alter_table("case_file") as table:
        table.drop_column("ahead")
        table.drop_column("practice")
