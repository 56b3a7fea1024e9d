"""What my roles were told: unread first, then newest; and reading it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, case, select

from protocol.kernel import OpaqueId, Slug
from protocol.state import Instant
from store.edge_tables import notice_receipt
from store.escalations import NEWEST, NoticeView, notices_seen, position
from store.paging import Cursor, Page, after, page
from store.policy import Subject, notice_visible, unknown
from store.session import add_new
from store.tables import case_file, notice


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeTarget:
    """Where to say that a page was read: its case and its number there (None: an ordinary notice), for the engine."""

    case_id: OpaqueId
    slug: Slug
    page: int | None


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
    return page([NoticeView(**row._mapping) for row in rows], limit, _position)


def mark_read(connection: Connection, subject: Subject, notice_id: str, now: Instant) -> NoticeTarget:
    """Note that the subject has read a notice to its own role; the first reader stays. Needs a writing connection.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    statement = select(notice.c.case_id, case_file.c.slug, notice.c.page).join_from(
        notice, case_file, notice.c.case_id == case_file.c.case_id
    )
    visible = notice_visible(notice, subject, case_file.c.protocol_hash)
    row = connection.execute(_mine(statement.where(notice.c.id == notice_id, visible), subject)).first()
    if row is None:
        raise unknown("notice")
    add_new(connection, notice_receipt, [{"notice_id": notice_id, "person_id": subject.person_id, "read_at": now}])
    return NoticeTarget(**row._mapping)


def _mine(statement: Select[Any], subject: Subject) -> Select[Any]:
    return statement.where(notice.c.agency == subject.agency, notice.c.role.in_(subject.roles))


def _position(view: NoticeView) -> Cursor:
    return (0 if view.read_at is None else 1, *position(view))
