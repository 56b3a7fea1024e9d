"""Agencies, people, the bearer tokens they come with, and their roles."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, bindparam, delete, insert, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store import ids
from store.edge_tables import agency, person, person_role
from store.policy import Subject, SubjectKind
from store.session import add_new

TOKEN_PREFIX = "hnd_"  # noqa: S105 - says what it is, opens nothing

# Made once: every request asks.
_ACTING = select(person).where(person.c.id == bindparam("of"), person.c.active)
_ROLES = select(person_role.c.role).where(person_role.c.person_id == bindparam("of")).order_by(person_role.c.role)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody (or a records system) who acts for an agency."""

    id: OpaqueId
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    kind: SubjectKind
    sources: tuple[Slug, ...]
    email: str | None
    active: bool


def add_agency(connection: Connection, id_: Slug, name: str, *, confidential: bool) -> None:
    """Add an agency; one that is there stays as it is."""
    add_new(connection, agency, [{"id": id_, "name": name, "confidential": confidential}])


def is_confidential(connection: Connection, agency_id: Slug) -> bool:
    """Whether what an agency's people do is theirs alone to know."""
    return bool(connection.execute(select(agency.c.confidential).where(agency.c.id == agency_id)).scalar())


def add_person(  # noqa: PLR0913 - a person's columns, by name
    connection: Connection,
    *,
    name: str,
    agency_id: Slug,
    roles: Sequence[Slug] = (),
    kind: SubjectKind = SubjectKind.PERSON,
    sources: Sequence[Slug] | None = None,
    email: str | None = None,
) -> Person:
    """Add a person or a records system; ``sources`` are the agencies it may report for, its own by default.

    Raises:
        HandoffError: ``UNKNOWN_AGENCY``.
    """
    if connection.execute(select(agency.c.id).where(agency.c.id == agency_id)).first() is None:
        raise HandoffError("UNKNOWN_AGENCY", f"there is no agency called {agency_id}")
    id_ = ids.random_id()
    reports_for = (agency_id,) if sources is None else tuple(sources)
    connection.execute(
        insert(person).values(
            id=id_,
            name=name,
            agency=agency_id,
            kind=kind.value,
            email=email,
            sources=json.dumps(reports_for),
            token_hash=None,
            active=True,
        )
    )
    set_roles(connection, id_, roles)
    return one(connection, id_)


def set_roles(connection: Connection, person_id: OpaqueId, roles: Sequence[Slug]) -> None:
    """Give a person exactly these roles."""
    connection.execute(delete(person_role).where(person_role.c.person_id == person_id))
    if roles:
        connection.execute(insert(person_role), [{"person_id": person_id, "role": each} for each in sorted(set(roles))])


def deactivate(connection: Connection, person_id: OpaqueId) -> None:
    """The person no longer acts: the token ends, no rota finds them."""
    connection.execute(update(person).where(person.c.id == person_id).values(active=False, token_hash=None))


def issue_token(connection: Connection, person_id: OpaqueId) -> str:
    """A new 256-bit bearer token, shown once; the one before it ends. Only its hash is kept.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    token = TOKEN_PREFIX + secrets.token_urlsafe(32)
    done = connection.execute(
        update(person).where(person.c.id == person_id, person.c.active).values(token_hash=hash_token(token))
    )
    if done.rowcount != 1:
        raise HandoffError("NOT_FOUND", "there is no such person, or they no longer act")
    return token


def verify(connection: Connection, token: str) -> Subject:
    """Who comes with this token.

    Raises:
        HandoffError: ``BAD_TOKEN``, the same for a malformed, unknown and ended token.
    """
    row = None
    if token.startswith(TOKEN_PREFIX):
        row = connection.execute(
            select(person).where(person.c.token_hash == hash_token(token), person.c.active)
        ).first()
    if row is None:
        raise HandoffError("BAD_TOKEN", "this token is not known; ask your agency for a new one")
    return _subject(_person(connection, row))


def subject_of(connection: Connection, person_id: OpaqueId) -> Subject | None:
    """Somebody as they ask, if they still act."""
    row = connection.execute(_ACTING, {"of": person_id}).first()
    return None if row is None else _subject(_person(connection, row))


def _subject(found: Person) -> Subject:
    return Subject(
        person_id=found.id,
        name=found.name,
        agency=found.agency,
        roles=found.roles,
        kind=found.kind,
        sources=found.sources,
    )


def hash_token(token: str) -> str:
    """The form in which a token is kept. Tokens are 256 random bits, so a plain hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def one(connection: Connection, person_id: OpaqueId) -> Person:
    """One person.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    row = connection.execute(select(person).where(person.c.id == person_id)).first()
    if row is None:
        raise HandoffError("NOT_FOUND", "there is no such person")
    return _person(connection, row)


def people(connection: Connection, *, agency_id: Slug | None = None, role: Slug | None = None) -> tuple[Person, ...]:
    """Active people by name: of an agency, in a role, or all."""
    wanted = select(person).where(person.c.active).order_by(person.c.name, person.c.id)
    if agency_id is not None:
        wanted = wanted.where(person.c.agency == agency_id)
    if role is not None:
        wanted = wanted.where(person.c.id.in_(select(person_role.c.person_id).where(person_role.c.role == role)))
    return tuple(_person(connection, row) for row in connection.execute(wanted).all())


def names(connection: Connection, agency_id: Slug) -> dict[OpaqueId, str]:
    """The names of an agency's people by id, those who left included: for its own pages."""
    rows = connection.execute(select(person.c.id, person.c.name).where(person.c.agency == agency_id))
    return {row.id: row.name for row in rows}


def _person(connection: Connection, row: Row[Any]) -> Person:
    roles = connection.execute(_ROLES, {"of": row.id}).scalars()
    return Person(
        id=row.id,
        name=row.name,
        agency=row.agency,
        roles=tuple(roles),
        kind=SubjectKind(row.kind),
        sources=tuple(json.loads(row.sources)),
        email=row.email,
        active=row.active,
    )
