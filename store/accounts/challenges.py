"""What waits, for ten minutes, for the second half of a conversation with a passkey or a sign-in service."""

from __future__ import annotations

import json
from typing import Literal

from sqlalchemy import Connection, delete, insert, select

from protocol.errors import HandoffError
from protocol.state import Instant
from store.accounts import secrets
from store.accounts.tables import challenge

HOLDS = 10 * 60 * 1_000_000
Kind = Literal["passkey-new", "passkey", "service"]


def put(connection: Connection, key: bytes, kind: Kind, detail: dict[str, str], now: Instant) -> str:
    """Remember something under a name that only who is told it can use."""
    token = secrets.new()
    sealed = secrets.seal(key, json.dumps(detail).encode(), kind)
    hashed = secrets.kept(token)
    connection.execute(insert(challenge).values(hash=hashed, kind=kind, sealed=sealed, expires_at=now + HOLDS))
    return token


def take(connection: Connection, key: bytes, kind: Kind, token: str, now: Instant) -> dict[str, str]:
    """What was remembered, once.

    Raises:
        HandoffError: ``CHALLENGE_OVER``.
    """
    wanted = (challenge.c.hash == secrets.kept(token), challenge.c.kind == kind, challenge.c.expires_at > now)
    sealed = connection.execute(select(challenge.c.sealed).where(*wanted)).scalar()
    # Two at once: the one whose row is gone already gets nothing.
    if sealed is None or connection.execute(delete(challenge).where(*wanted)).rowcount != 1:
        raise HandoffError("CHALLENGE_OVER", "this took longer than ten minutes, or was used; begin again")
    found: dict[str, str] = json.loads(secrets.unseal(key, bytes(sealed), kind))
    return found


def sweep(connection: Connection, now: Instant) -> None:
    """Forget what nobody came back for."""
    connection.execute(delete(challenge).where(challenge.c.expires_at <= now))
