"""Which case a source's own number opened, kept by a keyed hash: a dump of this database cannot try numbers out."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from protocol.kernel import OpaqueId, Slug
from protocol.state import Instant
from store.edge_tables import source_key
from store.ids import source_hash
from store.session import add_new


def remember(
    connection: Connection, key: bytes, agency: Slug, number: str, case_id: OpaqueId, now: Instant
) -> OpaqueId:
    """Note that a source's number opened a case; the case it opened first, whichever that is.

    Args:
        connection: from ``Database.write()``.
        key: the id key, which must not live in this database.
        agency: the source agency.
        number: its own number for the incident, normalised by the caller.
        case_id: the case.
        now: the present instant.
    """
    hashed = source_hash(key, agency, number)
    add_new(connection, source_key, [{"hash": hashed, "case_id": case_id, "created_at": now}])
    return str(connection.execute(select(source_key.c.case_id).where(source_key.c.hash == hashed)).scalar_one())


def find(connection: Connection, key: bytes, agency: Slug, number: str) -> OpaqueId | None:
    """The case a source's number opened, or None. Only that source may ask."""
    hashed = source_hash(key, agency, number)
    return connection.execute(select(source_key.c.case_id).where(source_key.c.hash == hashed)).scalar()


def known(connection: Connection, key: bytes, agency: Slug, numbers: Sequence[str]) -> frozenset[str]:
    """Of a source's numbers, those that opened a case before."""
    by_hash = {source_hash(key, agency, each): each for each in numbers}
    found: set[str] = set()
    hashes = list(by_hash)
    for start in range(0, len(hashes), 500):
        chunk = hashes[start : start + 500]
        rows = connection.execute(select(source_key.c.hash).where(source_key.c.hash.in_(chunk))).scalars()
        found.update(by_hash[each] for each in rows)
    return frozenset(found)
