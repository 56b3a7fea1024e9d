"""Orders: written down once for each part of a case, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, delete, select, update

from protocol.engine import retention
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, protocols, tables
from store.erasure import tables as own
from store.erasure.records import Done, Ground, Order, Stage
from store.policy import STEWARD, Subject, SubjectKind, unknown
from store.session import add_new


def may_decide(subject: Subject, protocol: Protocol) -> None:
    """Refuse whoever does not answer for what their agency keeps.

    Raises:
        HandoffError: ``NOT_YOURS`` for people who are neither a lead nor the steward of their agency.
    """
    agency = protocol.agency.get(subject.agency)
    leads = () if agency is None else agency.leads
    if subject.kind is not SubjectKind.PERSON or not set(subject.roles) & {*leads, STEWARD}:
        raise HandoffError("NOT_YOURS", "only a lead or the steward of your agency decides what is erased or held")


def place(connection: Connection, order: Order, note: OpaqueId | None = None) -> Order:
    """Write an order down; the one that a part already has, if it has one."""
    row = {
        "id": order.id,
        "case_id": order.case_id,
        "part": order.part,
        "agency": order.agency,
        "ground": order.ground.value,
        "person_id": order.person,
        "note_ref": note,
        "ordered_at": order.ordered_at,
    }
    add_new(connection, own.order, [row])
    connection.execute(
        update(own.look).where(own.look.c.case_id == order.case_id, own.look.c.part == order.part).values(look_at=None)
    )
    found = connection.execute(
        select(own.order).where(own.order.c.case_id == order.case_id, own.order.c.part == order.part)
    ).one()
    return of_row(found)


def requested(
    connection: Connection, subject: Subject, case_id: OpaqueId, ground: Ground, now: Instant, note: OpaqueId | None
) -> tuple[Order, ...]:
    """Order by a person's word that their agency's part of a case be erased.

    A case without a conviction loses the parts of every agency that is not confidential, with what they all saw: one
    word of one of their leads is enough. Nothing is erased before the case has ended.

    Raises:
        HandoffError: ``NOT_FOUND`` for a case in which the agency has no part; ``NOT_YOURS``; ``GROUND`` for a ground
            that is nobody's to give, or for a confidential agency's part where there was no conviction.
    """
    protocol = case_protocol(connection, subject, case_id)
    may_decide(subject, protocol)
    if ground is Ground.CLASS:
        raise HandoffError("GROUND", "a class comes due by itself; say why this is to be erased now")
    agencies: Sequence[Slug] = (subject.agency,)
    if ground is Ground.NON_CONVICTION:
        if protocol.agency[subject.agency].confidential:
            raise HandoffError("GROUND", "what happened in court erases nothing of a confidential agency's")
        open_ones = {each.id for each in protocol.agencies if not each.confidential}
        agencies = [each.of for each in retention.parts(protocol) if each.of in open_ones]
    return tuple(
        place(
            connection,
            Order(
                id=ids.random_id(),
                case_id=case_id,
                part=each,
                agency=each,
                ground=ground,
                person=subject.person_id,
                ordered_at=now,
            ),
            note,
        )
        for each in agencies
    )


def case_protocol(connection: Connection, subject: Subject, case_id: OpaqueId) -> Protocol:
    """The protocol of a case in which the subject's agency has a part.

    Raises:
        HandoffError: ``NOT_FOUND``, the same for no such case.
    """
    hash_ = connection.execute(
        select(tables.case_file.c.protocol_hash).where(tables.case_file.c.case_id == case_id)
    ).scalar()
    if hash_ is None:
        raise unknown("case")
    protocol = protocols.by_hash(connection, hash_).protocol
    if retention.part(protocol, subject.agency) is None:
        raise unknown("case")
    return protocol


def protocol_of_case(connection: Connection, case_id: OpaqueId) -> Protocol:
    """The protocol of a case that is known to be there."""
    case = tables.case_file
    hash_ = connection.execute(select(case.c.protocol_hash).where(case.c.case_id == case_id)).scalar_one()
    return protocols.by_hash(connection, hash_).protocol


def unfinished(connection: Connection, agency: Slug | None = None) -> tuple[Order, ...]:
    """Orders that are not complete, oldest first; of one agency, or all."""
    statement = select(own.order).where(own.order.c.done_at.is_(None))
    if agency is not None:
        statement = statement.where(own.order.c.agency == agency)
    rows = connection.execute(statement.order_by(own.order.c.ordered_at, own.order.c.id))
    return tuple(of_row(row) for row in rows)


def of_agency(connection: Connection, agency: Slug, limit: int = 200) -> tuple[Order, ...]:
    """An agency's orders, newest first."""
    rows = connection.execute(
        select(own.order)
        .where(own.order.c.agency == agency)
        .order_by(own.order.c.ordered_at.desc(), own.order.c.id)
        .limit(limit)
    )
    return tuple(of_row(row) for row in rows)


def stages(connection: Connection, order: OpaqueId) -> dict[Stage, Done]:
    """The stages of an order that are done."""
    rows = connection.execute(select(own.stage).where(own.stage.c.order_id == order))
    return {Stage(row.stage): Done(stage=Stage(row.stage), at=row.at, detail=row.detail) for row in rows}


def reached(connection: Connection, order: OpaqueId, stage: Stage, now: Instant, detail: str = "") -> None:
    """Write down that a stage is done. Safe to repeat: the first time stands."""
    add_new(connection, own.stage, [{"order_id": order, "stage": stage.value, "at": now, "detail": detail}])
    if stage is Stage.COMPLETE:
        connection.execute(update(own.order).where(own.order.c.id == order).values(done_at=now))


def insert_as_listed(connection: Connection, order: Order) -> None:
    """Write down an order that the erasure list knows and this database, put back from a backup, does not.

    Under its own id; an order of the same part that the backup had gives way to it.
    """
    there = connection.execute(
        select(own.order.c.id).where(own.order.c.case_id == order.case_id, own.order.c.part == order.part)
    ).scalar()
    if there == order.id:
        return
    if there is not None:
        connection.execute(delete(own.stage).where(own.stage.c.order_id == there))
        connection.execute(delete(own.order).where(own.order.c.id == there))
    place(connection, order)


def of_row(row: Row[Any]) -> Order:
    """An order's row as a value."""
    return Order(
        id=row.id,
        case_id=row.case_id,
        part=row.part,
        agency=row.agency,
        ground=Ground(row.ground),
        person=row.person_id,
        ordered_at=row.ordered_at,
    )
