"""The board: what is stuck between which agencies, the longest stuck first; counts of every pair.

Stuck is what is late, and what nobody took up although that was told: of a confidential agency's handoff others know
the second alone. Which handoffs first, by what an index holds; what is shown of them is asked for those of one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Row,
    Select,
    and_,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    union_all,
)

from protocol import clocks
from protocol.kernel import Slug
from protocol.state import Instant
from store.handoffs import IN_HAND_FOR
from store.paging import NEVER, Cursor, after
from store.policy import Condition, Subject, notice_visible, party_everywhere, visible, wholly
from store.tables import WENT_LATE, case_file, notice, task
from store.task_view import TaskView, tasks_seen, views

UNTAKEN = ("not-taken-up", "unacknowledged")
"""Reasons of a telling that nobody has taken something up."""

DAY = 24 * clocks.HOUR
STUCK, RUNNING, COUNTED = 0, 1, 2
"""What comes first; a count comes with no handoff."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """How much one agency waits for from another, and how much of that is stuck."""

    from_agency: Slug
    agency: Slug
    open: int
    stuck: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """One handoff, and since when it is stuck; None: it is not."""

    task: TaskView
    stuck_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """Every pair, whatever is filtered; the handoffs of one page, and the cursor of the next."""

    pairs: tuple[Pair, ...]
    rows: tuple[Waiting, ...]
    next: Cursor | None


def board(  # noqa: PLR0913 - filters and paging, by name
    connection: Connection,
    subject: Subject,
    now: Instant,
    *,
    agency: Slug | None = None,
    from_agency: Slug | None = None,
    stuck: bool = False,
    practice: bool = False,
    counted: bool = True,
    cursor: Cursor | None = None,
    limit: int = 25,
) -> Board:
    """What is open between agencies, stuck first: of every pair for a coordinator, else of the subject's own agency.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        now: the present instant.
        agency: only what this agency has to answer.
        from_agency: only what this agency waits for.
        stuck: leave out what is not stuck.
        practice: of practice cases, and of none that is real.
        counted: with the counts of every pair.
        cursor: the ``next`` of the page before.
        limit: rows on a page.
    """
    asked = _Asked(connection, subject, now, practice=practice)

    def filtered(found: FromClause) -> Select[Any]:
        wanted = select(found.c.id, found.c.at, found.c.rank, found.c.from_agency, found.c.agency)
        if agency is not None:
            wanted = wanted.where(found.c.agency == agency)
        return wanted if from_agency is None else wanted.where(found.c.from_agency == from_agency)

    # Of thousands the stuck are few: only when a page has room left after them are the others put in order.
    first = after(filtered(asked.stuck), _order(asked.stuck), cursor, limit)
    rows, stuck_of = _with_counts(connection, first, asked.stuck) if counted else (_rows(connection, first), {})
    if not stuck and len(rows) <= limit:
        rest = after(filtered(asked.running), _order(asked.running), cursor, limit - len(rows))
        rows += _rows(connection, rest)
    kept = rows[:limit]
    shown = {each.id: each for each in of_ids(connection, subject, [row.id for row in kept])}
    last = (kept[-1].rank, NEVER if kept[-1].at is None else kept[-1].at, kept[-1].id) if len(rows) > limit else None
    return Board(
        pairs=_pairs(connection, asked.counts, stuck_of) if counted else (),
        rows=tuple(Waiting(task=shown[row.id], stuck_at=_at(row)) for row in kept if row.id in shown),
        next=last,
    )


def _at(row: Row[Any]) -> Instant | None:
    return row.at if row.rank == STUCK else None


def stuck_since(connection: Connection, subject: Subject, now: Instant, ids: Sequence[str]) -> dict[str, Instant]:
    """Which of these tasks are stuck on the subject's board now, and since when."""
    found = _Asked(connection, subject, now, practice=None).stuck
    return {row.id: row.at for row in connection.execute(select(found.c.id, found.c.at).where(found.c.id.in_(ids)))}


