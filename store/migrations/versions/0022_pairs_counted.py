"""indexes by which a board counts pair by pair, and reads of what is stuck no more than it shows"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

MISSED, UNTAKEN, TAKEN = (sa.text(f"{each} IS NOT NULL") for each in ("missed_at", "untaken_at", "taken_at"))
PAIR = ("owner", "from_agency", "agency")
BOARD = ("status", *PAIR, "delivered_at", "id", "case_id", "instance", "outside")
SEEN = ("status", "outside", "case_id")
STUCK = ("taken_at", "untaken_at", "missed_at", "paused_until", "withdrawn_at")
BEFORE = {
    "ix_task_board": ([*BOARD, "missed_at", "taken_at", "paused_until"], None),
    "ix_task_missed": ([*BOARD, *STUCK], MISSED),
    "ix_task_untaken": ([*STUCK, *BOARD], UNTAKEN),
}
AFTER = {
    "ix_task_board": (["status", *PAIR, "case_id", "outside"], None),
    "ix_task_missed": (["status", *PAIR, "missed_at", "id", "paused_until", "outside", "case_id"], MISSED),
    "ix_task_untaken": (
        ["taken_at", "untaken_at", "id", *PAIR, "missed_at", "paused_until", "withdrawn_at", *SEEN],
        UNTAKEN,
    ),
    "ix_task_untaken_pair": (["taken_at", *PAIR, "untaken_at", "missed_at", "paused_until", *SEEN], UNTAKEN),
    "ix_task_taken_pair": (["outside", "withdrawn_at", *PAIR, "taken_at", "case_id"], TAKEN),
}


def upgrade() -> None:
    _drop(*BEFORE)
    _make(AFTER)


def downgrade() -> None:
    _drop(*AFTER)
    _make(BEFORE)


def _drop(*names: str) -> None:
    for each in names:
        op.drop_index(each, table_name="task")


def _make(indexes: dict[str, tuple[list[str], sa.TextClause | None]]) -> None:
    for name, (columns, which) in indexes.items():
        op.create_index(name, "task", columns, sqlite_where=which, postgresql_where=which)
