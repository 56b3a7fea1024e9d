"""since when it is told that nobody has taken a task up; indexes of what is stuck, and of what waits"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WHY, BECAUSE = "ix_notice_why", ("why", "case_id", "instance", "at", "outside", "owner")
MISSED, UNTAKEN = sa.text("missed_at IS NOT NULL"), sa.text("untaken_at IS NOT NULL")
STUCK = ("taken_at", "untaken_at", "missed_at", "paused_until", "withdrawn_at", "status")
BOARD = ("owner", "from_agency", "agency", "delivered_at", "id", "case_id", "instance", "outside")
OUTSIDE = ("outside", "taken_at", "withdrawn_at", *BOARD[:-1])
WAITING = (
    *("status", "owner", sa.text("coalesce(delivered_at, 4611686018427387904)"), "id", "from_agency", "agency"),
    *("case_id", "outside", "missed_at", "taken_at", "untaken_at", "paused_until", "delivered_at"),
)


def upgrade() -> None:
    op.add_column("task", sa.Column("untaken_at", sa.BigInteger(), nullable=True))
    task = sa.table("task", *map(sa.column, ("case_id", "instance", "untaken_at")))
    told = sa.table("notice", *map(sa.column, ("case_id", "instance", "at", "why", "outside", "owner")))
    reasons = told.c.why.in_(("not-taken-up", "unacknowledged"))
    known = sa.and_(reasons, sa.or_(sa.cast(told.c.outside, sa.Boolean), told.c.owner.is_(None)))
    of_it = sa.and_(told.c.case_id == task.c.case_id, told.c.instance == task.c.instance)
    first = sa.select(sa.func.min(told.c.at)).where(of_it, known).scalar_subquery()
    its = sa.tuple_(task.c.case_id, task.c.instance).in_(sa.select(told.c.case_id, told.c.instance).where(known))
    op.execute(sa.update(task).where(its).values(untaken_at=first))
    op.drop_index(WHY, table_name="notice")
    op.drop_index("ix_task_board_outside", table_name="task")
    op.create_index("ix_task_board_outside", "task", [*OUTSIDE, "untaken_at"])
    op.create_index("ix_case_file_protocol_hash", "case_file", ["protocol_hash"])
    columns = ["status", *BOARD, *STUCK[:-1]]
    op.create_index("ix_task_missed", "task", columns, sqlite_where=MISSED, postgresql_where=MISSED)
    op.create_index("ix_task_untaken", "task", [*STUCK, *BOARD], sqlite_where=UNTAKEN, postgresql_where=UNTAKEN)
    op.create_index("ix_task_waiting", "task", WAITING)


def downgrade() -> None:
    for name in ("ix_task_waiting", "ix_task_untaken", "ix_task_missed", "ix_task_board_outside"):
        op.drop_index(name, table_name="task")
    op.create_index("ix_task_board_outside", "task", OUTSIDE)
    op.drop_index("ix_case_file_protocol_hash", table_name="case_file")
    op.create_index(WHY, "notice", BECAUSE)
    # Not by making the table anew: an index of expressions would not be made again.
    op.drop_column("task", "untaken_at")
