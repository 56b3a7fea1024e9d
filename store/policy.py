"""Who may see what, as one SQL clause, so that counting, ordering and paging only ever meet visible rows.

Absence denies. A row without an owner is seen by every party (an agency with a step in the protocol) and by
coordinators; a confidential agency's row by its own people; of such a row marked ``outside``, everybody else sees
that it exists, when it was delivered and taken up, and nothing more.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, ColumnElement, FromClause, and_, case, exists, or_, select, true

from protocol.errors import HandoffError
from protocol.kernel import OpaqueId, Slug
from store.tables import party, voter

COORDINATOR = "coordinator"
"""The role, reserved in every protocol text, that watches handoffs between agencies."""


class SubjectKind(StrEnum):
    """A person, or a records system that reports for one."""

    PERSON = "person"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Who is asking: a person (or system) of one agency in its roles. ``sources``: agencies it may report for."""

    person_id: OpaqueId
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    kind: SubjectKind = SubjectKind.PERSON
    sources: tuple[Slug, ...] = ()

    @property
    def coordinates(self) -> bool:
        """Whether the subject watches handoffs between all agencies."""
        return COORDINATOR in self.roles


def is_party(subject: Subject, protocol_hash: ColumnElement[str]) -> ColumnElement[bool]:
    """The subject's agency has a step in the case's protocol, or the subject coordinates."""
    if subject.coordinates:
        return true()
    return protocol_hash.in_(select(party.c.protocol_hash).where(party.c.agency == subject.agency))


def visible(rows: FromClause, subject: Subject, protocol_hash: ColumnElement[str]) -> ColumnElement[bool]:
    """Rows (facts, tasks) of which the subject may see anything at all."""
    public = or_(rows.c.owner.is_(None), rows.c.outside)
    return or_(inside(rows, subject), and_(public, is_party(subject, protocol_hash)))


def inside(rows: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Rows that belong to the subject's own agency."""
    return or_(rows.c.agency == subject.agency, rows.c.owner == subject.agency)


def votes_on(tasks: FromClause, subject: Subject, protocol_hash: ColumnElement[str]) -> ColumnElement[bool]:
    """Tasks that are no secret of another agency's, and on which a role of the subject has a vote."""
    role = and_(
        voter.c.protocol_hash == protocol_hash,
        voter.c.step == tasks.c.step,
        voter.c.agency == subject.agency,
        voter.c.role.in_(subject.roles),
    )
    return and_(wholly(tasks, subject), exists().where(role))


def wholly(rows: FromClause, subject: Subject) -> ColumnElement[bool]:
    """Of the visible rows, those that the subject sees in full."""
    return or_(rows.c.owner.is_(None), inside(rows, subject))


def notice_visible(notices: FromClause, subject: Subject, protocol_hash: ColumnElement[str]) -> ColumnElement[bool]:
    """Notices the subject may see: its agency's own, public ones, and those to its own role."""
    public = or_(notices.c.owner.is_(None), notices.c.outside)
    return or_(
        notices.c.owner == subject.agency,
        and_(public, is_party(subject, protocol_hash)),
        and_(public, notices.c.agency == subject.agency, notices.c.role.in_(subject.roles)),
    )


def only_if(clause: ColumnElement[bool], column: Column[Any]) -> ColumnElement[Any]:
    """The column where the clause holds, else NULL; keeps the column's name."""
    return case((clause, column), else_=None).label(column.name)


def unknown(what: str) -> HandoffError:
    """The one answer for what does not exist and for what may not be seen."""
    return HandoffError("NOT_FOUND", f"there is no such {what}, or it is not yours to see")
