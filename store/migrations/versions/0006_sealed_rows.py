"""sealed rows

What is there already is sealed by the start after this, which has the keys (``store.keyring.resealing``).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLES = ("fact", "task", "notice", "field_value", "slot_ref")


def upgrade() -> None:
    for table in TABLES:
        op.add_column(table, sa.Column("sealed", sa.LargeBinary(), nullable=True))
    # Answers kept for a repeat were in clear. Without them the case's own memory of commands answers.
    op.execute("DELETE FROM idempotency")


def downgrade() -> None:
    for table in TABLES:
        op.drop_column(table, "sealed")
