"""Who was told what, when and why: every unprompted telling of a ladder but reminders to the owner."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, exists, func, not_, or_, select

from protocol.names import OpaqueId, RungId, Slug
from protocol.state import Instant
from protocol.telling.explain import MOST_TOLD
from store.edge_tables import notice_receipt
from store.keyring.sealing import opened, sealer
from store.paging import Cursor, Page, page
from store.policy import STATEMENTS, Subject, notice_visible, only_if, party_everywhere, unknown
from store.tables import case_file, notice, task


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeView:
    """One telling of one role.

    ``agency`` has the task, ``told_agency`` was told. ``why`` is one word: not-taken-up, unacknowledged, before-due,
    due, late, elapsed, untried, not-tried-in-time or outcome. ``at`` is when the rules asked for it, ``recorded`` when
    it was done: later after an outage. ``paged`` marks a page that is repeated until read. With ``full`` false (a
    confidential agency's handoff seen from outside) the due time, repeats and the reader are empty.
    """

    id: str
    full: bool
    case_id: OpaqueId
    code: str
    slug: Slug
    protocol_hash: str
    step: Slug
    task_id: str | None
    agency: Slug | None
    role: Slug
    told_agency: Slug
    how: str
    why: str
    rung: RungId | None
    at: Instant
    recorded: Instant
    delivered_at: Instant | None
    taken_at: Instant | None
    due_at: Instant | None
    missed_at: Instant | None
    repeat: int | None
    stopped_at: Instant | None
    read_at: Instant | None
    read_by: OpaqueId | None
    practice: bool


def escalations(  # noqa: PLR0913 - filters and paging, by name
    connection: Connection,
    subject: Subject,
    *,
    case_id: OpaqueId | None = None,
    since: Instant | None = None,
    practice: bool = False,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page[NoticeView]:
    """Escalations the subject may see, newest first.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        case_id: only those of one case, also one for practice.
        since: only those recorded at or after this instant.
        practice: of all cases, those of practice ones, which may stand at any time, and none that is real.
        cursor: the ``next`` of the page before.
        limit: rows on a page.
    """
    # Which first, in the order that an index has; what is shown is then asked for those of one page.
    everywhere = party_everywhere(connection, subject)
    wanted = select(notice.c.id).where(notice.c.rung.is_not(None), notice.c.how != "remind")
    wanted = wanted.where(notice_visible(notice, subject, case_file.c.protocol_hash, everywhere=everywhere))
    if not everywhere:
        wanted = wanted.join_from(notice, case_file, notice.c.case_id == case_file.c.case_id)
    if case_id is not None:
        wanted = wanted.where(notice.c.case_id == case_id)
    else:
        of_practice = exists().where(case_file.c.case_id == notice.c.case_id, case_file.c.practice).correlate(notice)
        wanted = wanted.where(of_practice if practice else not_(of_practice))
    if since is not None:
        wanted = wanted.where(notice.c.recorded >= since)
    if cursor is not None:
        at, behind = -int(cursor[0]), cursor[1]
        wanted = wanted.where(notice.c.recorded <= at, or_(notice.c.recorded < at, notice.c.id > behind))
    chosen = connection.execute(wanted.order_by(notice.c.recorded.desc(), notice.c.id).limit(limit + 1)).scalars().all()
    rows = connection.execute(notices_seen(subject).where(notice.c.id.in_(chosen)).order_by(*NEWEST)).all()
    return page(notice_views(connection, rows), limit, position)


def told(connection: Connection, subject: Subject, tasks: Collection[str]) -> dict[str, list[tuple[Instant, Slug]]]:
    """By task, when which role was told, as far as the subject may see it: the latest that a sentence names, in order.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        tasks: ids of tasks that the subject may see.
    """
    if not tasks:
        return {}
    found: dict[str, list[tuple[Instant, Slug]]] = {}
    rows = connection.execute(_told(subject.asker), {"tasks": tasks}).all()
    for each in opened("notice", connection, rows):
        found.setdefault(each["of"], []).append((each["at"], each["role"]))
    return found


@lru_cache(maxsize=STATEMENTS)
def _told(asker: Subject) -> Select[Any]:
    full = or_(notice.c.owner.is_(None), notice.c.owner == asker.agency)
    rank = func.row_number().over(partition_by=(notice.c.case_id, notice.c.instance), order_by=NEWEST)
    place = (notice.c.case_id, notice.c.seq, notice.c.role)
    numbered = (
        select(*place, notice.c.at, only_if(full, notice.c.sealed), task.c.id.label("of"), rank.label("rank"))
        .join_from(notice, task, and_(task.c.case_id == notice.c.case_id, task.c.instance == notice.c.instance))
        .join(case_file, notice.c.case_id == case_file.c.case_id)
        .where(task.c.id.in_(bindparam("tasks", expanding=True)), notice.c.rung.is_not(None), notice.c.how != "remind")
        .where(notice_visible(notice, asker, case_file.c.protocol_hash))
        .subquery()
    )
    # What is sealed is opened one by one: no more of it than is said.
    return select(numbered).where(numbered.c.rank <= MOST_TOLD).order_by(numbered.c.rank.desc())


def one(connection: Connection, subject: Subject, notice_id: str) -> NoticeView:
    """One notice the subject may see.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    row = connection.execute(notices_seen(subject).where(notice.c.id == notice_id)).first()
    if row is None:
        raise unknown("notice")
    return notice_views(connection, (row,))[0]


OF_THE_TASK = ("delivered_at", "taken_at", "due_at", "missed_at")
NEWEST: tuple[ColumnElement[Any], ...] = (-notice.c.recorded, notice.c.id)


def position(view: NoticeView) -> Cursor:
    """The cursor behind a notice, newest first."""
    return (-view.recorded, view.id)


def notices_seen(subject: Subject) -> Select[Any]:
    """Every notice the subject may see, masked."""
    full = or_(notice.c.owner.is_(None), notice.c.owner == subject.agency)
    own = or_(full, notice.c.agency == subject.agency)
    return (
        select(
            notice.c.id,
            full.label("full"),
            notice.c.seq,
            notice.c.instance,
            only_if(full, notice.c.sealed),
            only_if(full, task.c.sealed).label("task_sealed"),
            notice.c.case_id,
            case_file.c.code,
            case_file.c.slug,
            case_file.c.protocol_hash,
            case_file.c.practice,
            notice.c.step,
            notice.c.task_id,
            task.c.agency,
            notice.c.role,
            notice.c.agency.label("told_agency"),
            notice.c.how,
            notice.c.why,
            notice.c.rung,
            notice.c.at,
            notice.c.recorded,
            task.c.delivered_at,
            task.c.taken_at,
            only_if(full, task.c.due_at),
            only_if(full, task.c.missed_at),
            only_if(full, notice.c.repeat),
            only_if(own, notice.c.stopped_at),
            only_if(own, notice_receipt.c.read_at),
            only_if(own, notice_receipt.c.person_id).label("read_by"),
        )
        .join_from(notice, case_file, notice.c.case_id == case_file.c.case_id)
        .outerjoin(task, and_(task.c.case_id == notice.c.case_id, task.c.instance == notice.c.instance))
        .outerjoin(notice_receipt, notice_receipt.c.notice_id == notice.c.id)
        .where(notice_visible(notice, subject, case_file.c.protocol_hash))
    )


def notice_views(connection: Connection, rows: Sequence[Row[Any]]) -> list[NoticeView]:
    """Rows of ``notices_seen`` as values, with what is sealed of them and of their tasks opened."""
    seals = sealer(connection)
    found = opened("notice", connection, rows)
    for each in found:
        sealed = each.pop("task_sealed")
        if sealed is not None:
            place = {"case_id": each["case_id"], "instance": each["instance"], "sealed": sealed}
            its = seals.opened("task", place)
            each.update({name: its[name] for name in OF_THE_TASK if name in its})
    return [NoticeView(**{name: each[name] for name in NoticeView.__dataclass_fields__}) for each in found]
