"""My open tasks: those of my roles and those I vote on, late first, then not taken up, then by due time.

Those of practice cases come after all real ones.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, literal, select

from protocol.state import Instant
from store.paging import NEVER, Cursor, Page, after, page
from store.policy import Subject, seen_of_ones_own, votes_on
from store.tables import URGENCY, case_file, task, task_owner, voter
from store.task_view import TaskView, of_ids


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
    ask = _Lists(connection, subject, whole_agency=whole_agency)
    found: list[tuple[TaskView, Cursor]] = []
    chosen = ask.after(cursor, limit)
    while chosen:
        shown = of_ids(connection, subject, [each.id for each in chosen])
        for each in chosen:
            view = shown.get(each.id)
            # Whose a confidential agency's task is, is sealed: what is a colleague's is left out here.
            if view is not None and (not mine or each.votes_on or view.person in (None, subject.person_id)):
                found.append((view, _position(each)))
        if len(found) > limit or len(chosen) <= limit:
            break
        chosen = ask.after(_position(chosen[-1]), limit)
    kept = page(found, limit, lambda each: each[1])
    return Page(rows=tuple(sorted((view for view, _ in kept.rows), key=_urgency)), next=kept.next)


class _Lists:
    """Which tasks first, by what an index holds; what is shown is then asked for those of one page."""

    def __init__(self, connection: Connection, subject: Subject, *, whole_agency: bool) -> None:
        self._connection = connection
        self._subject = subject
        own = and_(task.c.agency == subject.agency, task.c.status == "open")
        self._own = select(literal(False).label("votes_on")).where(own, seen_of_ones_own(task, subject))
        if not whole_agency:
            self._own = self._own.where(_owned(subject))
        steps = select(voter.c.step).where(voter.c.agency == subject.agency, voter.c.role.in_(subject.roles))
        self._voted = tuple(connection.execute(steps.distinct()).scalars())

    def after(self, cursor: Cursor | None, limit: int) -> list[Row[Any]]:
        """The rows behind a cursor, one more than the page holds; practice is asked for when what is real has ended."""
        rows: list[Row[Any]] = []
        for practising in (0, 1):
            over = cursor is not None and practising < int(cursor[0])
            if not over and len(rows) <= limit:
                behind = cursor[1:] if cursor is not None and cursor[0] == practising else None
                rows += self._ordered(practising, behind, limit - len(rows))
        return rows

    def _ordered(self, practising: int, cursor: Cursor | None, limit: int) -> list[Row[Any]]:
        rows = list(self._connection.execute(after(_chosen(self._own, practising), URGENCY, cursor, limit)).all())
        if not self._voted:
            return rows
        votes = votes_on(task, self._subject, case_file.c.protocol_hash)
        asked = (
            select(literal(True).label("votes_on"))
            .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
            .where(task.c.step.in_(self._voted), task.c.status == "open", votes)
        )
        voted = self._connection.execute(after(_chosen(asked, practising), URGENCY, cursor, limit)).all()
        known = {each.id for each in voted}
        both = [*(each for each in rows if each.id not in known), *voted]
        return sorted(both, key=_position)[: limit + 1]


def _chosen(asked: Select[Any], practising: int) -> Select[Any]:
    """What a cursor is made of, of the tasks asked for: of practice cases, or of real ones."""
    late, untaken, due, id_ = URGENCY
    practice = task.c.case_id.in_(select(case_file.c.case_id).where(case_file.c.practice.is_(True)))
    chosen = asked.add_columns(id_, late.label("late"), untaken.label("untaken"), due.label("due"))
    return chosen.add_columns(literal(practising).label("practising")).where(practice if practising else ~practice)


def _owned(subject: Subject) -> ColumnElement[bool]:
    return exists(
        select(task_owner.c.role).where(
            task_owner.c.case_id == task.c.case_id,
            task_owner.c.instance == task.c.instance,
            task_owner.c.role.in_(subject.roles),
        )
    )


def _position(row: Row[Any]) -> Cursor:
    return (row.practising, row.late, row.untaken, row.due, row.id)


def _urgency(view: TaskView) -> tuple[bool, bool, bool, Instant, str]:
    """The order of a page, once what is sealed is open; across pages whether a task was taken up may not count."""
    return (view.practice, view.missed_at is None, view.taken_at is not None, view.due_at or NEVER, view.id)
