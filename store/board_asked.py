"""What is asked for a board, as statements made once for whoever asks the same.

Which handoffs first, by what an index holds, and how many of each pair: nothing here reads what a page shows of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BigInteger,
    BindParameter,
    Column,
    ColumnElement,
    FromClause,
    Integer,
    Select,
    String,
    and_,
    bindparam,
    func,
    literal,
    not_,
    or_,
    select,
    tuple_,
    union_all,
)

from store.paging import NEVER
from store.policy import STATEMENTS, Condition, Subject, visible, wholly
from store.tables import WAITING_SINCE, case_file, task

NOW: BindParameter[int] = bindparam("now", type_=BigInteger)
LATELY: BindParameter[int] = bindparam("lately", type_=BigInteger)
MOST: BindParameter[int] = bindparam("most", type_=Integer)
BEHIND: tuple[BindParameter[int], BindParameter[int], BindParameter[str]] = (
    bindparam("rank_before", type_=Integer),
    bindparam("at_before", type_=BigInteger),
    bindparam("id_before", type_=String),
)
"""What is given when a board is asked for: instants, how many, and the cursor that it goes on from."""

STUCK, RUNNING = 0, 1
"""What comes first."""

PAIR = (task.c.from_agency, task.c.agency)


class _Leg(NamedTuple):
    """A part of the tasks: which, and what of the table of policy holds of all of them.

    ``full``: whether the subject sees them in full; None where that is not asked. ``among``: these and others, as an
    index has them. ``by``: what they are counted by, in the order of that index.
    ``stuck``: which tasks of the same owners are stuck, each part with an index of its own.
    """

    where: ColumnElement[bool]
    among: ColumnElement[bool]
    given: tuple[Condition, ...] = ()
    full: bool | None = None
    by: tuple[Column[Any], ...] = (task.c.owner, *PAIR)
    stuck: tuple[ColumnElement[bool], ...] = ()


class Asked:
    """What is asked for one subject's board: of handoffs that are not over as far as the subject may know.

    ``stuck``: those that are; ``first``: their first; ``rest``: the first of the others; ``counts``: of each pair, how
    many there are (``n``) and how many of them are stuck. Columns of the others: id, from_agency, agency, ``at`` (since
    when it is stuck, else when it was delivered), ``rank``.
    """

    def __init__(
        self,
        asker: Subject,
        *,
        held: frozenset[Condition],
        practice: bool | None,
        filters: tuple[bool, bool, bool],
    ) -> None:
        self._asker = asker
        self._held = held
        self._practice = practice
        open_, nobodys, secret = task.c.status == "open", task.c.owner.is_(None), task.c.owner.is_not(None)
        sent = and_(task.c.outside.is_(True), secret, task.c.withdrawn_at.is_(None))
        running = or_(task.c.paused_until.is_(None), task.c.paused_until <= NOW)
        missed, untaken = task.c.missed_at.is_not(None), and_(task.c.untaken_at.is_not(None), task.c.taken_at.is_(None))
        late = and_(open_, missed, running)
        # Not by an index of what is open: of thousands that are, few were told to be untaken: those first.
        begun = and_(func.lower(task.c.status) == "open", not_(missed), running)
        # Nobody's secrets, the subject's own and others' stand apart in the index, and less is to be asked of each.
        known, hidden, ever = nobodys & open_, secret & open_, sent & task.c.taken_at.is_not(None)
        new = sent & task.c.taken_at.is_(None)
        public = _Leg(known, known, (Condition.PUBLIC,), None, PAIR, (nobodys & late, nobodys & untaken & begun))
        own = _Leg(hidden, hidden, (), full=True, stuck=(secret & late, secret & untaken & begun))
        others = [
            _Leg(new, new, (Condition.OUTSIDE,), full=False, stuck=(new & untaken,)),
            _Leg(ever & (task.c.taken_at > LATELY), ever, (Condition.OUTSIDE,), full=False),
        ]
        legs = enumerate((public, own, *others))
        self.counts = _added_up([self._counted(f"leg{number}", leg) for number, leg in legs])

        full = wholly(task, asker)
        told = _Leg(untaken & or_(begun & full, sent & not_(full)), untaken)
        parts = [public._replace(where=nobodys & late), *self._halves(own, secret & late)]
        stuck = [
            (at, self._leg(leg, at, STUCK))
            for at, leg in (*((task.c.missed_at, each) for each in parts), (task.c.untaken_at, told))
        ]
        self.stuck = union_all(*(leg for _, leg in stuck)).cte("stuck")
        self.first = _page([_first(leg, at, STUCK, filters) for at, leg in stuck])
        moving = not_(running & or_(missed, untaken))
        rest = [public._replace(where=known & moving), *self._halves(own, hidden & moving)]
        rest += [each._replace(where=each.where & not_(untaken)) for each in others]
        calm = [self._leg(each, task.c.delivered_at, RUNNING) for each in rest]
        self.rest = _page([_first(each, WAITING_SINCE, RUNNING, filters) for each in calm])

    def _leg(self, leg: _Leg, at: ColumnElement[Any], rank: int) -> Select[Any]:
        found = select(task.c.id, *PAIR, at.label("at"), literal(rank).label("rank"))
        return found.where(*self._seen(leg), *self._between(task, leg))

    def _halves(self, leg: _Leg, where: ColumnElement[bool]) -> list[_Leg]:
        """Of a leg of secrets those of the subject's own agency, which an index has in order; and the others.

        Of the others none is looked at whose owner has none for the subject.
        """
        owners = _different("owners", leg.among, leg.by)
        lent = select(owners.c.owner).where(owners.c.owner != self._asker.agency, *self._between(owners, leg))
        halves = (task.c.owner == self._asker.agency, task.c.owner.in_(lent))
        return [leg._replace(where=where & each) for each in halves]

    def _seen(self, leg: _Leg) -> list[ColumnElement[bool]]:
        """Of a leg's rows those that the subject may see."""
        # Of what is the subject's own no case is asked for its parties: so none is joined.
        its = select(case_file.c.protocol_hash).where(case_file.c.case_id == task.c.case_id).scalar_subquery()
        seen = [leg.where, visible(task, self._asker, its, given=self._held.union(leg.given))]
        if self._practice is None:
            return seen
        practising = task.c.case_id.in_(select(case_file.c.case_id).where(case_file.c.practice.is_(True)))
        return [*seen, practising if self._practice else not_(practising)]

    def _between(self, rows: FromClause, leg: _Leg) -> list[ColumnElement[bool]]:
        """What owner and agencies alone decide: that it is a handoff, one of the subject's board, and of the leg."""
        found = [rows.c.from_agency.is_not(None), rows.c.from_agency != rows.c.agency]
        if not self._asker.coordinates:
            found.append(or_(rows.c.agency == self._asker.agency, rows.c.from_agency == self._asker.agency))
        if leg.full is not None:
            full = wholly(rows, self._asker)
            found.append(full if leg.full else not_(full))
        return found

    def _counted(self, name: str, leg: _Leg) -> Select[Any]:
        """How many of a leg there are of each pair, and how many are stuck."""
        keys = _different(name, leg.among, leg.by)
        same = [column == keys.c[column.name] for column in leg.by]

        def many(where: ColumnElement[bool]) -> ColumnElement[int]:
            seen = self._seen(leg._replace(where=where))
            return select(func.count()).select_from(task).where(*same, *seen).correlate(keys).scalar_subquery()

        stuck = sum((many(each) for each in leg.stuck), literal(0))
        return select(*(keys.c[each.name] for each in PAIR), many(leg.where).label("n"), stuck.label("stuck")).where(
            *self._between(keys, leg)
        )


