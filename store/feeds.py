"""The secret addresses at which people's own calendars fetch their shifts. They show times and one neutral word."""

from __future__ import annotations

from sqlalchemy import Connection, delete, select

from protocol.names import OpaqueId
from protocol.state import Instant
from store.accounts import secrets
from store.edge_tables import calendar_feed, person
from store.session import put


def make(connection: Connection, person_id: OpaqueId, now: Instant) -> str:
    """A new secret for somebody's calendar; the one before it ends. Only its hash is kept."""
    token = secrets.new()
    put(connection, calendar_feed, [{"person_id": person_id, "hash": secrets.kept(token), "made_at": now}])
    return token


def end(connection: Connection, person_id: OpaqueId) -> bool:
    """Let somebody's calendar fetch nothing any more; whether there was one."""
    return connection.execute(delete(calendar_feed).where(calendar_feed.c.person_id == person_id)).rowcount == 1


def made_at(connection: Connection, person_id: OpaqueId) -> Instant | None:
    """Since when somebody's calendar may fetch their shifts; None if it may not."""
    found: Instant | None = connection.execute(
        select(calendar_feed.c.made_at).where(calendar_feed.c.person_id == person_id)
    ).scalar()
    return found


def whose(connection: Connection, token: str) -> OpaqueId | None:
    """Whose calendar comes with this secret, if they still act."""
    found: OpaqueId | None = connection.execute(
        select(calendar_feed.c.person_id)
        .join(person, person.c.id == calendar_feed.c.person_id)
        .where(calendar_feed.c.hash == secrets.kept(token), person.c.active)
    ).scalar()
    return found
