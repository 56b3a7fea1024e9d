"""The board: what is stuck between which agencies, the longest stuck first; counts of every pair.

Stuck is what is late, and what nobody took up although that was told: of a confidential agency's handoff others know
the second alone. Which handoffs first, by what an index holds; what is shown of them is asked for those of one page.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BigInteger, Connection, Row, bindparam, func, select, text

from protocol.engine import clocks
from protocol.names import Slug
from protocol.state import Instant
from store.board_asked import BEHIND, STUCK, asked
from store.handoffs import IN_HAND_FOR
from store.paging import NEVER, Cursor
from store.policy import Subject, held_everywhere, notice_visible
from store.tables import WENT_LATE, case_file, notice
from store.task_view import TaskView, of_ids

DAY = 24 * clocks.HOUR


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
    wanted = asked(
        subject.asker,
        held=held_everywhere(connection, subject),
        practice=practice if practice or practised else None,
        filters=(agency is not None, from_agency is not None, cursor is not None),
    )
    given: dict[str, Any] = {"now": now, "lately": now - IN_HAND_FOR, "agency": agency, "from_agency": from_agency}
    given |= dict(zip((each.key for each in BEHIND), cursor or (), strict=False))
    # Of thousands the stuck are few: only when a page has room left after them are the others looked for.
    rows = list(connection.execute(wanted.first, {**given, "most": limit + 1}).all())
    if not stuck and len(rows) <= limit:
        rows += connection.execute(wanted.rest, {**given, "most": limit + 1 - len(rows)}).all()
    kept = rows[:limit]
    shown = of_ids(connection, subject, [row.id for row in kept])
    every = connection.execute(wanted.counts, given).all() if counted else ()
    return Board(
        pairs=tuple(
            Pair(from_agency=row.from_agency, agency=row.agency, open=int(row.n), stuck=int(row.stuck))
            for row in sorted(every, key=lambda row: (row.from_agency, row.agency))
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
    found = asked(subject.asker, held=held, practice=None, filters=(False, False, False)).stuck
    wanted = select(found.c.id, found.c.at).where(found.c.id.in_(ids))
    return {row.id: row.at for row in connection.execute(wanted, {"now": now, "lately": now - IN_HAND_FOR})}


_PRACTISED = select(case_file.c.case_id).where(case_file.c.practice.is_(True)).limit(1)
_LATE = (notice.c.recorded > bindparam("since", type_=BigInteger), text(WENT_LATE))
_ANY_LATE = select(notice.c.id).where(*_LATE).limit(1)


def _practised(connection: Connection) -> bool:
    return connection.execute(_PRACTISED).first() is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """Notices that went late: how many, when the first was to go, when the last went."""

    n: int
    since: Instant
    until: Instant


def outage(connection: Connection, subject: Subject, now: Instant) -> Outage | None:
    """Notices of the last day that went more than five minutes late, as far as the subject may see them."""
    if connection.execute(_ANY_LATE, {"since": now - DAY}).first() is None:
        return None
    found = connection.execute(
        select(
            func.count().label("n"), func.min(notice.c.at).label("since"), func.max(notice.c.recorded).label("until")
        )
        .join_from(notice, case_file, case_file.c.case_id == notice.c.case_id)
        .where(*_LATE, notice_visible(notice, subject, case_file.c.protocol_hash)),
        {"since": now - DAY},
    ).one()
    return Outage(n=found.n, since=found.since, until=found.until) if found.n else None


def _position(row: Row[Any]) -> Cursor:
    return (row.rank, NEVER if row.at is None else row.at, row.id)
