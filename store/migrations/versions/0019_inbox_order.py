"""an inbox's index in the inbox's order"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_task_inbox", "task"
BEFORE = "agency status missed_at taken_at due_at id case_id instance owner"
AFTER = (
    *("agency", "status"),
    sa.text("(CASE WHEN (missed_at IS NOT NULL) THEN 0 ELSE 1 END)"),
    sa.text("(CASE WHEN (taken_at IS NULL) THEN 0 ELSE 1 END)"),
    sa.text("coalesce(due_at, 4611686018427387904)"),
    *("id", "case_id", "instance", "owner", "missed_at", "taken_at", "due_at"),
)


def upgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, AFTER)


def downgrade() -> None:
    op.drop_index(NAME, table_name=TABLE)
    op.create_index(NAME, TABLE, BEFORE.split())
