"""After a backup was put back: the erasure list is carried out on it again, before anybody may open anything."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store import tables
from store.erasure import orders
from store.erasure import tables as own
from store.erasure.carrying import purposes
from store.erasure.records import Order, Stage
from store.erasure.reducing import erased, reduce
from store.erasure.register import Entry, Register
from store.keyring import Keyring
from store.session import Database


def to_replay(database: Database, register: Register) -> tuple[Entry, ...]:
    """What the list says was removed and this database still has: not empty only after a restore."""
    entries = register.entries()
    with database.read() as connection:
        done = _removed(connection)
    return tuple(each for each in entries if each.reduced_at is not None and each.order.id not in done)


def must_be_replayed(database: Database, register: Register) -> None:
    """Refuse to open a database that has what was erased.

    Raises:
        HandoffError: ``ERASURES_TO_REPLAY``.
    """
    found = to_replay(database, register)
    if found:
        says = f"This database was put back from a backup and still holds {len(found)} erased parts of cases."
        raise HandoffError("ERASURES_TO_REPLAY", f"{says} Run: handoff restore --replay")


def replay(database: Database, register: Register, keys: Keyring, now: Instant) -> int:
    """Carry the list out on a database that was put back; how many parts were removed again.

    What is left of each order (Temporal's runs, the custodian) is done by the sweep once everything is up. Orders begun
    and not yet carried out, and holds, stand again as the list has them.
    """
    with database.write() as connection:
        for hold in register.holds():
            if connection.execute(select(own.hold.c.id).where(own.hold.c.id == hold.id)).first() is None:
                connection.execute(
                    insert(own.hold).values(
                        id=hold.id,
                        case_id=hold.case_id,
                        agency=hold.agency,
                        reason=hold.reason.value,
                        set_at=hold.set_at,
                        review_at=hold.review_at,
                    )
                )
    number = 0
    for entry in register.entries():
        with database.write() as connection:
            if not _is_there(connection, entry.order.case_id):
                _note_absent(connection, entry.order, now)
                continue
            orders.insert_as_listed(connection, entry.order)
            if entry.reduced_at is None or Stage.VALUES in orders.stages(connection, entry.order.id):
                continue
            reduce(connection, entry.order.case_id, entry.order.part, now)
            named = purposes(
                orders.protocol_of_case(connection, entry.order.case_id),
                entry.order.part,
                erased(connection, entry.order.case_id),
            )
            orders.reached(connection, entry.order.id, Stage.LISTED, now, "replayed")
            orders.reached(connection, entry.order.id, Stage.VALUES, now, "replayed")
        keys.destroy(entry.order.case_id, named)
        number += 1
    return number


def _removed(connection: Connection) -> frozenset[OpaqueId]:
    rows = connection.execute(select(own.stage.c.order_id).where(own.stage.c.stage == Stage.VALUES.value))
    return frozenset(rows.scalars())


def _is_there(connection: Connection, case_id: OpaqueId) -> bool:
    return (
        connection.execute(select(tables.case_file.c.case_id).where(tables.case_file.c.case_id == case_id)).first()
        is not None
    )


def _note_absent(connection: Connection, order: Order, now: Instant) -> None:
    """A backup older than the case: there is nothing to remove, and the order stands as carried out."""
    orders.insert_as_listed(connection, order)
    for each in Stage:
        orders.reached(connection, order.id, each, now, "not in the backup")
