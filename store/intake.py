"""Which case a source's own number opened, kept by a keyed hash: a dump of this database cannot try numbers out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, or_, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.edge_tables import source_key
from store.ids import source_hash
from store.keyring.sealing import opened
from store.session import add_new
from store.tables import case_file, fact


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What is known here of a case, its durable run apart: its last fact, whether it ended, who reported what."""

    seq: int
    ended: bool
    events: frozenset[tuple[Slug, Slug]]


def remember(
    connection: Connection, key: bytes, agency: Slug, number: str, case_id: OpaqueId, now: Instant
) -> OpaqueId:
    """Note that a source's number opened a case; the case it opened first, whichever that is.

    Args:
        connection: from ``Database.write()``.
        key: the id key, which must not live in this database.
        agency: the source agency, or whatever else its numbers are told apart by.
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


def recorded(connection: Connection, case_id: OpaqueId) -> Recorded | None:
    """What is recorded of a case, its events as (agency, event); None without a fact. Never for people."""
    row = connection.execute(select(case_file.c.seq, case_file.c.status).where(case_file.c.case_id == case_id)).first()
    if row is None or row.seq == 0:
        return None
    # What the store recorded of an erasure came after the case's own last fact, which linked cases are named by.
    own = select(func.max(fact.c.seq)).where(fact.c.case_id == case_id, fact.c.kind != "part-erased")
    maybe = or_(fact.c.kind == "event-recorded", fact.c.sealed.is_not(None))
    rows = connection.execute(select(fact).where(fact.c.case_id == case_id, maybe)).all()
    found = opened("fact", connection, rows)
    events = [json.loads(each["body"]) for each in found if each["kind"] == "event-recorded"]
    return Recorded(
        seq=connection.execute(own).scalar() or row.seq,
        ended=row.status == "ended",
        events=frozenset((each["agency"], each["event"]) for each in events),
    )
