"""Who saw this case: the rows of its chain, and pages of several cases on which it stood, newest first.

An agency is told what its own people did, and what was sealed to it: what others did, or tried, with what it keeps.
Of anything else not even the existence is told, so an agency learns nothing of another's activity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Row, and_, func, literal, or_, select, union_all

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, protocols
from store.audit import sealing
from store.audit.chain import header, mark
from store.audit.entry import Kind, of_agency
from store.audit.sealing import NOBODY, Detail
from store.audit.site_key import SiteKey
from store.audit.tables import audit_key, audit_row
from store.custodian.port import Custodian, Grant
from store.edge_tables import person
from store.paging import Cursor, Page, after, page
from store.policy import STEWARD, Subject
from store.session import Database
from store.tables import case_file, notice, task


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One thing somebody did with a case. ``detail`` is None where it is another agency's to know, or was altered.

    ``number`` counts only what its reader is told of. ``name`` is the person's, as they are called today.
    """

    number: int
    at: Instant
    agency: Slug | None
    kind: str
    detail: Detail | None = None
    name: str | None = None


def may_ask(subject: Subject, protocol: Protocol) -> bool:
    """Whether somebody may be told who saw a case: a lead of an agency of its protocol, or the agency's steward."""
    known = protocol.agency.get(subject.agency)
    leads = () if known is None else known.leads
    return bool({STEWARD, *leads} & set(subject.roles))


def who_saw(  # noqa: PLR0913 - who asks, about what, which page
    database: Database,
    custodian: Custodian,
    key: SiteKey,
    subject: Subject,
    case_id: OpaqueId,
    *,
    cursor: Cursor | None = None,
    limit: int = 200,
) -> Page[Reading]:
    """Who saw a case, newest first.

    Args:
        database: the installation's.
        custodian: who opens what was sealed to the subject's agency.
        key: what opens the details of an agency that had no card.
        subject: who is asking; whether they may is asked before, with ``may_ask``.
        case_id: the case.
        cursor: the ``next`` of the page before.
        limit: rows on a page.

    Raises:
        HandoffError: ``CUSTODIAN_DOWN``, ``DATABASE_``.
    """
    with database.read() as connection:
        site, _ = ids.site_of(connection)
        found = _rows(connection, subject.agency, case_id)
        rows = connection.execute(after(select(found), (-found.c.number,), cursor, limit)).all()
        keys = connection.execute(select(audit_key).where(audit_key.c.id.in_({row.key for row in rows}))).all()
    grant = Grant(person=subject.person_id, agency=subject.agency, token=subject.grant)
    opened = sealing.open_keys(custodian, grant, site, [row for row in keys if row.agency == subject.agency])
    opened |= sealing.open_keys(key, grant, site, [row for row in keys if row.agency == NOBODY])
    readings = [_reading(row, opened.get(row.key)) for row in rows]
    with database.read() as connection:
        named = _named(connection, readings)
    return page(named, limit, lambda each: (-each.number,))


def _rows(connection: Connection, agency: Slug, case_id: OpaqueId) -> Any:  # noqa: ANN401 - a subquery
    """Rows an agency may be told of: of the case's chain, and of the agency's own pages of several cases.

    What its people were denied is told to whoever it belongs to: that it stands in this case's chain, and not among
    what leads nowhere, would say that something is there.
    """
    own = and_(audit_row.c.agency == agency, audit_row.c.kind != Kind.DENIED.value)
    mine = or_(own, audit_key.c.agency == agency)
    columns = select(audit_row).join_from(audit_row, audit_key, audit_row.c.key == audit_key.c.id).where(mine)
    single = columns.where(audit_row.c.chain == case_id)
    listed = columns.where(audit_row.c.chain == of_agency(agency), _holds(connection, mark(case_id)))
    rows = union_all(single, listed).subquery("rows")
    # A chain's own numbers count what others did.
    number = func.row_number().over(order_by=(rows.c.at, rows.c.chain, rows.c.n)).label("number")
    return select(rows, number).subquery("seen")


def _holds(connection: Connection, sought: bytes) -> Any:  # noqa: ANN401 - a clause
    """Whether a page's marks hold one. Looked for by the database itself, over every page of the agency."""
    if connection.dialect.name == "sqlite":
        return func.instr(audit_row.c.about, sought) > 0
    return func.position(literal(sought).op("IN")(audit_row.c.about)) > 0


def _reading(row: Row[Any], key: bytes | None) -> Reading:
    clear = header(row.chain, row.n, row.at, row.agency, row.kind, row.request, row.key, bytes(row.about))
    return Reading(
        number=row.number,
        at=row.at,
        agency=row.agency,
        kind=row.kind,
        detail=None if key is None else sealing.open_detail(key, bytes(row.sealed), clear),
    )


def _named(connection: Connection, readings: list[Reading]) -> list[Reading]:
    wanted = {each.detail.person for each in readings if each.detail is not None and each.detail.person is not None}
    rows = connection.execute(select(person.c.id, person.c.name).where(person.c.id.in_(wanted)))
    names = {row.id: row.name for row in rows}
    return [
        each if each.detail is None else replace(each, name=names.get(each.detail.person or "")) for each in readings
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """The case an id of a request leads to, and whose what it names is, if anybody's; for the audit alone."""

    case_id: OpaqueId
    keeper: Slug | None


def behind(connection: Connection, named: dict[str, str]) -> Behind | None:
    """The case that a request's path leads to, whoever asks; None when it leads to none.

    Args:
        connection: from ``Database.read()``.
        named: the path's parts: ``case`` (id or code), ``task`` or ``notice``, and perhaps ``slot``.
    """
    for each, table in (("task", task), ("notice", notice)):
        if each in named:
            owner = func.coalesce(table.c.owner, table.c.agency)
            row = connection.execute(select(table.c.case_id, owner).where(table.c.id == named[each])).first()
            return None if row is None else Behind(case_id=row[0], keeper=row[1])
    if "case" not in named:
        return None
    case_id = ids.case_of_code(connection, named["case"]) or named["case"]
    hash_ = connection.execute(select(case_file.c.protocol_hash).where(case_file.c.case_id == case_id)).scalar()
    if hash_ is None:
        return None
    slot = protocols.by_hash(connection, hash_).protocol.slot.get(named.get("slot", ""))
    return Behind(case_id=case_id, keeper=None if slot is None else slot.keeper)
