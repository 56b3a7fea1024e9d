"""when people last had their own channels tried"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("reach", sa.Column("tested_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("reach", "tested_at")