asked = lru_cache(maxsize=STATEMENTS)(Asked)


def _different(name: str, where: ColumnElement[bool], columns: Sequence[Column[Any]]) -> CTE:
    """The different values of some columns: each looked up behind the one before, so that no index is read through.

    A row with NULL in the last column ends each of them.
    """
    *rest, column = columns
    if rest:
        before = tuple(_different(name, where, rest).c)
        first = select(*before, _least(where, column, before)).where(before[-1].is_not(None))
    else:
        first = select(_least(where, column, ()))
    level = first.cte(f"{name}_{column.name}", recursive=True)
    *its, last = level.c
    return level.union_all(select(*its, _least(where & (column > last), column, its)).where(last.is_not(None)))


def _least(where: ColumnElement[bool], column: Column[Any], before: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    """The least value of a column beside given values of those before it."""
    same = (task.c[each.name] == each for each in before)
    return select(func.min(column)).where(where, column.is_not(None), *same).scalar_subquery().label(column.name)


def _added_up(legs: Sequence[Select[Any]]) -> Select[Any]:
    each = union_all(*legs).subquery()
    pair = (each.c.from_agency, each.c.agency)
    found = select(*pair, func.sum(each.c.n).label("n"), func.sum(each.c.stuck).label("stuck")).group_by(*pair)
    return found.having(func.sum(each.c.n) > 0)


def _first(leg: Select[Any], at: ColumnElement[Any], rank: int, filters: tuple[bool, bool, bool]) -> Select[Any]:
    """The first rows of a leg: each leg's own, so that an index in their order is read no further."""
    order = (at, task.c.id)
    # Not by an index of agencies: what is stuck is less than all that one has.
    agency = task.c.agency if rank == RUNNING else func.lower(task.c.agency)
    by = (agency == bindparam("agency"), task.c.from_agency == bindparam("from_agency"))
    before, *place = BEHIND
    behind = or_(before < rank, and_(before == rank, tuple_(*order) > tuple_(*place)))
    chosen = [each for each, is_asked in zip((*by, behind), filters, strict=True) if is_asked]
    return leg.where(*chosen).order_by(*order).limit(MOST)


def _page(firsts: Sequence[Select[Any]]) -> Select[Any]:
    """The first of what several legs begin with."""
    found = union_all(*(select(each.subquery()) for each in firsts)).subquery()
    order = (func.coalesce(found.c.at, NEVER), found.c.id)
    return select(found.c.id, found.c.at, found.c.rank).order_by(*order).limit(MOST)
