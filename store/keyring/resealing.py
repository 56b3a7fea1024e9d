"""What a start does for cases from before the keyring: their keys are made, and their rows are sealed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import Connection, and_, select, update

from protocol.names import OpaqueId, Slug
from store import protocols, tables
from store.edge_tables import notice_receipt
from store.keyring.ring import Keyring, confidential
from store.rebuild import rebuild_cases
from store.session import Database

Report = Callable[[str], None]
AT_ONCE = 200
"""Cases in one transaction."""


def seal_what_is_there(database: Database, ring: Keyring, report: Report) -> int:
    """Make the keys of cases that have none and seal what is in clear of confidential agencies; how many cases.

    Safe to repeat and to break off. Cases of an agency whose keyholder does not answer are left for the next start.

    Args:
        database: one with ``ring`` as its keys.
        ring: the installation's keyring.
        report: prints one line.
    """
    with database.read() as connection:
        agencies = _agencies(connection)
        found = connection.execute(select(tables.case_file.c.case_id, tables.case_file.c.protocol_hash)).all()
    locked = set(ring.shares.open({each for every in agencies.values() for each in every}))
    open_to_us = [row for row in found if not locked & set(agencies[row.protocol_hash])]
    begun = ring.begun()
    for row in open_to_us:
        if row.case_id not in begun:
            ring.begin(row.case_id, agencies[row.protocol_hash])
    with database.read() as connection:
        clear = _in_clear(connection) & {row.case_id for row in open_to_us}
    todo = sorted(clear)
    for first in range(0, len(todo), AT_ONCE):
        with database.write() as connection:
            _seal(connection, todo[first : first + AT_ONCE])
    if todo:
        report(f"Sealed what confidential agencies recorded in {len(todo)} cases.")
    if locked:
        report(f"The keys of these agencies' cases are locked until their keyholders answer: {', '.join(locked)}.")
    return len(todo)


def _agencies(connection: Connection) -> dict[str, tuple[Slug, ...]]:
    return {each.hash: confidential(each.protocol) for each in protocols.versions(connection)}


def _in_clear(connection: Connection) -> set[OpaqueId]:
    """Cases with a fact that is an agency's own and has its body in clear."""
    row = and_(tables.fact.c.owner.is_not(None), tables.fact.c.sealed.is_(None), tables.fact.c.body != "")
    return set(connection.execute(select(tables.fact.c.case_id).where(row).distinct()).scalars())


def _seal(connection: Connection, case_ids: Sequence[OpaqueId]) -> None:
    """Build these cases' rows again from their facts, and let receipts follow the notices, whose ids change."""
    before = _notices(connection, case_ids)
    rebuild_cases(connection, case_ids)
    after = _notices(connection, case_ids)
    for place, id_ in before.items():
        if place in after and after[place] != id_:
            connection.execute(
                update(notice_receipt).where(notice_receipt.c.notice_id == id_).values(notice_id=after[place])
            )


def _notices(connection: Connection, case_ids: Sequence[OpaqueId]) -> dict[tuple[str, int, str], str]:
    notice = tables.notice
    rows = connection.execute(
        select(notice.c.case_id, notice.c.seq, notice.c.role, notice.c.id).where(notice.c.case_id.in_(case_ids))
    )
    return {(row.case_id, row.seq, row.role): row.id for row in rows}
