"""The read model built again from facts, equal to the byte."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from sqlalchemy import Connection, delete, func, select

from protocol.facts import Fact, PartErased
from protocol.names import OpaqueId, Slug
from store import ids, labels, protocols, tables
from store.case_fold import empty_case
from store.keyring.sealing import opened
from store.projector import BODY, Batch, add_parties, refold
from store.rows import columns
from store.session import Database, add_new

Progress = Callable[[int, int], None]
"""Called with the cases done and the cases to do."""

CASES_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RebuildReport:
    """What a rebuild read and wrote. The fingerprints are equal unless the read model had been damaged."""

    cases: int
    facts: int
    before: str
    after: str


def rebuild(database: Database, progress: Progress = lambda _done, _all: None) -> RebuildReport:
    """Drop the read model and fold every fact into it again, in one transaction.

    What no fact can tell stays untouched: case codes, receipts of notices, people, the vault, protocol versions.

    Raises:
        HandoffError: ``UNKNOWN_PROTOCOL`` when facts name a protocol version that is not there; nothing is changed.
    """
    with database.write() as connection:
        before = fingerprint(connection)
        for table in tables.READ_MODEL:
            connection.execute(delete(table))
        _, key = ids.site_of(connection)
        total = connection.execute(select(func.count(func.distinct(tables.fact.c.case_id)))).scalar_one()
        folded = 0
        for number, (case_id, facts) in enumerate(_cases(connection), start=1):
            _refold_case(connection, key, case_id, facts)
            folded += len(facts)
            progress(number, total)
        return RebuildReport(cases=total, facts=folded, before=before, after=fingerprint(connection))


def rebuild_cases(connection: Connection, case_ids: Sequence[OpaqueId]) -> None:
    """Fold these cases' facts again, in the caller's transaction; their facts are sealed as they are now to be."""
    for table in (tables.case_file, tables.task, tables.task_owner, tables.notice, tables.field_value, tables.slot_ref):
        connection.execute(delete(table).where(table.c.case_id.in_(case_ids)))
    _, key = ids.site_of(connection)
    for case_id, facts in _facts_of(connection, case_ids):
        _refold_case(connection, key, case_id, facts)


def fingerprint(connection: Connection) -> str:
    """The SHA-256 of every row of the read model, in key order, and of the labels facts carry."""
    digest = hashlib.sha256()
    for table in (*tables.READ_MODEL, tables.fact):
        digest.update(f"{table.name}\n".encode())
        for row in connection.execute(select(table).order_by(*table.primary_key)):
            digest.update(json.dumps(list(row), separators=(",", ":"), default=bytes.hex).encode() + b"\n")
    return digest.hexdigest()


def _cases(connection: Connection) -> Iterator[tuple[str, list[tuple[str, Fact]]]]:
    """Each case with its facts and the protocol each was recorded under, a few hundred cases at a time."""
    fact = tables.fact
    last = ""
    while True:
        chunk = connection.execute(
            select(fact.c.case_id).where(fact.c.case_id > last).distinct().order_by(fact.c.case_id).limit(CASES_AT_ONCE)
        ).scalars()
        found = list(chunk)
        if not found:
            return
        yield from _facts_of(connection, found)
        last = found[-1]


def _facts_of(connection: Connection, case_ids: Sequence[OpaqueId]) -> Iterator[tuple[str, list[tuple[str, Fact]]]]:
    fact = tables.fact
    rows = connection.execute(
        select(fact).where(fact.c.case_id.in_(case_ids)).order_by(fact.c.case_id, fact.c.seq)
    ).all()
    for case_id, group in groupby(opened("fact", connection, rows), key=lambda row: str(row["case_id"])):
        yield (
            case_id,
            [
                (
                    row["protocol_hash"],
                    Fact(seq=row["seq"], at=row["at"], recorded=row["recorded"], body=BODY.validate_json(row["body"])),
                )
                for row in group
            ],
        )


def _refold_case(connection: Connection, key: bytes, case_id: str, facts: list[tuple[str, Fact]]) -> None:
    row, erased = None, _erased(connection, facts)
    for protocol_hash, group in groupby(facts, key=lambda each: each[0]):
        protocol = protocols.by_hash(connection, protocol_hash).protocol
        if row is None:
            row = empty_case(protocol, protocol_hash, case_id, ids.give_code(connection, key, case_id))
            add_new(connection, tables.case_file, [columns(row)])
        add_parties(connection, protocol, protocol_hash)
        batch = Batch(case_id, protocol, protocol_hash, [fact for _, fact in group], erased)
        refold(connection, key, row, batch)


def _erased(connection: Connection, facts: list[tuple[str, Fact]]) -> frozenset[Slug]:
    """The owners whose parts of a case were erased; with the last confidential agency, nobody in particular too."""
    gone = {each.body.part for _, each in facts if isinstance(each.body, PartErased)}
    if not gone:
        return frozenset()
    return labels.owners_erased(protocols.by_hash(connection, facts[-1][0]).protocol, gone)
