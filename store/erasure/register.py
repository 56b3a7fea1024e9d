"""The erasure list, kept with the keys: what was erased, and what is under a hold, whatever database is put back.

A restored main database is older than the list, and is held against it before anything is opened: see ``replaying``.
The list lives in the keys' own database, which has backups of its own that are kept for seven days.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, Column, Integer, MetaData, String, Table, delete, insert, select, text, update

from protocol.names import OpaqueId
from protocol.state import Instant
from store.erasure.records import Ground, Hold, HoldReason, Order
from store.session import Database, Row, put
from store.tables import NAMING, OPAQUE, SLUG

metadata = MetaData(naming_convention=NAMING)

LOCK = 7_264_317
"""The PostgreSQL advisory lock under which one process at a time makes the tables."""

erasure = Table(
    "erasure",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("part", SLUG, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("ground", String(16), nullable=False),
    Column("person_id", OPAQUE),
    Column("ordered_at", BigInteger, nullable=False),
    Column("reduced_at", BigInteger),
    Column("receipt", Integer),
    Column("destroyed_at", BigInteger),
)
"""One row for each order that was begun. From ``reduced_at`` on, nothing that it names may come back."""

held = Table(
    "erasure_hold",
    metadata,
    Column("id", OPAQUE, primary_key=True),
    Column("case_id", OPAQUE, nullable=False),
    Column("agency", SLUG, nullable=False),
    Column("reason", String(16), nullable=False),
    Column("set_at", BigInteger, nullable=False),
    Column("review_at", BigInteger, nullable=False),
)
"""The holds in force: one set after a backup was taken must stand when that backup is put back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One order of the list. ``reduced_at`` None: begun, and nothing of it was removed as far as the list knows."""

    order: Order
    reduced_at: Instant | None
    receipt: int | None
    destroyed_at: Instant | None


class Register:
    """The erasure list, in the keys' database.

    Args:
        database: the keys' database; the list's tables are made in it if need be.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.write() as connection:
            if not database.sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            metadata.create_all(connection)

    def close(self) -> None:
        """Close its connections."""
        self._database.close()

    def begin(self, order: Order) -> None:
        """Write an order down before anything of it is done. Safe to repeat."""
        with self._database.write() as connection:
            if connection.execute(select(erasure.c.id).where(erasure.c.id == order.id)).first() is None:
                connection.execute(insert(erasure).values(**_of(order)))

    def note(self, order: OpaqueId, **done: int) -> None:
        """Note what of an order is done: ``reduced_at``, ``receipt``, ``destroyed_at``."""
        with self._database.write() as connection:
            connection.execute(update(erasure).where(erasure.c.id == order).values(**done))

    def entries(self) -> tuple[Entry, ...]:
        """Every order that was begun, in the order in which they were."""
        with self._database.read() as connection:
            rows = connection.execute(select(erasure).order_by(erasure.c.ordered_at, erasure.c.id)).all()
        return tuple(
            Entry(
                order=Order(
                    id=row.id,
                    case_id=row.case_id,
                    part=row.part,
                    agency=row.agency,
                    ground=Ground(row.ground),
                    person=row.person_id,
                    ordered_at=row.ordered_at,
                ),
                reduced_at=row.reduced_at,
                receipt=row.receipt,
                destroyed_at=row.destroyed_at,
            )
            for row in rows
        )

    def keep_hold(self, hold: Hold) -> None:
        """Write down a hold in force, or until when it now stands."""
        with self._database.write() as connection:
            put(connection, held, [_hold_row(hold)])

    def drop_hold(self, hold: OpaqueId) -> None:
        """Forget a hold that was lifted."""
        with self._database.write() as connection:
            connection.execute(delete(held).where(held.c.id == hold))

    def holds(self) -> tuple[Hold, ...]:
        """The holds in force."""
        with self._database.read() as connection:
            rows = connection.execute(select(held).order_by(held.c.set_at, held.c.id)).all()
        return tuple(
            Hold(
                id=row.id,
                case_id=row.case_id,
                agency=row.agency,
                reason=HoldReason(row.reason),
                set_at=row.set_at,
                review_at=row.review_at,
            )
            for row in rows
        )

    def merge(self, entries: tuple[Entry, ...], holds: tuple[Hold, ...]) -> None:
        """Take in what another copy of the list knows: neither forgets what the other has."""
        for each in entries:
            self.begin(each.order)
            done = {"reduced_at": each.reduced_at, "receipt": each.receipt, "destroyed_at": each.destroyed_at}
            known = {name: value for name, value in done.items() if value is not None}
            if known:
                self.note(each.order.id, **known)
        for hold in holds:
            self.keep_hold(hold)


def _of(order: Order) -> Row:
    return {
        "id": order.id,
        "case_id": order.case_id,
        "part": order.part,
        "agency": order.agency,
        "ground": order.ground.value,
        "person_id": order.person,
        "ordered_at": order.ordered_at,
    }


def _hold_row(hold: Hold) -> Row:
    return {
        "id": hold.id,
        "case_id": hold.case_id,
        "agency": hold.agency,
        "reason": hold.reason.value,
        "set_at": hold.set_at,
        "review_at": hold.review_at,
    }
