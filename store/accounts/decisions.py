"""What is written down of sign-ins, denials, lockouts and keys: who, what, how it was decided; never what was typed."""

from __future__ import annotations

from sqlalchemy import Connection

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import audit
from store.audit import Entry, Kind

PEOPLE = {
    "deactivated",
    "enrolled",
    "enrolment-link",
    "passkey-added",
    "passkey-removed",
    "person-added",
    "service-linked",
}
KEYS = {"machine-key-ended", "machine-key-made"}


def decided(  # noqa: PLR0913 - the parts of one decision, by name
    connection: Connection,
    action: str,
    at: Instant,
    *,
    person: OpaqueId | None,
    agency: Slug | None = None,
    allowed: bool = True,
    reason: Slug | None = None,
) -> None:
    """Write down one decision, in the site's chain, in the transaction that carries it out.

    Raises:
        HandoffError: as ``store.audit.append``: what cannot be written down is not done.
    """
    kind = Kind.PERSON if action in PEOPLE else Kind.KEY if action in KEYS else Kind.SIGN_IN
    entry = Entry(
        chain=audit.SITE,
        kind=kind,
        at=at,
        agency=agency,
        person=person,
        action=action,
        allowed=allowed,
        reason=reason,
    )
    audit.append(connection, [entry])
