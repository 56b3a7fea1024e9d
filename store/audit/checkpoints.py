"""Dropping rows that have been kept long enough, behind a signed checkpoint that the rest follows from.

The last row let go stays: its own instant, which its hash covers, shows that it was old enough, and instants of a
chain never go back. So whoever holds the site's key can still drop nothing that is younger than a year.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from protocol.names import OpaqueId
from protocol.state import Instant
from store import ids
from store.audit.site_key import SiteKey, is_signed
from store.audit.tables import audit_checkpoint, audit_row
from store.session import Database

DAY = 24 * 3600 * 1_000_000
LEAST = 365 * DAY
"""The shortest time a row is kept, in microseconds: a year, as CJIS asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """Rows of a chain before ``n`` were let go at ``at``; ``hash`` is that of row ``n``."""

    chain: str
    n: int
    at: Instant
    hash: bytes
    signature: bytes = b""

    def statement(self, site: OpaqueId) -> bytes:
        """What is signed."""
        return json.dumps(
            ["handoff/1", "audit-checkpoint", site, self.chain, self.n, self.at, self.hash.hex()]
        ).encode()

    def lets_go(self, site: OpaqueId, public: bytes, at: Instant, hash_: bytes) -> bool:
        """Whether a chain may begin with row ``n``, of this instant and hash."""
        old = self.at - at >= LEAST
        return old and self.hash == hash_ and is_signed(public, self.statement(site), self.signature)


def every(connection: Connection) -> tuple[Checkpoint, ...]:
    """Every checkpoint, of each chain first to last."""
    rows = connection.execute(select(audit_checkpoint).order_by(audit_checkpoint.c.chain, audit_checkpoint.c.n))
    return tuple(
        Checkpoint(chain=row.chain, n=row.n, at=row.at, hash=bytes(row.hash), signature=bytes(row.signature))
        for row in rows
    )


def checkpoints(connection: Connection) -> dict[str, Checkpoint]:
    """The last checkpoint of each chain that has one."""
    return {each.chain: each for each in every(connection)}


def candidates(connection: Connection, before: Instant) -> tuple[Checkpoint, ...]:
    """Where chains could be cut so that what is older than an instant goes; not signed yet."""
    last = (
        select(audit_row.c.chain, func.max(audit_row.c.n).label("n"), func.min(audit_row.c.n).label("first"))
        .where(audit_row.c.at < before)
        .group_by(audit_row.c.chain)
        .subquery()
    )
    rows = connection.execute(
        select(audit_row.c.chain, audit_row.c.n, audit_row.c.hash)
        .join_from(last, audit_row, (audit_row.c.chain == last.c.chain) & (audit_row.c.n == last.c.n))
        .where(last.c.n > last.c.first)
        .order_by(audit_row.c.chain)
    )
    return tuple(Checkpoint(chain=row.chain, n=row.n, at=0, hash=bytes(row.hash)) for row in rows)


def let_go(database: Database, key: SiteKey, point: Checkpoint, now: Instant) -> int:
    """Sign a checkpoint and drop the rows before it, in one transaction; how many."""
    with database.write() as connection:
        site, _ = ids.site_of(connection)
        unsigned = Checkpoint(chain=point.chain, n=point.n, at=now, hash=point.hash)
        connection.execute(
            insert(audit_checkpoint).values(
                chain=point.chain,
                n=point.n,
                at=now,
                hash=point.hash,
                signature=key.sign(unsigned.statement(site)),
            )
        )
        done = connection.execute(delete(audit_row).where(audit_row.c.chain == point.chain, audit_row.c.n < point.n))
        return done.rowcount
