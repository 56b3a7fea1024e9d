"""Rotas: who is on duty for a role and when, cover asked and given, and who answers at an instant.

The one answer to that is ``on_duty``: what a page shows, who is rung and what the proof of cover counts all ask it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, delete, insert, select, update

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids
from store.accounts import lockout
from store.edge_tables import person, rota
from store.people import Person, one, people

MOST_WEEKS = 26
LONGEST = 7 * 24 * 60 * 60 * 1_000_000
"""Microseconds of one shift."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """One person's duty in a role, from an instant (included) to an instant (not included).

    ``covers``: whose it was before somebody said yes; ``asked_at``: since when its person asks for cover.
    """

    id: OpaqueId
    role: Slug
    person_id: OpaqueId
    name: str
    agency: Slug
    starts_at: Instant
    ends_at: Instant
    covers: OpaqueId | None
    asked_at: Instant | None


def add_duty(connection: Connection, role: Slug, person_id: OpaqueId, starts_at: Instant, ends_at: Instant) -> OpaqueId:
    """Put a person on a role's rota from an instant (included) to an instant (not included).

    Raises:
        HandoffError: ``ROTA_BACKWARDS`` when it ends before it starts; ``ROTA_LONG``; ``NOT_THEIR_ROLE``.
    """
    if ends_at <= starts_at:
        raise HandoffError("ROTA_BACKWARDS", "a duty must end after it starts")
    if ends_at - starts_at > LONGEST:
        raise HandoffError("ROTA_LONG", "a duty is seven days at most: enter it week by week")
    if role not in one(connection, person_id).roles:
        raise HandoffError("NOT_THEIR_ROLE", f"this person does not have the role {role}")
    id_ = ids.random_id()
    connection.execute(
        insert(rota).values(id=id_, role=role, person_id=person_id, starts_at=starts_at, ends_at=ends_at)
    )
    return id_


def fill(
    connection: Connection,
    role: Slug,
    person_id: OpaqueId,
    starts_at: Instant,
    ends_at: Instant,
    *,
    beside: bool = False,
) -> OpaqueId:
    """Put somebody where nobody is; ``beside`` others who are on duty then, if that is meant.

    Raises:
        HandoffError: ``ROTA_COVERED`` where somebody is, and never twice the same person; as ``add_duty``.
    """
    agency = one(connection, person_id).agency
    for each in shifts(connection, agency, role, starts_at, ends_at):
        if each.person_id == person_id or not beside:
            raise HandoffError("ROTA_COVERED", f"{each.name} already covers this")
    return add_duty(connection, role, person_id, starts_at, ends_at)


def weekly(zone: str, starts_at: Instant, ends_at: Instant, weeks: int) -> tuple[tuple[Instant, Instant], ...]:
    """A shift at the same local times of so many weeks: it stays at 8 PM when the clocks change.

    Raises:
        HandoffError: ``ROTA_WEEKS``.
    """
    if not 1 <= weeks <= MOST_WEEKS:
        raise HandoffError("ROTA_WEEKS", f"a shift is entered for 1 to {MOST_WEEKS} weeks")
    later = ((_later(zone, starts_at, week), _later(zone, ends_at, week)) for week in range(1, weeks))
    return ((starts_at, ends_at), *later)


def _later(zone: str, at: Instant, weeks: int) -> Instant:
    local = clocks.moment(at, zone)
    minute = local.hour * 60 + local.minute
    return clocks.local_instant(zone, local.toordinal() + 7 * weeks, minute, last=bool(local.fold))


def shifts(
    connection: Connection, agency: Slug, role: Slug | None, since: Instant, until: Instant
) -> tuple[Shift, ...]:
    """The shifts of an agency's people in a span of time, of one role or all, first first."""
    wanted = _whole().where(
        person.c.agency == agency, person.c.active, rota.c.starts_at < until, rota.c.ends_at > since
    )
    if role is not None:
        wanted = wanted.where(rota.c.role == role)
    rows = connection.execute(wanted.order_by(rota.c.starts_at, rota.c.ends_at, person.c.name, rota.c.id))
    return tuple(_shift(row) for row in rows)


def shifts_of(connection: Connection, person_id: OpaqueId, since: Instant, until: Instant) -> tuple[Shift, ...]:
    """One person's shifts in a span of time, first first."""
    wanted = _whole().where(rota.c.person_id == person_id, rota.c.starts_at < until, rota.c.ends_at > since)
    return tuple(_shift(row) for row in connection.execute(wanted.order_by(rota.c.starts_at, rota.c.id)))


def shift_of(connection: Connection, agency: Slug, shift_id: OpaqueId) -> Shift:
    """One shift of an agency's.

    Raises:
        HandoffError: ``UNKNOWN_SHIFT``, for another agency's as well.
    """
    row = connection.execute(_whole().where(rota.c.id == shift_id, person.c.agency == agency)).first()
    if row is None:
        raise HandoffError("UNKNOWN_SHIFT", "there is no such shift any more: look at the rota again")
    return _shift(row)


def remove(connection: Connection, found: Shift) -> None:
    """Take a shift out; whoever is rung then is said by ``on_duty``."""
    connection.execute(delete(rota).where(rota.c.id == found.id))


