"""My open tasks: those of my roles and those I vote on, late first, then not taken up, then by due time.

Those of practice cases come after all real ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, and_, case, exists, func, or_

from protocol.state import Instant
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
        case((case_file.c.practice, 1), else_=0),
        case((task.c.missed_at.is_not(None), 0), else_=1),
        case((task.c.taken_at.is_(None), 0), else_=1),
        func.coalesce(task.c.due_at, NEVER),
        task.c.id,
    )
    votes = votes_on(task, subject, case_file.c.protocol_hash)
    own = task.c.agency == subject.agency
    if not whole_agency:
        own = and_(own, owned)
    practising, late, untaken, due, _ = order
    statement = (
        tasks_seen(subject)
        .where(task.c.status == "open", or_(own, votes))
        .add_columns(
            practising.label("practising"),
            late.label("late"),
            untaken.label("untaken"),
            due.label("due"),
            votes.label("votes_on"),
        )
    )

    def ask(behind: Cursor | None) -> Sequence[Row[Any]]:
        return connection.execute(after(statement, order, behind, limit)).all()

    found: list[tuple[TaskView, Cursor]] = []
    rows = ask(cursor)
    while rows:
        for row, view in zip(rows, views(connection, rows), strict=True):
            # Whose a confidential agency's task is, is sealed: what is a colleague's is left out here.
            if not mine or row.votes_on or view.person in (None, subject.person_id):
                found.append((view, _position(row)))
        if len(found) > limit or len(rows) <= limit:
            break
        rows = ask(_position(rows[-1]))
    kept = page(found, limit, lambda each: each[1])
    return Page(rows=tuple(sorted((view for view, _ in kept.rows), key=_urgency)), next=kept.next)


def _position(row: Row[Any]) -> Cursor:
    return (row.practising, row.late, row.untaken, row.due, row.id)


def _urgency(view: TaskView) -> tuple[bool, bool, bool, Instant, str]:
    """The order of a page, once what is sealed is open; across pages whether a task was taken up may not count."""
    return (view.practice, view.missed_at is None, view.taken_at is not None, view.due_at or NEVER, view.id)
