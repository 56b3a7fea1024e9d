"""why a run of moves stopped, and what that is measured by"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

RUN, ITEM = "migration_run", "migration_item"
COUNTED = (("since", sa.BigInteger()), ("usual", sa.Float()), ("answers", sa.Integer()), ("refused", sa.Integer()))


def upgrade() -> None:
    op.add_column(RUN, sa.Column("because", sa.String(64), nullable=True))
    for name, kind in COUNTED:
        op.add_column(RUN, sa.Column(name, kind, nullable=False, server_default="0"))
    # What ran before counts from its order.
    run = sa.table(RUN, sa.column("since"), sa.column("ordered_at"))
    op.execute(sa.update(run).values(since=run.c.ordered_at))
    with op.batch_alter_table(RUN) as table:
        for name, _ in COUNTED:
            table.alter_column(name, server_default=None)
    op.add_column(ITEM, sa.Column("kind", sa.String(64), nullable=True))


def downgrade() -> None:
    for table, names in ((ITEM, ("kind",)), (RUN, ("because", *(name for name, _ in COUNTED)))):
        with op.batch_alter_table(table) as changed:
            for name in names:
                changed.drop_column(name)
