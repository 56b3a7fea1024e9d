"""The board: what is stuck between which agencies, the longest stuck first; counts of every pair.

Stuck is what is late, and what nobody took up although that was told: of a confidential agency's handoff others know
the second alone. Which handoffs first, by what an index holds; what is shown of them is asked for those of one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Connection,
    FromClause,
    Integer,
    Row,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    tuple_,
    union_all,
)

from protocol.engine import clocks
from protocol.kernel import Slug
from protocol.state import Instant
from store.handoffs import IN_HAND_FOR
from store.paging import NEVER, Cursor
from store.policy import STATEMENTS, Condition, Subject, held_everywhere, notice_visible, visible, wholly
from store.tables import WAITING_SINCE, WENT_LATE, case_file, notice, task
from store.task_view import TaskView, of_ids

DAY = 24 * clocks.HOUR
NOW: BindParameter[int] = bindparam("now", type_=BigInteger)
LATELY: BindParameter[int] = bindparam("lately", type_=BigInteger)
MOST: BindParameter[int] = bindparam("most", type_=Integer)
BEHIND: tuple[BindParameter[int], BindParameter[int], BindParameter[str]] = (
    bindparam("rank_before", type_=Integer),
    bindparam("at_before", type_=BigInteger),
    bindparam("id_before", type_=String),
)
"""What is given when a board is asked for: instants, how many, and the cursor that it goes on from."""

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
    """Every pair, whatever is filtered; the handoffs of one page, and the cursor of the next.

    ``practised``: whether there is a practice case at all.
    """

    pairs: tuple[Pair, ...]
    rows: tuple[Waiting, ...]
    next: Cursor | None
    practised: bool


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
    practised = _practised(connection)
    asked = _asked(
        subject.asker,
        held=held_everywhere(connection, subject),
        practice=practice if practice or practised else None,
        filters=(agency is not None, from_agency is not None, cursor is not None),
    )
    given: dict[str, Any] = {"now": now, "lately": now - IN_HAND_FOR, "agency": agency, "from_agency": from_agency}
    given |= dict(zip((each.key for each in BEHIND), cursor or (), strict=False))
    # Of thousands the stuck are few: only when a page has room left after them are the others put in order.
    found = connection.execute(asked.counted if counted else asked.first, {**given, "most": limit + 1}).all()
    rows = sorted((each for each in found if each.rank != COUNTED), key=_position)
    if not stuck and len(rows) <= limit:
        rows += connection.execute(asked.rest, {**given, "most": limit + 1 - len(rows)}).all()
    kept = rows[:limit]
    shown = of_ids(connection, subject, [row.id for row in kept])
    stuck_of = {(each.from_agency, each.agency): int(each.at) for each in found if each.rank == COUNTED}
    every = connection.execute(asked.counts, given).all() if counted else ()
    return Board(
        pairs=tuple(
            Pair(from_agency=pair[0], agency=pair[1], open=n, stuck=stuck_of.get(pair, 0))
            for pair, n in sorted(((row.from_agency, row.agency), int(row.n)) for row in every)
        ),
        rows=tuple(Waiting(task=shown[row.id], stuck_at=_at(row)) for row in kept if row.id in shown),
        next=_position(kept[-1]) if len(rows) > limit else None,
        practised=practised,
    )


def _at(row: Row[Any]) -> Instant | None:
    return row.at if row.rank == STUCK else None


def stuck_since(connection: Connection, subject: Subject, now: Instant, ids: Sequence[str]) -> dict[str, Instant]:
    """Which of these tasks are stuck on the subject's board now, and since when."""
    held = held_everywhere(connection, subject)
    found = _asked(subject.asker, held=held, practice=None, filters=(False, False, False)).stuck
    wanted = select(found.c.id, found.c.at).where(found.c.id.in_(ids))
    return {row.id: row.at for row in connection.execute(wanted, {"now": now, "lately": now - IN_HAND_FOR})}


def _practised(connection: Connection) -> bool:
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


def _position(row: Row[Any]) -> Cursor:
    return (row.rank, NEVER if row.at is None else row.at, row.id)


class _Leg(NamedTuple):
    """A part of the tasks, and what of the table of policy holds of all of them."""

    where: ColumnElement[bool]
    given: tuple[Condition, ...] = ()


