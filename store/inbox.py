"""My open tasks: those of my roles and those I vote on, late first, then not taken up, then by due time."""

from __future__ import annotations

from sqlalchemy import Connection, and_, case, exists, func, or_

from store.paging import NEVER, Cursor, Page, after, page
from store.policy import Subject, votes_on
from store.tables import case_file, task, task_owner
from store.task_view import TaskView, tasks_seen, views


def inbox(
    connection: Connection,
    subject: Subject,
    *,
    mine: bool = False,
    whole_agency: bool = False,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page[TaskView]:
    """Open tasks owned by one of the subject's roles in its own agency, and those that a role of its votes on.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        mine: leave out what another person has made their own.
        whole_agency: tasks of every role of the agency, as a supervisor looks at them.
        cursor: the ``next`` of the page before.
        limit: rows on a page.
    """
    owned = exists().where(
        and_(
            task_owner.c.case_id == task.c.case_id,
            task_owner.c.instance == task.c.instance,
            task_owner.c.role.in_(subject.roles),
        )
    )
    order = (
        case((task.c.missed_at.is_not(None), 0), else_=1),
        case((task.c.taken_at.is_(None), 0), else_=1),
        func.coalesce(task.c.due_at, NEVER),
        task.c.id,
    )
    votes = votes_on(task, subject, case_file.c.protocol_hash)
    own = task.c.agency == subject.agency
    if not whole_agency:
        own = and_(own, owned)
    if mine:
        own = and_(own, or_(task.c.person.is_(None), task.c.person == subject.person_id))
    statement = tasks_seen(subject).where(task.c.status == "open", or_(own, votes))
    rows = connection.execute(after(statement, order, cursor, limit)).all()
    return page(views(connection, rows), limit, _position)


def _position(view: TaskView) -> Cursor:
    return (
        0 if view.missed_at is not None else 1,
        0 if view.taken_at is None else 1,
        NEVER if view.due_at is None else view.due_at,
        view.id,
    )
