"""Signed heads: what all chains were at an instant, in 32 bytes that an agency can keep.

A head says time, the head before it and a root; nothing in it counts anything. Whoever changes a row afterwards, also
with the database and the site's key in hand, makes a root that differs from the one somebody else has kept.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, and_, func, insert, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from protocol.state import Instant
from store import ids
from store.audit import merkle
from store.audit.site_key import SiteKey, is_signed
from store.audit.tables import audit_head, audit_leaf, audit_row
from store.session import Database

EVERY = 300
"""Seconds between two heads."""

MICROS = 1_000_000
SALT = 16
FIRST = bytes(32)
"""What stands before the first head."""

SILENT_AFTER = 3 * EVERY
"""Seconds without a new head after which something is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """One head, numbered from 1: with one every five minutes, the number is the time."""

    n: int
    at: Instant
    previous: bytes
    root: bytes
    signature: bytes

    def statement(self, site: OpaqueId) -> bytes:
        """What is signed."""
        said = ["handoff/1", "audit-head", site, self.n, self.at, self.previous.hex(), self.root.hex()]
        return json.dumps(said).encode()

    def digest(self, site: OpaqueId) -> bytes:
        """What the next head says of this one."""
        return hashlib.sha256(self.statement(site) + self.signature).digest()

    def is_signed_by(self, public: bytes, site: OpaqueId) -> bool:
        """Whether the holder of the site's key said so."""
        return is_signed(public, self.statement(site), self.signature)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A chain found shorter than a head says it was."""

    chain: str
    length: int


def newest(connection: Connection) -> Head | None:
    """The last head; None while there is none."""
    row = connection.execute(select(audit_head).order_by(audit_head.c.n.desc()).limit(1)).first()
    return None if row is None else head_of(row)


def after(connection: Connection, number: int, limit: int = 1000) -> tuple[Head, ...]:
    """The heads behind a number, first to last."""
    rows = connection.execute(select(audit_head).where(audit_head.c.n > number).order_by(audit_head.c.n).limit(limit))
    return tuple(head_of(row) for row in rows)


def head_of(row: Row[Any]) -> Head:
    """A head as the database has it."""
    return Head(n=row.n, at=row.at, previous=bytes(row.previous), root=bytes(row.root), signature=bytes(row.signature))


def make(database: Database, key: SiteKey, now: Instant, *, every: int = EVERY) -> tuple[Head | None, tuple[Cut, ...]]:
    """Sign the next head, also when nothing happened; None when the last is younger than ``every`` seconds.

    Chains that have lost rows keep the leaf they had, so that no head ever agrees to it, and are given back.

    Raises:
        HandoffError: ``DATABASE_``.
    """
    with database.read() as connection:
        site, _ = ids.site_of(connection)
        last = newest(connection)
        if last is not None and now < last.at + (every - 1) * MICROS:
            return None, ()
        number = 1 if last is None else last.n + 1
        tree, known = _tree(connection)
        cut: list[Cut] = []
        leaves: list[dict[str, Any]] = []
        for chain, length, hash_ in _tips(connection):
            place, before = known.pop(chain, (len(tree), 0))
            if length < before:
                cut.append(Cut(chain=chain, length=before))
            if length <= before:
                continue
            salt = os.urandom(SALT)
            leaf = merkle.leaf_of(salt, chain, length, hash_)
            tree.put(place, merkle.placed(salt, chain, length, leaf))
            leaves.append(
                {"place": place, "head": number, "chain": chain, "length": length, "salt": salt, "leaf": leaf}
            )
        cut += [Cut(chain=chain, length=before) for chain, (_, before) in known.items()]
    unsigned = Head(
        n=number,
        at=now,
        previous=FIRST if last is None else last.digest(site),
        root=tree.root(),
        signature=b"",
    )
    made = Head(
        n=number,
        at=now,
        previous=unsigned.previous,
        root=unsigned.root,
        signature=key.sign(unsigned.statement(site)),
    )
    try:
        _keep(database, made, leaves)
    except HandoffError as error:
        if error.code != "DATABASE_CONFLICT":
            raise
        # Another process of this installation was quicker.
        return None, tuple(cut)
    return made, tuple(cut)


def _keep(database: Database, made: Head, leaves: list[dict[str, Any]]) -> None:
    with database.write() as connection:
        connection.execute(
            insert(audit_head).values(
                n=made.n, at=made.at, previous=made.previous, root=made.root, signature=made.signature
            )
        )
        if leaves:
            connection.execute(insert(audit_leaf), leaves)


def _tips(connection: Connection) -> list[tuple[str, int, bytes]]:
    """Every chain with its length and its last row's hash; new chains come in the order of their names."""
    longest = select(audit_row.c.chain, func.max(audit_row.c.n).label("n")).group_by(audit_row.c.chain).subquery()
    rows = connection.execute(
        select(audit_row.c.chain, audit_row.c.n, audit_row.c.hash)
        .join_from(longest, audit_row, and_(audit_row.c.chain == longest.c.chain, audit_row.c.n == longest.c.n))
        .order_by(audit_row.c.chain)
    )
    return [(row.chain, row.n, bytes(row.hash)) for row in rows]


def _tree(connection: Connection) -> tuple[merkle.Tree, dict[str, tuple[int, int]]]:
    """The tree as the last head left it, and each chain's place and length in it."""
    latest = select(audit_leaf.c.place, func.max(audit_leaf.c.head).label("head")).group_by(audit_leaf.c.place)
    newest_of = latest.subquery()
    rows = connection.execute(
        select(audit_leaf)
        .join_from(
            newest_of,
            audit_leaf,
            and_(audit_leaf.c.place == newest_of.c.place, audit_leaf.c.head == newest_of.c.head),
        )
        .order_by(audit_leaf.c.place)
    )
    tree, known = merkle.Tree(), {}
    for row in rows:
        tree.put(len(tree), merkle.placed(bytes(row.salt), row.chain, row.length, bytes(row.leaf)))
        known[row.chain] = (row.place, row.length)
    return tree, known
