"""Who an agency's own sign-in service means: its name for somebody, linked to a person by the steward's link."""

from __future__ import annotations

import hashlib
import json

from sqlalchemy import Connection, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import people
from store.accounts import enrolling
from store.accounts.decisions import decided
from store.accounts.tables import identity
from store.edge_tables import person
from store.session import put


def link(connection: Connection, service: tuple[Slug, Slug, str], subject: str, secret: str, now: Instant) -> OpaqueId:
    """Link a service's name for somebody to the person whose enrolment link this is; the link is used up.

    Args:
        connection: a writing one.
        service: the service's id, its agency and its issuer.
        subject: its name for somebody.
        secret: of the enrolment link.
        now: the present instant.

    Raises:
        HandoffError: ``LINK_OVER``; ``SERVICE_STRANGER`` when the person is of another agency than the service.
    """
    id_, agency, issuer = service
    person_id = enrolling.person_of_link(connection, secret, now)
    if people.one(connection, person_id).agency != agency:
        raise stranger()
    row = {"id": _id(issuer, subject), "person_id": person_id, "provider": id_, "linked_at": now}
    put(connection, identity, [row])
    decided(connection, "service-linked", now, person=person_id, agency=agency, reason=id_)
    return person_id


def find(connection: Connection, agency: Slug, issuer: str, subject: str) -> OpaqueId:
    """The person a service means.

    Raises:
        HandoffError: ``SERVICE_STRANGER`` when nobody is linked, or somebody who left or is of another agency.
    """
    wanted = (
        select(identity.c.person_id)
        .join(person, person.c.id == identity.c.person_id)
        .where(identity.c.id == _id(issuer, subject), person.c.active, person.c.agency == agency)
    )
    found: OpaqueId | None = connection.execute(wanted).scalar()
    if found is None:
        raise stranger()
    return found


def stranger() -> HandoffError:
    """The one answer to somebody the service knows and we do not."""
    return HandoffError("SERVICE_STRANGER", "nobody here is linked to this sign-in; your steward has a link for you")


def _id(issuer: str, subject: str) -> str:
    return hashlib.sha256(json.dumps([issuer, subject]).encode()).hexdigest()
