"""Who is on duty: rota entries, then the deputy, then everybody in the role, so that somebody always is."""

from __future__ import annotations

from sqlalchemy import Connection, insert, select

from protocol.errors import HandoffError
from protocol.kernel import OpaqueId, Protocol, Slug
from protocol.state import Instant
from store import ids
from store.accounts import lockout
from store.edge_tables import person, rota
from store.people import Person, one, people


def add_duty(connection: Connection, role: Slug, person_id: OpaqueId, starts_at: Instant, ends_at: Instant) -> OpaqueId:
    """Put a person on a role's rota from an instant (included) to an instant (not included).

    Raises:
        HandoffError: ``ROTA_BACKWARDS`` when it ends before it starts; ``NOT_THEIR_ROLE``.
    """
    if ends_at <= starts_at:
        raise HandoffError("ROTA_BACKWARDS", "a duty must end after it starts")
    if role not in one(connection, person_id).roles:
        raise HandoffError("NOT_THEIR_ROLE", f"this person does not have the role {role}")
    id_ = ids.random_id()
    connection.execute(
        insert(rota).values(id=id_, role=role, person_id=person_id, starts_at=starts_at, ends_at=ends_at)
    )
    return id_


def on_duty(connection: Connection, protocol: Protocol, role: Slug, at: Instant) -> tuple[Person, ...]:
    """The people who answer for a role at an instant, by name.

    Those on its rota who can sign in (who is locked out cannot answer); if nobody is, those who answer for its
    deputy; if nobody does, all who have the role. A role without a rota is everybody who has it. Empty only when
    neither the role nor its deputies have anybody.
    """
    chain: list[Slug] = []
    wanted: Slug | None = role
    while wanted is not None and wanted not in chain:
        chain.append(wanted)
        wanted = protocol.role[wanted].deputy
    for each in chain:
        known = protocol.role[each]
        found = _listed(connection, each, at) if known.by_rota else _holders(connection, protocol, each)
        if found:
            return found
    return next((found for each in chain if (found := _holders(connection, protocol, each))), ())


def _listed(connection: Connection, role: Slug, at: Instant) -> tuple[Person, ...]:
    listed = connection.execute(
        select(rota.c.person_id)
        .join(person, person.c.id == rota.c.person_id)
        .where(rota.c.role == role, rota.c.starts_at <= at, rota.c.ends_at > at, person.c.active)
        .distinct()
    ).scalars()
    found = [one(connection, each) for each in listed.all() if not lockout.locked_out(connection, each, at)]
    return tuple(sorted((each for each in found if role in each.roles), key=lambda each: (each.name, each.id)))


def _holders(connection: Connection, protocol: Protocol, role: Slug) -> tuple[Person, ...]:
    return people(connection, agency_id=protocol.role[role].agency, role=role)
