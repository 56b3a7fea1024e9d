"""Sessions: 256 random bits in a cookie, their hash here. Thirty minutes idle or twelve hours in all, then they end.

Each request asks here, so that a session ended, a person who left or a role taken away counts from the next request.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, Connection, and_, bindparam, delete, insert, select, update

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.accounts import secrets
from store.accounts.tables import signed_in

MINUTE = 60 * 1_000_000
IDLE = 30 * MINUTE
LONGEST = 12 * 60 * MINUTE
NOTED_EVERY = MINUTE
"""Microseconds: a request within this of the last noted one is not noted, so reading costs no write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in that still holds. ``how``: password, passkey or a provider; ``hat``: the one put on, if one was."""

    hash: str
    person_id: OpaqueId
    how: Slug
    began_at: Instant
    seen_at: Instant
    stepped_up_at: Instant
    hat: Slug | None = None

    @property
    def ends_at(self) -> Instant:
        """When it ends unless something is asked before."""
        return min(self.seen_at + IDLE, self.began_at + LONGEST)


def begin(
    connection: Connection, person_id: OpaqueId, how: Slug, now: Instant, *, stepped_up_at: Instant | None = None
) -> str:
    """A new session, for a person who has shown two factors; its token, for the cookie and nothing else.

    ``stepped_up_at``: when they were shown, if not just now.
    """
    token, shown_at = secrets.new(), now if stepped_up_at is None else stepped_up_at
    row = {"hash": secrets.kept(token), "person_id": person_id, "how": how}
    connection.execute(insert(signed_in).values(**row, began_at=now, seen_at=now, stepped_up_at=shown_at))
    return token


def find(connection: Connection, token: str, now: Instant) -> Session | None:
    """The session of a token, if it still holds."""
    row = connection.execute(_FOUND, {"of": secrets.kept(token), "now": now}).first()
    return None if row is None else Session(**row._asdict())


def whose(connection: Connection, token: str) -> OpaqueId | None:
    """Whose session this is or was, as long as it has not been swept."""
    found: OpaqueId | None = connection.execute(
        select(signed_in.c.person_id).where(signed_in.c.hash == secrets.kept(token))
    ).scalar()
    return found


def note(connection: Connection, session: Session, now: Instant) -> None:
    """It was used now."""
    connection.execute(update(signed_in).where(signed_in.c.hash == session.hash).values(seen_at=now))


def put_on(connection: Connection, session: Session, hat: Slug) -> None:
    """The session has the roles of this hat from the next request on."""
    connection.execute(update(signed_in).where(signed_in.c.hash == session.hash).values(hat=hat))


def step_up(connection: Connection, session: Session, now: Instant) -> None:
    """The person has shown both factors again."""
    connection.execute(update(signed_in).where(signed_in.c.hash == session.hash).values(seen_at=now, stepped_up_at=now))


def end(connection: Connection, token: str) -> None:
    """Sign out."""
    connection.execute(delete(signed_in).where(signed_in.c.hash == secrets.kept(token)))


def end_all(connection: Connection, person_id: OpaqueId) -> int:
    """Sign a person out everywhere; how many sessions that ended."""
    return connection.execute(delete(signed_in).where(signed_in.c.person_id == person_id)).rowcount


def live(connection: Connection, person_id: OpaqueId, now: Instant) -> bool:
    """Whether a person is signed in anywhere."""
    wanted = select(signed_in.c.hash).where(signed_in.c.person_id == person_id, _holds(now)).limit(1)
    return connection.execute(wanted).first() is not None


def sweep(connection: Connection, now: Instant) -> None:
    """Forget what has ended."""
    connection.execute(delete(signed_in).where(~_holds(now)))


def _holds(now: Instant | ColumnElement[int]) -> ColumnElement[bool]:
    return and_(signed_in.c.seen_at > now - IDLE, signed_in.c.began_at > now - LONGEST)


# Made once: every request asks.
_FOUND = select(signed_in).where(signed_in.c.hash == bindparam("of"), _holds(bindparam("now", type_=BigInteger)))
