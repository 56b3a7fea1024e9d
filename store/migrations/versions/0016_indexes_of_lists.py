"""lists: indexes that inbox and board choose their pages by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = (
    ("ix_task_inbox", "task", "agency status missed_at taken_at due_at id case_id instance owner"),
    ("ix_task_step_status", "task", "step status"),
    (
        "ix_task_board",
        "task",
        "status owner from_agency agency delivered_at id case_id instance outside missed_at taken_at paused_until",
    ),
    (
        "ix_task_board_outside",
        "task",
        "outside taken_at withdrawn_at owner from_agency agency delivered_at id case_id instance",
    ),
    ("ix_case_file_practice", "case_file", "practice case_id"),
    ("ix_notice_why", "notice", "why case_id instance at outside owner"),
)


def upgrade() -> None:
    for name, table, columns in INDEXES:
        op.create_index(name, table, columns.split())
    late = sa.text("recorded - at > 300000000 and at > 0")
    op.create_index("ix_notice_late", "notice", ["recorded"], sqlite_where=late, postgresql_where=late)


def downgrade() -> None:
    op.drop_index("ix_notice_late", table_name="notice")
    for name, table, _ in reversed(INDEXES):
        op.drop_index(name, table_name=table)
