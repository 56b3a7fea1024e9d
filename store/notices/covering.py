"""Cover asked for a shift: who could give it hears of it once, with when it is and no more; and whom it went to.

Whoever has the role and is not on duty in it then could. A shift is of no case, so nothing of any is said.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store import people, rotas
from store.accounts import lockout
from store.notices import errands, resolving
from store.notices.errands import Errand, Kind
from store.rotas import Shift

APART = 4 * clocks.HOUR
"""Who was asked is not asked again for the same shift within so long."""
REACHED = frozenset(("sent", "delivered"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One person who was asked for cover. ``reached``: a message left for them; None: it has still to."""

    person_id: OpaqueId
    reached: bool | None


def ask(connection: Connection, found: Shift, able: Collection[str], now: Instant) -> None:
    """Let everybody who could cover a shift know that its person asks. Needs a writing connection.

    Who cannot be told by any of the ways ``able`` is written down as not reached.
    """
    lately = {each.person for each in errands.of_shift(connection, found.agency, found.id) if each.since > now - APART}
    made = []
    for each in could_cover(connection, found, now):
        if each in lately:
            continue
        new = replace(errands.new(found.agency, Kind.COVER, now, person=each), role=found.role, shift=found.id)
        way = resolving.one_person(connection, each, able)
        made.append((new if way else new.over("unsent", now), None))
    errands.add(connection, made)


def could_cover(connection: Connection, found: Shift, now: Instant) -> tuple[OpaqueId, ...]:
    """Who has the role of a shift, can sign in, and is not on duty in that role then; by name."""
    busy = {
        each.person_id
        for each in rotas.shifts(connection, found.agency, found.role, max(found.starts_at, now), found.ends_at)
    }
    holders = people.people(connection, agency_id=found.agency, role=found.role)
    return tuple(
        each.id
        for each in sorted(holders, key=lambda each: (each.name, each.id))
        if each.id not in busy | {found.person_id} and not lockout.locked_out(connection, each.id, now)
    )


def asked(connection: Connection, found: Shift) -> tuple[Asked, ...]:
    """Whom asking for cover of a shift went to within the last week; empty when nobody asks (any more)."""
    if found.asked_at is None:
        return ()
    said: dict[OpaqueId, bool | None] = {}
    for each in errands.of_shift(connection, found.agency, found.id):
        if each.since > found.asked_at - APART and each.person is not None:
            said[each.person] = _reached(each)
    return tuple(Asked(person_id=person, reached=reached) for person, reached in said.items())


def shift(connection: Connection, found: Errand) -> Shift | None:
    """The shift that an errand asks cover of; None when nobody asks any more."""
    try:
        known = rotas.shift_of(connection, found.agency, found.shift or "")
    except HandoffError:
        return None
    return known if known.asked_at is not None and known.ends_at > found.since else None


def _reached(found: Errand) -> bool | None:
    if any(each.state in REACHED for each in found.contacts):
        return True
    return None if found.over_at is None else False