class _Asked:
    """What is asked for one subject's board. Made once: of handoffs that are not over as far as the subject may know.

    ``stuck``: those that are; ``first``: their first; ``counted``: that, and how many there are of each pair, in one
    look through all of them; ``rest``: the first of the others; ``counts``: all of each pair. Columns: id, from_agency,
    agency, ``at`` (since when it is stuck, else when it was delivered; of a count, the count), ``rank``.
    """

    def __init__(
        self,
        asker: Subject,
        *,
        held: frozenset[Condition],
        practice: bool | None,
        filters: tuple[bool, bool, bool],
    ) -> None:
        self._practice = practice
        self._asker = asker
        self._held = held
        full = wholly(task, asker)
        open_, secret = task.c.status == "open", task.c.owner.is_not(None)
        sent = and_(task.c.outside.is_(True), secret, not_(full), task.c.withdrawn_at.is_(None))
        # Nobody's secrets, the subject's own and others' stand apart in the index, and less is to be asked of each.
        public, own = _Leg(and_(open_, task.c.owner.is_(None)), (Condition.PUBLIC,)), _Leg(and_(open_, secret, full))
        others = [
            _Leg(and_(sent, each), (Condition.OUTSIDE,))
            for each in (task.c.taken_at.is_(None), task.c.taken_at > LATELY)
        ]
        running = or_(task.c.paused_until.is_(None), task.c.paused_until <= NOW)
        missed, untaken = task.c.missed_at.is_not(None), and_(task.c.untaken_at.is_not(None), task.c.taken_at.is_(None))
        # Not by an index of what is open: of thousands that are, few were told to be untaken: those first.
        begun = and_(func.lower(task.c.status) == "open", full, not_(missed), running)
        self.counts = _counts([self._leg(task.c.delivered_at, each) for each in (public, own, *others)])
        self.stuck = union_all(
            *(self._leg(task.c.missed_at, each, missed, running, rank=STUCK) for each in (public, own)),
            self._leg(task.c.untaken_at, _Leg(or_(begun, sent)), untaken, rank=STUCK),
        ).cte("stuck")
        stuck = and_(running, or_(missed, untaken))
        rest = [self._leg(task.c.delivered_at, each, not_(stuck)) for each in (public, own)]
        rest += [self._leg(task.c.delivered_at, each, not_(untaken)) for each in others]
        self.first = _page(self.stuck, filters)
        # Each leg's own first, so that an index in their order is read no further.
        firsts = [_first(each, filters).subquery() for each in rest]
        self.rest = _page(union_all(*map(select, firsts)).subquery(), filters)
        pair, page = (self.stuck.c.from_agency, self.stuck.c.agency), self.first.subquery()
        self.counted = union_all(
            select(page.c.id, page.c.at, page.c.rank, page.c.from_agency, page.c.agency),
            select(literal("").label("id"), func.count().label("at"), literal(COUNTED).label("rank"), *pair).group_by(
                *pair
            ),
        )

    def _leg(
        self, at: ColumnElement[Any], leg: _Leg, *conditions: ColumnElement[bool], rank: int = RUNNING
    ) -> Select[Any]:
        subject = self._asker
        # Of what is the subject's own no case is asked for its parties: so none is joined.
        its = select(case_file.c.protocol_hash).where(case_file.c.case_id == task.c.case_id).scalar_subquery()
        seen = visible(task, subject, its, given=self._held.union(leg.given))
        between = and_(task.c.from_agency.is_not(None), task.c.from_agency != task.c.agency)
        found = select(task.c.id, task.c.from_agency, task.c.agency, at.label("at"), literal(rank).label("rank")).where(
            leg.where, *conditions, between
        )
        if not subject.coordinates:
            found = found.where(or_(task.c.agency == subject.agency, task.c.from_agency == subject.agency))
        found = found.where(seen)
        if self._practice is None:
            return found
        practising = task.c.case_id.in_(select(case_file.c.case_id).where(case_file.c.practice.is_(True)))
        return found.where(practising if self._practice else not_(practising))


_asked = lru_cache(maxsize=STATEMENTS)(_Asked)


def _first(leg: Select[Any], filters: tuple[bool, bool, bool]) -> Select[Any]:
    """The first rows of a leg of what is not stuck, as ``_page`` has them."""
    order = (WAITING_SINCE, task.c.id)
    by = (task.c.agency == bindparam("agency"), task.c.from_agency == bindparam("from_agency"))
    rank, at, id_ = BEHIND
    behind = or_(rank < RUNNING, tuple_(*order) > tuple_(at, id_))
    chosen = [each for each, is_asked in zip((*by, behind), filters, strict=True) if is_asked]
    return leg.where(*chosen).order_by(*order).limit(MOST)


def _page(found: FromClause, filters: tuple[bool, bool, bool]) -> Select[Any]:
    """The first of what is found, filtered by agencies and from behind a cursor, as far as ``filters`` say."""
    wanted = select(found.c.id, found.c.at, found.c.rank, found.c.from_agency, found.c.agency)
    order = (found.c.rank, func.coalesce(found.c.at, NEVER), found.c.id)
    by = (found.c.agency == bindparam("agency"), found.c.from_agency == bindparam("from_agency"))
    behind = tuple_(*order) > tuple_(*BEHIND)
    chosen = [each for each, is_asked in zip((*by, behind), filters, strict=True) if is_asked]
    return wanted.where(*chosen).order_by(*order).limit(MOST)


def _counts(legs: Sequence[Select[Any]]) -> Select[Any]:
    """How many of each pair: counted leg by leg, each in the order of its index, and added up."""
    pair = (task.c.from_agency, task.c.agency)
    counted = (e.with_only_columns(*pair, func.count().label("n")).group_by(task.c.owner, *pair) for e in legs)
    each = union_all(*counted).subquery()
    both = (each.c.from_agency, each.c.agency)
    return select(*both, func.sum(each.c.n).label("n")).group_by(*both)
