"""Who waits for whom: steps one agency's act put before another, what nobody has taken up first.

For outsiders a confidential agency's handoff stays on the board for a while after it was taken up, whatever became of
it inside, and never leaves it for a reason they may not know. Practice is listed apart.
"""

from __future__ import annotations

from sqlalchemy import Connection, and_, case, func, not_, or_

from protocol.names import Slug
from protocol.state import Instant
from store.paging import NEVER, Cursor, Page, after, page
from store.policy import Subject, only_if, wholly
from store.tables import case_file, task
from store.task_view import TaskView, tasks_seen, views

IN_HAND_FOR = 14 * 24 * 3600 * 1_000_000
"""How long after its taking up a confidential agency's handoff is shown to others, in microseconds."""


def handoffs(  # noqa: PLR0913 - filters and paging, by name
    connection: Connection,
    subject: Subject,
    now: Instant,
    *,
    agency: Slug | None = None,
    from_agency: Slug | None = None,
    practice: bool = False,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page[TaskView]:
    """Handoffs between agencies that the subject may see, stalled first.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        now: the present instant.
        agency: only those this agency has to answer.
        from_agency: only those this agency waits for.
        practice: those of practice cases, and none that is real.
        cursor: the ``next`` of the page before.
        limit: rows on a page.
    """
    full = wholly(task, subject)
    live = or_(
        and_(full, task.c.status == "open"),
        and_(
            not_(full),
            task.c.withdrawn_at.is_(None),
            or_(task.c.taken_at.is_(None), task.c.taken_at > now - IN_HAND_FOR),
        ),
    )
    statement = tasks_seen(subject).where(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency, live)
    statement = statement.where(case_file.c.practice.is_(practice))
    if agency is not None:
        statement = statement.where(task.c.agency == agency)
    if from_agency is not None:
        statement = statement.where(task.c.from_agency == from_agency)
    missed = only_if(full, task.c.missed_at)
    progress = case((full, task.c.last_progress_at), else_=None)
    order = (
        case((task.c.taken_at.is_(None), 0), (missed.is_not(None), 1), else_=2),
        func.coalesce(progress, task.c.taken_at, task.c.delivered_at, NEVER),
        task.c.id,
    )
    rank, since, _ = order
    statement = statement.add_columns(rank.label("rank"), since.label("since"))
    found = page(
        connection.execute(after(statement, order, cursor, limit)).all(),
        limit,
        lambda row: (row.rank, row.since, row.id),
    )
    return Page(rows=tuple(views(connection, found.rows)), next=found.next)


def stalled_since(view: TaskView) -> Instant:
    """When something last happened to a handoff, as far as the subject may know."""
    known = (view.last_progress_at, view.taken_at, view.delivered_at, NEVER)
    return next(each for each in known if each is not None)
