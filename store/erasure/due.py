"""What is due to be erased, found in SQL: no case is asked, and nothing polls Temporal.

When a case has ended, each of its parts gets a row that says when to look at it next: the times of all classes, one
after the other. Looked at then, the class is read from the facts, and the part ordered erased or left for later.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, exists, func, not_, or_, select, update

from protocol.engine import retention
from protocol.kernel import Keeping, Protocol, Retention
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, protocols, tables
from store.erasure import tables as own
from store.erasure.orders import place
from store.erasure.records import Ground, Order
from store.erasure.reducing import facts_of
from store.session import Database, add_new

AT_ONCE = 200
"""Cases, or parts, looked at in one transaction."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """How long a part of an ended case is kept: its class, which is the agency's own to know, and until when."""

    kept: Retention
    until: Instant


def order_due(database: Database, now: Instant) -> int:
    """Write down when to look at newly ended cases, and order what is due; how many parts were ordered."""
    while _note_ended(database) == AT_ONCE:
        pass
    ordered = 0
    while True:
        with database.write() as connection:
            rows = connection.execute(
                select(own.look)
                .where(own.look.c.look_at <= now)
                .order_by(own.look.c.look_at, own.look.c.case_id, own.look.c.part)
                .limit(AT_ONCE)
            ).all()
            ordered += sum(_look(connection, row.case_id, row.part, row.base, now) for row in rows)
        if len(rows) < AT_ONCE:
            return ordered


def _note_ended(database: Database) -> int:
    """Give the parts of ended cases their rows; how many cases."""
    case = tables.case_file
    noted = exists().where(own.look.c.case_id == case.c.case_id)
    with database.write() as connection:
        found = connection.execute(
            select(case.c.case_id, case.c.protocol_hash, case.c.ended_at)
            .where(case.c.status == "ended", not_(noted))
            .order_by(case.c.case_id)
            .limit(AT_ONCE)
        ).all()
        for row in found:
            protocol = protocols.by_hash(connection, row.protocol_hash).protocol
            seen = last_seen(connection, row.case_id)
            rows = []
            for each in retention.parts(protocol):
                base = base_of(protocol, each, row.ended_at, seen)
                at = retention.next_look(protocol, each, base, 0)
                rows.append({"case_id": row.case_id, "part": each.of, "base": base, "look_at": at})
            add_new(connection, own.look, rows)
    return len(found)


def base_of(protocol: Protocol, keeping: Keeping, ended_at: Instant, seen: Instant) -> Instant:
    """From when a part's time is counted: the end of the case inside a confidential agency, else what all could see."""
    confidential = protocol.agency[retention.keeper(protocol, keeping.of)].confidential
    return ended_at if confidential else seen


def last_seen(connection: Connection, case_id: OpaqueId) -> Instant:
    """When the last thing was recorded that every agency of a case could see something of."""
    fact = tables.fact
    public = or_(fact.c.owner.is_(None), fact.c.outside)
    newest = select(func.max(fact.c.recorded)).where(fact.c.case_id == case_id, public)
    return connection.execute(newest).scalar() or 0


def kept(connection: Connection, case_id: OpaqueId, part: Slug) -> Kept | None:
    """How long a part of an ended case is kept. For the agency's own people.

    None while the case is open, and once the part has been ordered erased.
    """
    case = tables.case_file
    ordered = exists().where(own.order.c.case_id == case_id, own.order.c.part == part)
    row = connection.execute(
        select(case.c.protocol_hash, case.c.ended_at).where(
            case.c.case_id == case_id, case.c.status == "ended", not_(ordered)
        )
    ).first()
    if row is None:
        return None
    protocol = protocols.by_hash(connection, row.protocol_hash).protocol
    keeping = retention.part(protocol, part)
    if keeping is None:
        return None
    base = base_of(protocol, keeping, row.ended_at, last_seen(connection, case_id))
    return _kept(connection, protocol, keeping, case_id, base)


def _kept(connection: Connection, protocol: Protocol, keeping: Keeping, case_id: OpaqueId, base: Instant) -> Kept:
    occurred = retention.happened(facts_of(connection, case_id))
    found = retention.class_of(keeping, occurred)
    return Kept(kept=found, until=retention.erase_at(protocol, found, base))


def _look(connection: Connection, case_id: OpaqueId, part: Slug, base: Instant, now: Instant) -> bool:
    """Order a part erased if the time of its class has passed; else say when to look again."""
    hash_ = connection.execute(
        select(tables.case_file.c.protocol_hash).where(tables.case_file.c.case_id == case_id)
    ).scalar_one()
    protocol = protocols.by_hash(connection, hash_).protocol
    keeping = retention.part(protocol, part)
    if keeping is None:
        return False
    if _kept(connection, protocol, keeping, case_id, base).until <= now:
        agency = retention.keeper(protocol, part)
        order = Order(
            id=ids.random_id(),
            case_id=case_id,
            part=part,
            agency=agency,
            ground=Ground.CLASS,
            person=None,
            ordered_at=now,
        )
        place(connection, order)
        return True
    following = retention.next_look(protocol, keeping, base, now)
    connection.execute(
        update(own.look).where(own.look.c.case_id == case_id, own.look.c.part == part).values(look_at=following)
    )
    return False
