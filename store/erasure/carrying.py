"""An order carried out, stage by stage; whatever is cut off is taken up again where it stopped, with the same end.

Each stage may be run twice: what it does is done already then, and only writing it down was missing. A hold stops an
order until it is lifted, as long as nothing was removed yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import Connection, select

from protocol.engine import retention
from protocol.engine.clocks import HOUR
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, labels, tables
from store.custodian.port import Custodian
from store.custodian.port import Order as Forgetting
from store.erasure import holds, orders
from store.erasure.records import Order, Stage
from store.erasure.reducing import erased, reduce
from store.erasure.register import Register
from store.keyring import CODEC, Keyring, engagement, shred
from store.session import Database

log = structlog.get_logger("erasure")
NAME = "id"
"""The purpose of a key that a case's name would be made with; destroyed with the last part, so that none is made."""
KEYS_BACKED_UP_FOR = 7 * 24 * HOUR
"""How long a backup of the keys is kept, in microseconds; from then on nothing opens what lies in older backups."""


@dataclass(frozen=True, slots=True)
class Means:
    """What an order is carried out with.

    ``delete_runs`` deletes every run of an ended case from Temporal, waits until they are gone, and says how many.
    """

    database: Database
    register: Register
    custodian: Custodian
    keys: Keyring
    delete_runs: Callable[[OpaqueId], Awaitable[int]]
    now: Callable[[], Instant]


async def carry_out(means: Means, order: Order) -> Stage | None:
    """Carry an order as far as it goes now: the last stage that is done, None if none is.

    It stops at a hold, while the case is open, and before the last stage until the keys' backups are gone.

    Raises:
        HandoffError: somebody who is needed does not answer (``CUSTODIAN_DOWN``, ``TEMPORAL_SILENT``, ``DATABASE_``
            ..); what was done so far stands.
    """
    while True:
        done = await asyncio.to_thread(_stages, means, order)
        following = next((each for each in Stage if each not in done), None)
        if following is None or not await _STEPS[following](means, order):
            return next((each for each in reversed(Stage) if each in done), None)


def _stages(means: Means, order: Order) -> frozenset[Stage]:
    with means.database.read() as connection:
        return frozenset(orders.stages(connection, order.id))


async def _list(means: Means, order: Order) -> bool:
    def run() -> bool:
        with means.database.read() as connection:
            if not _may_go_on(connection, order):
                return False
        means.register.begin(order)
        _reached(means, order, Stage.LISTED)
        return True

    return await asyncio.to_thread(run)


async def _runs(means: Means, order: Order) -> bool:
    def may() -> bool:
        with means.database.read() as connection:
            return _may_go_on(connection, order)

    if not await asyncio.to_thread(may):
        return False
    number = await means.delete_runs(order.case_id)
    await asyncio.to_thread(_reached, means, order, Stage.RUNS, f"{number} deleted")
    return True


async def _values(means: Means, order: Order) -> bool:
    def run() -> bool:
        with means.database.write() as connection:
            holds.lock(connection, order.case_id)
            if not _may_go_on(connection, order):
                return False
            reduce(connection, order.case_id, order.part, means.now())
            orders.reached(connection, order.id, Stage.VALUES, means.now())
        return True

    return await asyncio.to_thread(run)


async def _forgotten(means: Means, order: Order) -> bool:
    def run() -> bool:
        means.register.note(order.id, reduced_at=means.now())
        means.database.empty_log()
        with means.database.read() as connection:
            site, _ = ids.site_of(connection)
            protocol = orders.protocol_of_case(connection, order.case_id)
        keeps = any(order.part in (slot.keeper, slot.id) for slot in protocol.vault)
        detail = "keeps no values"
        if keeps:
            field = order.part if order.part in protocol.slot else None
            receipt = means.custodian.forget(
                Forgetting(site=site, case_id=order.case_id, owner=order.agency, field=field)
            )
            means.register.note(order.id, receipt=receipt.number)
            detail = f"receipt {receipt.number}"
        _reached(means, order, Stage.FORGOTTEN, detail)
        return True

    return await asyncio.to_thread(run)


async def _keys(means: Means, order: Order) -> bool:
    def run() -> bool:
        with means.database.read() as connection:
            named = purposes(
                orders.protocol_of_case(connection, order.case_id), order.part, erased(connection, order.case_id)
            )
        gone = means.keys.destroy(order.case_id, named)
        means.register.note(order.id, destroyed_at=means.now())
        _reached(means, order, Stage.KEYS, f"{gone} destroyed")
        return True

    return await asyncio.to_thread(run)


async def _complete(means: Means, order: Order) -> bool:
    def run() -> bool:
        with means.database.read() as connection:
            destroyed = orders.stages(connection, order.id)[Stage.KEYS].at
        if means.now() < destroyed + KEYS_BACKED_UP_FOR:
            return False
        _reached(means, order, Stage.COMPLETE)
        return True

    return await asyncio.to_thread(run)


_STEPS: dict[Stage, Callable[[Means, Order], Awaitable[bool]]] = {
    Stage.LISTED: _list,
    Stage.RUNS: _runs,
    Stage.VALUES: _values,
    Stage.FORGOTTEN: _forgotten,
    Stage.KEYS: _keys,
    Stage.COMPLETE: _complete,
}
"""Each gives False when it cannot be done yet."""


def purposes(protocol: Protocol, part: Slug, gone: frozenset[Slug]) -> tuple[str, ...]:
    """The keys of a case that its part's erasure destroys; with its last agency's the case's name goes too."""
    if part in protocol.slot:
        return (shred(protocol.slot[part].keeper, part),)
    own = [each.of for each in retention.parts(protocol) if retention.keeper(protocol, each.of) == part]
    owners = labels.owners_erased(protocol, gone | {part}) - labels.owners_erased(protocol, gone - {part})
    agencies = {each.of for each in retention.parts(protocol) if each.of in protocol.agency}
    last = (NAME,) if agencies <= gone | {part} else ()
    return (CODEC, *sorted(engagement(each) for each in owners), *(shred(part, each) for each in own), *last)


def _may_go_on(connection: Connection, order: Order) -> bool:
    """Whether the case has ended and nobody holds it."""
    case = tables.case_file
    status = connection.execute(select(case.c.status).where(case.c.case_id == order.case_id)).scalar()
    return status == "ended" and holds.in_force(connection, order.case_id, order.agency) is None


def _reached(means: Means, order: Order, stage: Stage, detail: str = "") -> None:
    with means.database.write() as connection:
        orders.reached(connection, order.id, stage, means.now(), detail)


async def sweep(means: Means, agency: Slug | None = None) -> int:
    """Carry every order (or an agency's) as far as it goes now; how many had to be left because somebody was away."""
    with means.database.read() as connection:
        waiting = orders.unfinished(connection, agency)
    left = 0
    for order in waiting:
        try:
            await carry_out(means, order)
        except HandoffError as error:
            left += 1
            log.warning("erasure waits", order=order.id, code=error.code)
    return left


__all__ = ["KEYS_BACKED_UP_FOR", "Means", "carry_out", "purposes", "sweep"]
