"""What is written down of sign-ins, denials, lockouts and keys: who, what, how it was decided; never what was typed."""

from __future__ import annotations

import structlog
from sqlalchemy import Connection

from protocol.kernel import OpaqueId, Slug
from protocol.state import Instant

log = structlog.get_logger("accounts")


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
    """Write down one decision in the transaction that carries it out."""
    _ = connection
    log.info("decided", action=action, instant=at, person=person, agency=agency, allowed=allowed, reason=reason)
