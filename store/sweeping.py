"""What is kept for a time only.

Values whose command's answer was never learned: asked about after ten minutes, destroyed after a day. Idempotency keys
with their answers: forgotten after a week. Sessions and the like: once they are over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import select

from protocol.names import OpaqueId
from protocol.state import Instant
from store import idempotency, vault
from store.accounts import challenges, have_it, lockout, machine_keys, sessions
from store.edge_tables import vault_value
from store.session import Database

MINUTE = 60 * 1_000_000
ASK_AFTER = 10 * MINUTE
DESTROY_AFTER = 24 * 60 * MINUTE
KEYS_KEPT = 7 * 24 * 60 * MINUTE


class Verdict(StrEnum):
    """What a case says about a command."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """A command whose values wait for its answer."""

    case_id: OpaqueId
    command_id: OpaqueId
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepReport:
    """Commands asked about, and values destroyed."""

    asked: int
    destroyed: int


def waiting(database: Database, now: Instant) -> tuple[Pending, ...]:
    """Commands whose values have waited for more than ten minutes, oldest first."""
    with database.read() as connection:
        rows = connection.execute(
            select(vault_value.c.case_id, vault_value.c.command_id, vault_value.c.created_at)
            .where(vault_value.c.state == "pending", vault_value.c.created_at < now - ASK_AFTER)
            .distinct()
            .order_by(vault_value.c.created_at, vault_value.c.case_id, vault_value.c.command_id)
        ).all()
    return tuple(Pending(case_id=row.case_id, command_id=row.command_id, since=row.created_at) for row in rows)


def settle(database: Database, pending: Pending, verdict: Verdict, now: Instant) -> int:
    """Act on what the case said; how many values were destroyed. An accepted command's come with its facts."""
    never_seen = verdict is Verdict.UNKNOWN and pending.since < now - DESTROY_AFTER
    if verdict is not Verdict.REFUSED and not never_seen:
        return 0
    with database.write() as connection:
        return vault.discard(connection, pending.case_id, pending.command_id)


def sweep(database: Database, ask: Callable[[OpaqueId, OpaqueId], Verdict], now: Instant) -> SweepReport:
    """Ask about every waiting command (case id, command id) and act on the answers."""
    found = waiting(database, now)
    destroyed = sum(settle(database, each, ask(each.case_id, each.command_id), now) for each in found)
    return SweepReport(asked=len(found), destroyed=destroyed)


def forget_keys(database: Database, now: Instant) -> int:
    """Drop idempotency keys, with their answers, that were taken more than a week ago; how many."""
    with database.write() as connection:
        return idempotency.forget_before(connection, now - KEYS_KEPT)


def forget_sign_ins(database: Database, now: Instant) -> None:
    """Drop sessions, questions, links and counts of wrong tries that are over."""
    with database.write() as connection:
        for over in (sessions, challenges, lockout, have_it, machine_keys):
            over.sweep(connection, now)
