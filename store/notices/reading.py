"""What my roles were told: unread first, then newest; and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.edge_tables import notice_receipt
from store.escalations import NEWEST, NoticeView, notice_views, notices_seen, position
from store.keyring.sealing import opened
from store.paging import Cursor, Page, after, page
from store.policy import Subject, notice_visible, unknown
from store.session import add_new
from store.tables import case_file, notice


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTarget:
    """Where to say that a page was read: its case and its number there (None: an ordinary notice), for the engine.

    ``role`` was told; ``stopped`` says that the page is not repeated any more.
    """

    case_id: OpaqueId
    slug: Slug
    page: int | None
    role: Slug
    stopped: bool


def notices(
    connection: Connection, subject: Subject, *, unread: bool = False, cursor: Cursor | None = None, limit: int = 50
) -> Page[NoticeView]:
    """Notices to one of the subject's roles in its own agency, unread first, then newest.

    Args:
        connection: from ``Database.read()``.
        subject: who is asking.
        unread: leave out what somebody has read.
        cursor: the ``next`` of the page before.
        limit: rows on a page.
    """
    statement = _mine(notices_seen(subject), subject)
    if unread:
        statement = statement.where(notice_receipt.c.read_at.is_(None))
    read = case((notice_receipt.c.read_at.is_(None), 0), else_=1)
    order: tuple[ColumnElement[Any], ...] = (read, *NEWEST)
    rows = connection.execute(after(statement, order, cursor, limit)).all()
    return page(notice_views(connection, rows), limit, _position)


def target(connection: Connection, subject: Subject, notice_id: str) -> NoticeTarget:
    """A notice to the subject's own role.

    Raises:
        HandoffError: ``NOT_FOUND`` for none and for one that may not be seen, ``NOT_YOURS`` for one to others.
    """
    row = connection.execute(
        select(
            notice.c.case_id,
            notice.c.seq,
            case_file.c.slug,
            notice.c.page,
            notice.c.role,
            notice.c.stopped_at,
            notice.c.agency,
            notice.c.sealed,
        )
        .join_from(notice, case_file, notice.c.case_id == case_file.c.case_id)
        .where(notice.c.id == notice_id, notice_visible(notice, subject, case_file.c.protocol_hash))
    ).first()
    if row is None:
        raise unknown("notice")
    if row.agency != subject.agency or row.role not in subject.roles:
        raise HandoffError("NOT_YOURS", "this went to another role or agency, and only they can say that it was read")
    (found,) = opened("notice", connection, (row,))
    return NoticeTarget(
        case_id=row.case_id,
        slug=row.slug,
        page=found["page"],
        role=row.role,
        stopped=found["stopped_at"] is not None,
    )


def mark_read(connection: Connection, subject: Subject, notice_id: str, now: Instant) -> NoticeTarget:
    """Note that the subject has read a notice to its own role, of a page its repeats too; the first reader stays.

    Needs a writing connection.

    Raises:
        HandoffError: ``NOT_FOUND``, ``NOT_YOURS``.
    """
    found = target(connection, subject, notice_id)
    read = [notice_id]
    if found.page is not None:
        told = select(notice).where(notice.c.case_id == found.case_id, notice.c.role == found.role)
        rows = opened("notice", connection, connection.execute(told).all())
        read = [each["id"] for each in rows if each["page"] == found.page]
    reads = [{"notice_id": each, "person_id": subject.person_id, "read_at": now} for each in read]
    add_new(connection, notice_receipt, reads)
    return found


def _mine(statement: Select[Any], subject: Subject) -> Select[Any]:
    return statement.where(notice.c.agency == subject.agency, notice.c.role.in_(subject.roles))


def _position(view: NoticeView) -> Cursor:
    return (0 if view.read_at is None else 1, *position(view))
