"""What happens when the audit is found broken: a record of it, due in a day, until a steward has seen to it (T13)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids
from store.audit.entry import Kind
from store.audit.tables import audit_breach, audit_row
from store.audit.verify import SENTENCES, Flaw, Wrong
from store.session import Database, add_new

DUE_WITHIN = 24 * 3600 * 1_000_000
"""Until when the funders' contact is to hear of a breach, in microseconds (28 CFR 90 and its like: 24 hours)."""

SKEW = 60 * 1_000_000
"""How far a custodian's clock may be from this one, in microseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """One breach: what was found, when, and until when it is to be reported."""

    id: OpaqueId
    wrong: Wrong
    chain: str
    n: int
    found_at: Instant
    due_at: Instant

    @property
    def says(self) -> str:
        """It in a sentence, without which case it was and how much had happened there."""
        about = "A head of the audit" if not self.chain and self.n else "The audit" if not self.chain else "A chain"
        return f"{about}: {SENTENCES[self.wrong]}."


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a custodian says it opened: for whom, of which case, when, how many values."""

    agency: Slug
    case_id: OpaqueId
    at: Instant


def record(database: Database, flaws: Iterable[Flaw], now: Instant) -> int:
    """Write down what is wrong, each once; how many were not known before."""
    rows = [
        {
            "id": ids.random_id(),
            "kind": each.wrong.value,
            "chain": each.chain,
            "n": each.n,
            "found_at": now,
            "due_at": now + DUE_WITHIN,
            "answered_at": None,
            "answered_by": None,
        }
        for each in flaws
    ]
    if not rows:
        return 0
    with database.write() as connection:
        before = _count(connection)
        add_new(connection, audit_breach, rows)
        return _count(connection) - before


def _count(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(audit_breach)).scalar_one()


def unanswered(connection: Connection) -> tuple[Breach, ...]:
    """Breaches nobody has seen to, the first due first."""
    wanted = select(audit_breach).where(audit_breach.c.answered_at.is_(None))
    rows = connection.execute(wanted.order_by(audit_breach.c.due_at, audit_breach.c.id))
    return tuple(_breach(row) for row in rows)


def answer(connection: Connection, id_: OpaqueId, person: OpaqueId, now: Instant) -> None:
    """A steward has seen to a breach: everybody who has to know was told.

    Raises:
        HandoffError: ``NOT_FOUND`` for none, and for one that somebody has seen to.
    """
    wanted = update(audit_breach).where(audit_breach.c.id == id_, audit_breach.c.answered_at.is_(None))
    if connection.execute(wanted.values(answered_at=now, answered_by=person)).rowcount != 1:
        raise HandoffError("NOT_FOUND", "there is no such breach waiting for anybody")


def unmatched(connection: Connection, opened: Sequence[Opened]) -> tuple[Flaw, ...]:
    """Of what a custodian says it opened, what no row of the audit says; each row stands for one opening."""
    flaws = []
    used: set[tuple[str, int]] = set()
    for each in sorted(opened, key=lambda one: one.at):
        rows = connection.execute(
            select(audit_row.c.chain, audit_row.c.n)
            .where(
                audit_row.c.chain == each.case_id,
                audit_row.c.kind == Kind.OPEN.value,
                audit_row.c.agency == each.agency,
                audit_row.c.at.between(each.at - SKEW, each.at + SKEW),
            )
            .order_by(audit_row.c.n)
        )
        found = next(((row.chain, row.n) for row in rows if (row.chain, row.n) not in used), None)
        if found is None:
            flaws.append(Flaw(wrong=Wrong.OPEN_UNMATCHED, chain=each.case_id))
        else:
            used.add(found)
    return tuple(flaws)


def _breach(row: Row[Any]) -> Breach:
    return Breach(id=row.id, wrong=Wrong(row.kind), chain=row.chain, n=row.n, found_at=row.found_at, due_at=row.due_at)
