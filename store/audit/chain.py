"""The chains: how a row is made from the one before it, and the one way to add rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Row, bindparam, insert, select, text

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from store import ids
from store.audit import sealing
from store.audit.entry import Entry
from store.audit.tables import audit_row
from store.session import Database

MARK = 8
"""Bytes by which a page of several cases remembers each."""

# Made once: making a statement costs as much as running it.
_INSERT = insert(audit_row)
_LAST = (
    select(audit_row.c.n, audit_row.c.at, audit_row.c.hash)
    .where(audit_row.c.chain == bindparam("of"))
    .order_by(audit_row.c.n.desc())
    .limit(1)
)
_LOCKED = text("SELECT n, at, hash FROM audit_tip(:of, :lock)")
"""One round trip: a function of migration 0004 waits for the chain's lock and then reads."""


def append(connection: Connection, entries: Sequence[Entry]) -> None:
    """Add entries to their chains, in order. Needs a writing connection; commit it before anything is shown or done.

    Appends to one chain wait for one another until the transaction ends, so a chain never forks; keep that short.
    A row's instant is never before that of the row before it.

    Raises:
        HandoffError: ``NO_CARD``; when the block ends, as ``Database.write``. Whatever it is: show nothing.
    """
    by_chain: dict[str, list[Entry]] = {}
    for each in entries:
        by_chain.setdefault(each.chain, []).append(each)
    rows: list[dict[str, Any]] = []
    # Always in the same order, so that no two transactions wait for each other.
    for chain in sorted(by_chain):
        rows.extend(_linked(connection, chain, by_chain[chain]))
    if rows:
        connection.execute(_INSERT, rows)


def write_down(database: Database, entries: Sequence[Entry]) -> None:
    """Add entries in a transaction of their own, committed when this returns: then what they say may be shown or done.

    Raises:
        HandoffError: ``AUDIT_DOWN``, whatever it was that kept them from being written.
    """
    if not entries:
        return
    try:
        with database.write() as connection:
            append(connection, entries)
    except Exception as error:
        says = "this could not be written into the audit, so it is neither shown nor done"
        raise HandoffError("AUDIT_DOWN", says) from error


def _linked(connection: Connection, chain: str, entries: Sequence[Entry]) -> list[dict[str, Any]]:
    tip = _tip(connection, chain)
    if tip is None:
        n, at, prev = 0, 0, beginning(ids.site_of(connection)[0], chain)
    else:
        n, at, prev = tip.n, tip.at, bytes(tip.hash)
    rows = []
    for each in entries:
        n, at = n + 1, max(at, each.at)
        key = sealing.key_for(connection, each.keeper or each.agency)
        about = b"".join(mark(case) for case in dict.fromkeys(each.about))
        clear = header(chain, n, at, each.agency, each.kind.value, each.request, key.id, about)
        sealed = sealing.seal(key.key, each, clear)
        hash_ = hash_of(prev, clear, sealed)
        rows.append({
            "chain": chain, "n": n, "at": at, "agency": each.agency, "kind": each.kind.value, "request": each.request,
            "about": about, "key": key.id, "sealed": sealed, "prev": prev, "hash": hash_,
        })  # fmt: skip
        prev = hash_
    return rows


def _tip(connection: Connection, chain: str) -> Row[Any, Any, Any] | None:
    """A chain's last row, which nobody else adds to until this transaction ends."""
    if connection.dialect.name == "sqlite":
        # A writing transaction is alone from its beginning.
        return connection.execute(_LAST, {"of": chain}).first()
    return connection.execute(_LOCKED, {"of": chain, "lock": lock_of(chain)}).first()


def beginning(site: OpaqueId, chain: str) -> bytes:
    """What stands before a chain's first row."""
    return hashlib.sha256(json.dumps(["handoff/1", "audit", site, chain]).encode()).digest()


def header(  # noqa: PLR0913, PLR0917 - a row's clear columns
    chain: str, n: int, at: int, agency: str | None, kind: str, request: str, key: str, about: bytes
) -> bytes:
    """A row's clear columns as its seal and its hash take them."""
    return json.dumps([chain, n, at, agency, kind, request, key, about.hex()]).encode()


def hash_of(prev: bytes, clear: bytes, sealed: bytes) -> bytes:
    """A row's hash: over the one before, the clear columns and the sealed detail."""
    return hashlib.sha256(b"".join((prev, len(clear).to_bytes(4), clear, sealed))).digest()


def mark(case_id: OpaqueId) -> bytes:
    """By what a page of several cases remembers one of them."""
    return hashlib.sha256(case_id.encode()).digest()[:MARK]


def lock_of(name: str) -> int:
    """The PostgreSQL advisory lock of a chain, or of whatever is done by one at a time."""
    return int.from_bytes(hashlib.sha256(f"handoff/audit/{name}".encode()).digest()[:8], signed=True)