def ask_cover(connection: Connection, found: Shift, since: Instant, until: Instant, now: Instant) -> OpaqueId:
    """Ask for cover of a shift or a part of it, which becomes a shift of its own. Its person stays on until a yes.

    Raises:
        HandoffError: ``ROTA_OUTSIDE`` when the part is not within the shift, or is over.
    """
    if not (found.starts_at <= since < until <= found.ends_at and until > now):
        raise HandoffError("ROTA_OUTSIDE", "ask for cover of a part of this shift that is not over")
    for start, end in ((found.starts_at, since), (until, found.ends_at)):
        if start < end:
            _copied(connection, found, start, end)
    connection.execute(
        update(rota).where(rota.c.id == found.id).values(starts_at=since, ends_at=until, asked_at=found.asked_at or now)
    )
    return found.id


def keep(connection: Connection, found: Shift) -> None:
    """Ask for cover no more."""
    connection.execute(update(rota).where(rota.c.id == found.id).values(asked_at=None))


def cover(connection: Connection, found: Shift, person_id: OpaqueId, now: Instant) -> None:
    """Say yes: from now on (or its start) the shift is this person's, and its former one is free.

    Raises:
        HandoffError: ``ROTA_NOT_ASKED`` when nobody asks (any more), ``ROTA_OVER``, ``ROTA_COVERED`` when they are on
            duty in that role then anyway, ``NOT_THEIR_ROLE``.
    """
    if found.asked_at is None:
        whose = f"{found.name} already covers this" if found.covers else f"{found.name} does not ask for cover"
        raise HandoffError("ROTA_NOT_ASKED", whose)
    if found.ends_at <= now:
        raise HandoffError("ROTA_OVER", "this shift is over")
    if found.person_id == person_id:
        raise HandoffError("ROTA_NOT_ASKED", "this is your own shift; to keep it, stop asking for cover")
    mine = one(connection, person_id)
    if found.role not in mine.roles or not mine.active:
        raise HandoffError("NOT_THEIR_ROLE", f"this person does not have the role {found.role}")
    since = max(found.starts_at, now)
    theirs = shifts_of(connection, person_id, since, found.ends_at)
    if any(each.role == found.role for each in theirs):
        raise HandoffError("ROTA_COVERED", f"{mine.name} is on duty then already")
    if since > found.starts_at:
        _copied(connection, found, found.starts_at, since)
    # Only while it is still asked for: of two who say yes at once, one gets it.
    done = connection.execute(
        update(rota)
        .where(rota.c.id == found.id, rota.c.person_id == found.person_id, rota.c.asked_at.is_not(None))
        .values(person_id=person_id, covers=found.covers or found.person_id, asked_at=None, starts_at=since)
    )
    if done.rowcount != 1:
        raise HandoffError("ROTA_NOT_ASKED", "somebody already covers this")


def _copied(connection: Connection, found: Shift, start: Instant, end: Instant) -> None:
    connection.execute(
        insert(rota).values(
            id=ids.random_id(),
            role=found.role,
            person_id=found.person_id,
            starts_at=start,
            ends_at=end,
            covers=found.covers,
            asked_at=None,
        )
    )


def chain(protocol: Protocol, role: Slug) -> tuple[Slug, ...]:
    """A role, its deputy, that one's deputy."""
    found: list[Slug] = []
    wanted: Slug | None = role
    while wanted is not None and wanted not in found:
        found.append(wanted)
        wanted = protocol.role[wanted].deputy
    return tuple(found)


def listed(connection: Connection, protocol: Protocol, role: Slug, at: Instant) -> tuple[Person, ...]:
    """The people on duty for a role at an instant, by name; those of its deputies where nobody is.

    Those on its rota who can sign in (who is locked out cannot answer); a role without a rota is everybody who has it.
    """
    for each in chain(protocol, role):
        known = protocol.role[each]
        found = _listed(connection, protocol, each, at) if known.by_rota else _holders(connection, protocol, each)
        if found:
            return found
    return ()


def on_duty(connection: Connection, protocol: Protocol, role: Slug, at: Instant) -> tuple[Person, ...]:
    """The people who answer for a role at an instant, by name: who is on duty, else all who have the role.

    Empty only when neither the role nor its deputies have anybody.
    """
    found = listed(connection, protocol, role, at)
    if found:
        return found
    holders = (_holders(connection, protocol, each) for each in chain(protocol, role))
    return next((each for each in holders if each), ())


def _listed(connection: Connection, protocol: Protocol, role: Slug, at: Instant) -> tuple[Person, ...]:
    on = connection.execute(
        select(rota.c.person_id)
        .join(person, person.c.id == rota.c.person_id)
        .where(
            # Two agencies may call a role the same.
            and_(rota.c.role == role, person.c.agency == protocol.role[role].agency),
            and_(rota.c.starts_at <= at, rota.c.ends_at > at, person.c.active),
        )
        .distinct()
    ).scalars()
    found = [one(connection, each) for each in on.all() if not lockout.locked_out(connection, each, at)]
    return tuple(sorted((each for each in found if role in each.roles), key=lambda each: (each.name, each.id)))


def _holders(connection: Connection, protocol: Protocol, role: Slug) -> tuple[Person, ...]:
    return people(connection, agency_id=protocol.role[role].agency, role=role)


def _whole() -> Any:  # noqa: ANN401 - a select of rows of two tables
    return select(rota, person.c.name, person.c.agency).join(person, person.c.id == rota.c.person_id)


def _shift(row: Row[Any]) -> Shift:
    return Shift(
        id=row.id,
        role=row.role,
        person_id=row.person_id,
        name=row.name,
        agency=row.agency,
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        covers=row.covers,
        asked_at=row.asked_at,
    )
