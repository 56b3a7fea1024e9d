"""Answers kept by idempotency key: the same request again gets the same answer, to the byte."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, delete, select

from protocol.errors import HandoffError
from protocol.state import Instant
from store.edge_tables import idempotency
from store.session import add_new


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An answer given before."""

    status: int
    response: bytes


def recall(connection: Connection, scope: str, key: str, body_hash: str) -> Stored | None:
    """The answer this key got in this scope, or None if it is new.

    Raises:
        HandoffError: ``KEY_REUSED`` when the key came with another body.
    """
    row = connection.execute(select(idempotency).where(idempotency.c.scope == scope, idempotency.c.key == key)).first()
    if row is None:
        return None
    if row.body_hash != body_hash:
        raise HandoffError("KEY_REUSED", "this idempotency key was used for another request; take a new one")
    return Stored(status=row.status, response=bytes(row.response))


def remember(connection: Connection, scope: str, key: str, body_hash: str, stored: Stored, now: Instant) -> Stored:
    """Keep an answer; if another request with this key was answered first, its answer counts.

    Raises:
        HandoffError: ``KEY_REUSED``.
    """
    row = {"scope": scope, "key": key, "body_hash": body_hash, "status": stored.status, "created_at": now}
    add_new(connection, idempotency, [{**row, "response": stored.response}])
    return recall(connection, scope, key, body_hash) or stored


def forget_before(connection: Connection, instant: Instant) -> int:
    """Drop answers kept since before an instant; how many there were."""
    return connection.execute(delete(idempotency).where(idempotency.c.created_at < instant)).rowcount