def practised(connection: Connection) -> bool:
    """Whether there is a practice case at all."""
    return (
        connection.execute(select(case_file.c.case_id).where(case_file.c.practice.is_(True)).limit(1)).first()
        is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Notices that went late: how many, when the first was to go, when the last went."""

    n: int
    since: Instant
    until: Instant


def outage(connection: Connection, subject: Subject, now: Instant) -> Outage | None:
    """Notices of the last day that went more than five minutes late, as far as the subject may see them."""
    late = (notice.c.recorded > now - DAY, text(WENT_LATE))
    if connection.execute(select(notice.c.id).where(*late).limit(1)).first() is None:
        return None
    found = connection.execute(
        select(
            func.count().label("n"), func.min(notice.c.at).label("since"), func.max(notice.c.recorded).label("until")
        )
        .join_from(notice, case_file, case_file.c.case_id == notice.c.case_id)
        .where(*late, notice_visible(notice, subject, case_file.c.protocol_hash))
    ).one()
    return Outage(n=found.n, since=found.since, until=found.until) if found.n else None


def of_ids(connection: Connection, subject: Subject, ids: Sequence[str]) -> list[TaskView]:
    """Tasks by their ids, as far as the subject may see them, in no order."""
    if not ids:
        return []
    return views(connection, connection.execute(tasks_seen(subject).where(task.c.id.in_(ids))).all())


def _order(found: FromClause) -> tuple[ColumnElement[Any], ...]:
    return found.c.rank, func.coalesce(found.c.at, NEVER), found.c.id


def _rows(connection: Connection, wanted: Select[Any]) -> list[Row[Any]]:
    return list(connection.execute(wanted).all())


def _counts(*found: Select[Any]) -> Select[Any]:
    """How many of each pair: counted leg by leg, each in the order of its index, and added up."""
    pair = (task.c.from_agency, task.c.agency)
    legs = union_all(*(e.with_only_columns(*pair, func.count().label("n")).group_by(*pair) for e in found)).subquery()
    both = (legs.c.from_agency, legs.c.agency)
    return select(*both, func.sum(legs.c.n).label("n")).group_by(*both)


def _with_counts(
    connection: Connection, first: Select[Any], found: FromClause
) -> tuple[list[Row[Any]], dict[tuple[Slug, Slug], int]]:
    """The first of what is stuck, in order, and how much of it each pair has: both in one look through all of it."""
    pair = (found.c.from_agency, found.c.agency)
    page, counts = first.subquery(), select(*pair, func.count().label("n")).group_by(*pair).subquery()
    both = connection.execute(
        union_all(
            select(page.c.id, page.c.at, page.c.rank, page.c.from_agency, page.c.agency),
            select(literal(""), counts.c.n, literal(COUNTED), counts.c.from_agency, counts.c.agency),
        )
    ).all()
    rows = [each for each in both if each.rank != COUNTED]
    of_pairs = {(each.from_agency, each.agency): int(each.at) for each in both if each.rank == COUNTED}
    return sorted(rows, key=lambda each: (each.rank, NEVER if each.at is None else each.at, each.id)), of_pairs


def _pairs(connection: Connection, counts: Select[Any], stuck: dict[tuple[Slug, Slug], int]) -> tuple[Pair, ...]:
    every = sorted(((row.from_agency, row.agency), int(row.n)) for row in connection.execute(counts))
    return tuple(Pair(from_agency=pair[0], agency=pair[1], open=n, stuck=stuck.get(pair, 0)) for pair, n in every)


class _Leg(NamedTuple):
    """A part of the tasks, and what of the table of policy holds of all of them."""

    where: ColumnElement[bool]
    given: tuple[Condition, ...] = ()


class _Asked:
    """Handoffs that are not over as far as a subject may know (``counts`` of each pair); the stuck ones, and the rest.

    Columns: id, from_agency, agency, ``at`` (since when it is stuck, else when it was delivered), ``rank``.
    """

    def __init__(self, connection: Connection, subject: Subject, now: Instant, *, practice: bool | None) -> None:
        self._practice = practice
        self._subject = subject
        self._everywhere = party_everywhere(connection, subject)
        full = wholly(task, subject)
        open_, secret = task.c.status == "open", task.c.owner.is_not(None)
        lately = or_(task.c.taken_at.is_(None), task.c.taken_at > now - IN_HAND_FOR)
        outside = and_(task.c.outside.is_(True), secret, not_(full), task.c.withdrawn_at.is_(None), lately)
        # Nobody's secrets, the subject's own and others' stand apart in the index, and less is to be asked of each.
        public, own = _Leg(and_(open_, task.c.owner.is_(None)), (Condition.PUBLIC,)), _Leg(and_(open_, secret, full))
        others = _Leg(outside, (Condition.OUTSIDE,))
        told = (
            select(notice.c.case_id, notice.c.instance, func.min(notice.c.at).label("at"))
            .where(notice.c.why.in_(UNTAKEN), or_(notice.c.outside, notice.c.owner.is_(None)))
            .group_by(notice.c.case_id, notice.c.instance)
            .subquery()
        )
        running = or_(task.c.paused_until.is_(None), task.c.paused_until <= now)
        # Not by an index of what is open: of thousands that are, few were told to be untaken: those first.
        begun = and_(func.lower(task.c.status) == "open", full, task.c.missed_at.is_(None), running)
        untaken = told.join(task, and_(told.c.case_id == task.c.case_id, told.c.instance == task.c.instance))
        legs = [self._leg(task.c.delivered_at, each) for each in (public, own, others)]
        missed = (task.c.missed_at.is_not(None), running)
        self.counts = _counts(*legs)
        self.stuck = union_all(
            *(self._leg(task.c.missed_at, each, *missed, rank=STUCK) for each in (public, own)),
            self._leg(told.c.at, _Leg(or_(begun, outside)), task.c.taken_at.is_(None), rank=STUCK, rows=untaken),
        ).cte("stuck")
        every = union_all(*legs).subquery()
        self.running = select(every).where(every.c.id.not_in(select(self.stuck.c.id))).subquery()

    def _leg(
        self,
        at: ColumnElement[Any],
        leg: _Leg,
        *conditions: ColumnElement[bool],
        rank: int = RUNNING,
        rows: FromClause = task,
    ) -> Select[Any]:
        subject = self._subject
        # Of what is the subject's own no case is asked for its parties: so none is joined.
        its = select(case_file.c.protocol_hash).where(case_file.c.case_id == task.c.case_id).scalar_subquery()
        seen = visible(task, subject, its, everywhere=self._everywhere, given=frozenset(leg.given))
        between = and_(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency)
        found = (
            select(task.c.id, task.c.from_agency, task.c.agency, at.label("at"), literal(rank).label("rank"))
            .select_from(rows)
            .where(leg.where, *conditions, between)
        )
        if not subject.coordinates:
            found = found.where(or_(task.c.agency == subject.agency, task.c.from_agency == subject.agency))
        found = found.where(seen)
        if self._practice is None:
            return found
        practising = task.c.case_id.in_(select(case_file.c.case_id).where(case_file.c.practice.is_(True)))
        return found.where(practising if self._practice else not_(practising))
