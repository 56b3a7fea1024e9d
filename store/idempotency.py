"""Requests by idempotency key: the same one again gets the same answer, to the byte; another one under it gets none."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from protocol.errors import HandoffError
from protocol.state import Instant
from store.edge_tables import idempotency
from store.session import add_new

UNANSWERED = 0
"""The status of a key that is taken and has no answer yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An answer given before."""

    status: int
    response: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request under a key: who asked (``scope``), the key, and a keyed hash of what was asked.

    The hash's key must not live in this database: a request may hold what few tries would guess.
    """

    scope: str
    key: str
    body_hash: str


def claim(connection: Connection, asked: Asked, now: Instant) -> Stored | None:
    """Bind the key to this request before anything is done for it; the answer it got before, or None.

    Raises:
        HandoffError: ``KEY_REUSED`` when the key is bound to another request.
    """
    row = {"scope": asked.scope, "key": asked.key, "body_hash": asked.body_hash}
    add_new(connection, idempotency, [{**row, "status": UNANSWERED, "response": b"", "created_at": now}])
    return recall(connection, asked)


def recall(connection: Connection, asked: Asked) -> Stored | None:
    """The answer this request got, or None while it has none.

    Raises:
        HandoffError: ``KEY_REUSED``.
    """
    row = connection.execute(
        select(idempotency).where(idempotency.c.scope == asked.scope, idempotency.c.key == asked.key)
    ).first()
    if row is None:
        return None
    if row.body_hash != asked.body_hash:
        raise HandoffError("KEY_REUSED", "this idempotency key was used for another request; take a new one")
    return None if row.status == UNANSWERED else Stored(status=row.status, response=bytes(row.response))


def remember(connection: Connection, asked: Asked, stored: Stored) -> Stored:
    """Keep the answer of a claimed request; if it was answered meanwhile, that answer counts.

    Raises:
        HandoffError: ``KEY_REUSED``.
    """
    connection.execute(
        update(idempotency)
        .where(
            idempotency.c.scope == asked.scope,
            idempotency.c.key == asked.key,
            idempotency.c.body_hash == asked.body_hash,
            idempotency.c.status == UNANSWERED,
        )
        .values(status=stored.status, response=stored.response)
    )
    return recall(connection, asked) or stored


def forget_before(connection: Connection, instant: Instant) -> int:
    """Drop keys taken before an instant; how many there were."""
    return connection.execute(delete(idempotency).where(idempotency.c.created_at < instant)).rowcount
