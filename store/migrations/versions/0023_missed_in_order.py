"""an index of what is late in the order in which a board shows it"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

NAME = "ix_task_missed_since"
COLUMNS = ["status", "owner", "missed_at", "id", "from_agency", "agency", "paused_until", "outside", "case_id"]
MISSED = sa.text("missed_at IS NOT NULL")


def upgrade() -> None:
    op.create_index(NAME, "task", COLUMNS, sqlite_where=MISSED, postgresql_where=MISSED)


def downgrade() -> None:
    op.drop_index(NAME, table_name="task")
