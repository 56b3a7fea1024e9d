"""Links that say "I have it": one task, one person, once, for fifteen minutes; they show nothing.

So that at three in the morning the duty is taken before the second factor is found. Whoever finds the telephone can
take a task up with it, and learns nothing.
"""

from __future__ import annotations

from sqlalchemy import Connection, delete, insert, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store.accounts import secrets
from store.accounts.decisions import decided
from store.accounts.tables import have_it

HOLDS = 15 * 60 * 1_000_000
KEPT = 24 * 60 * 60 * 1_000_000


def make(connection: Connection, task_id: str, person_id: OpaqueId, now: Instant) -> str:
    """The secret of a link, for the page that is sent to a person about a task."""
    token = secrets.new()
    hashed = secrets.kept(token)
    connection.execute(
        insert(have_it).values(hash=hashed, task_id=task_id, person_id=person_id, expires_at=now + HOLDS, used_at=None)
    )
    return token


def meant(connection: Connection, token: str, now: Instant) -> tuple[str, OpaqueId]:
    """The task and the person of a link that still holds.

    Raises:
        HandoffError: ``LINK_OVER``.
    """
    row = connection.execute(
        select(have_it.c.task_id, have_it.c.person_id).where(
            have_it.c.hash == secrets.kept(token), have_it.c.expires_at > now, have_it.c.used_at.is_(None)
        )
    ).first()
    if row is None:
        raise HandoffError("LINK_OVER", "this link is over or was used; sign in to see what you owe")
    return row.task_id, row.person_id


def use(connection: Connection, token: str, now: Instant) -> None:
    """It was used: the task is taken up."""
    task_id, person_id = meant(connection, token, now)
    _ = task_id
    connection.execute(update(have_it).where(have_it.c.hash == secrets.kept(token)).values(used_at=now))
    decided(connection, "have-it", now, person=person_id)


def sweep(connection: Connection, now: Instant) -> None:
    """Forget links that were over a day ago."""
    connection.execute(delete(have_it).where(have_it.c.expires_at < now - KEPT))
