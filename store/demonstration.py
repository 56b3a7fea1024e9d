"""Placeholder people for trying a protocol out: one for each role and a steward, never named after anybody."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from store import people
from store.policy import STEWARD, SubjectKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A new person's token, for the credentials file; it is kept nowhere else."""

    person_id: OpaqueId
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    kind: SubjectKind
    token: str


def seed(connection: Connection, protocol: Protocol) -> tuple[Credential, ...]:
    """Make one person for each role that nobody has yet, and for each agency a steward and a records system.

    Idempotent: what is there stays, and only those made now are returned.
    """
    made: list[Credential] = []
    for each in protocol.agencies:
        people.add_agency(connection, each.id, _words(each.id), confidential=each.confidential)
        present = people.people(connection, agency_id=each.id)
        if not any(known.kind is SubjectKind.SYSTEM for known in present):
            made.append(_make(connection, f"{_words(each.id)} Records System", each.id, (), SubjectKind.SYSTEM))
        held = {role for known in present for role in known.roles}
        roles = (STEWARD, *each.leads, *each.roles, *(role.id for role in protocol.roles if role.agency == each.id))
        made.extend(
            _make(connection, f"{_words(role)} One", each.id, (role,), SubjectKind.PERSON)
            for role in dict.fromkeys(roles)
            if role not in held
        )
    return tuple(made)


def _make(connection: Connection, name: str, agency: Slug, roles: tuple[Slug, ...], kind: SubjectKind) -> Credential:
    added = people.add_person(connection, name=name, agency_id=agency, roles=roles, kind=kind)
    token = people.issue_token(connection, added.id)
    return Credential(person_id=added.id, name=name, agency=agency, roles=added.roles, kind=added.kind, token=token)


def _words(slug: Slug) -> str:
    return " ".join(each.capitalize() for each in slug.split("-"))
