"""An agency's first person and its records system, made on this machine before anybody can sign in."""

from __future__ import annotations

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store import people, protocols
from store.people import Person
from store.policy import SubjectKind


def agency(connection: Connection, id_: Slug) -> None:
    """Make an agency that a published protocol names, unless it is there.

    Raises:
        HandoffError: ``UNKNOWN_AGENCY`` when no protocol names it.
    """
    known = {each.id: each for version in protocols.versions(connection) for each in version.protocol.agencies}
    if id_ not in known:
        named = ", ".join(sorted(known)) or "none"
        raise HandoffError("UNKNOWN_AGENCY", f"no published protocol names an agency {id_}; there is {named}")
    words = " ".join(each.capitalize() for each in id_.split("-"))
    people.add_agency(connection, id_, words, confidential=known[id_].confidential)


def records_system(connection: Connection, id_: Slug) -> OpaqueId:
    """An agency's records system, made if there is none. Raises as ``agency``."""
    agency(connection, id_)
    found: list[Person] = [each for each in people.people(connection, agency_id=id_) if each.kind is SubjectKind.SYSTEM]
    if found:
        return found[0].id
    return people.add_person(connection, name=f"Records system of {id_}", agency_id=id_, kind=SubjectKind.SYSTEM).id
