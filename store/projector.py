"""Facts into the database: appended once each, folded into the read model, in the caller's transaction.

Safe to run any number of times and with any cutting of the same facts into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Table, delete, insert, select, tuple_, update

from protocol.errors import HandoffError
from protocol.kernel import OpaqueId, Protocol, Slug
from protocol.messages import Fact, FactBody, OwnersChanged, PageStopped, SlotFilled, Told
from protocol.origins import owners_of, voters_of
from protocol.serial import canonical
from store import ids, labels, tables
from store.case_fold import CaseFold, empty_case
from store.edge_tables import vault_value
from store.fold import fold
from store.rows import CaseRow, Label, NoticeRow, TaskRow, columns
from store.session import add_new, put

BODY: TypeAdapter[FactBody] = TypeAdapter(FactBody)
Kind = TypeVar("Kind", CaseRow, TaskRow, NoticeRow)


def project(
    connection: Connection, *, case_id: OpaqueId, protocol: Protocol, protocol_hash: str, facts: Sequence[Fact]
) -> int:
    """Append facts of a case and fold them into the read model; those already there are skipped.

    Args:
        connection: a connection from ``Database.write()``; the caller commits.
        case_id: the case.
        protocol: the compiled protocol under which these facts were recorded.
        protocol_hash: the hash of that protocol.
        facts: facts of the case in any order, repeated or not.

    Returns:
        the number of the last fact the read model now contains.

    Raises:
        HandoffError: ``FACT_GAP`` when facts between the last one known and these are missing; nothing is changed.
    """
    _, key = ids.site_of(connection)
    case = _case(connection, key, protocol, protocol_hash, case_id)
    fresh = _fresh(facts, case.seq)
    if fresh:
        _append(connection, _open(connection, key, protocol, case, fresh), protocol_hash, fresh)
    return case.seq


def refold(connection: Connection, key: bytes, protocol: Protocol, case: CaseRow, facts: Sequence[Fact]) -> None:
    """Fold facts that are already in ``fact``, all under one protocol, into an emptied read model."""
    folding = _open(connection, key, protocol, case, facts)
    for each in facts:
        label = _fold(folding, each)
        connection.execute(
            update(tables.fact)
            .where(tables.fact.c.case_id == case.case_id, tables.fact.c.seq == each.seq)
            .values(columns(label))
        )
    _save(connection, folding)


def _fresh(facts: Sequence[Fact], known: int) -> list[Fact]:
    """The facts after ``known``, in order, each once, with none missing."""
    by_seq = {each.seq: each for each in facts if each.seq > known}
    fresh = [by_seq[seq] for seq in sorted(by_seq)]
    if fresh and fresh[-1].seq != known + len(fresh):
        missing = next(seq for seq in range(known + 1, fresh[-1].seq) if seq not in by_seq)
        raise HandoffError("FACT_GAP", f"fact {missing} of this case has not come; nothing was changed")
    return fresh


def _append(connection: Connection, folding: CaseFold, protocol_hash: str, facts: Sequence[Fact]) -> None:
    rows = []
    for each in facts:
        label = _fold(folding, each)
        rows.append(
            {
                "case_id": folding.case.case_id,
                "seq": each.seq,
                "at": each.at,
                "recorded": each.recorded,
                "kind": each.body.kind,
                "protocol_hash": protocol_hash,
                "body": canonical(BODY.dump_python(each.body, mode="json")).decode(),
                **columns(label),
            }
        )
    connection.execute(insert(tables.fact), rows)
    _commit_values(connection, folding.case.case_id, facts)
    _save(connection, folding)


def _fold(folding: CaseFold, fact: Fact) -> Label:
    label = fold(fact.body, folding, fact)
    folding.case.seq = fact.seq
    return label


def _commit_values(connection: Connection, case_id: OpaqueId, facts: Sequence[Fact]) -> None:
    """A protected value stays once a fact names it."""
    refs = [each.body.ref for each in facts if isinstance(each.body, SlotFilled)]
    if refs:
        connection.execute(
            update(vault_value)
            .where(vault_value.c.case_id == case_id, vault_value.c.ref.in_(refs))
            .values(state="committed")
        )


def _case(connection: Connection, key: bytes, protocol: Protocol, protocol_hash: str, case_id: OpaqueId) -> CaseRow:
    """The case's row, made if need be and locked until the transaction ends."""
    wanted = select(tables.case_file).where(tables.case_file.c.case_id == case_id).with_for_update()
    found = connection.execute(wanted).first()
    if found is None:
        first = empty_case(protocol, protocol_hash, case_id, ids.give_code(connection, key, case_id))
        add_new(connection, tables.case_file, [columns(first)])
        add_parties(connection, protocol, protocol_hash)
        found = connection.execute(wanted).one()
    return _row(CaseRow, found)


def add_parties(connection: Connection, protocol: Protocol, protocol_hash: str) -> None:
    """Note which agencies have a step in a protocol, and who votes on another's."""
    voters = [
        {"protocol_hash": protocol_hash, "step": each.id, "role": role, "agency": protocol.role[role].agency}
        for each in protocol.steps
        for role in voters_of(protocol, each)
    ]
    voting = {row["agency"] for row in voters if labels.step_owner(protocol, row["step"]) is None}
    agencies = sorted({agency for each in protocol.steps for agency in owners_of(protocol, each)} | voting)
    add_new(connection, tables.party, [{"protocol_hash": protocol_hash, "agency": each} for each in agencies])
    add_new(connection, tables.voter, voters)


def _open(connection: Connection, key: bytes, protocol: Protocol, case: CaseRow, facts: Sequence[Fact]) -> CaseFold:
    """Load what folding these facts may read."""
    tasks: dict[int, TaskRow] = {}
    owners: dict[int, tuple[Slug, ...]] = {}
    notices: list[NoticeRow] = []
    if case.seq > 0:
        tasks = {each.instance: each for each in _all(connection, tables.task, TaskRow, case.case_id)}
        owner = tables.task_owner
        for row in connection.execute(
            select(owner.c.instance, owner.c.role).where(owner.c.case_id == case.case_id).order_by(owner.c.position)
        ):
            owners[row.instance] = (*owners.get(row.instance, ()), row.role)
        if any(isinstance(each.body, Told | OwnersChanged | PageStopped) for each in facts):
            notices = _all(connection, tables.notice, NoticeRow, case.case_id)
    return CaseFold(protocol=protocol, key=key, case=case, tasks=tasks, owners=owners, notices=notices)


def _all(connection: Connection, table: Table, kind: type[Kind], case_id: OpaqueId) -> list[Kind]:
    return [_row(kind, each) for each in connection.execute(select(table).where(table.c.case_id == case_id))]


def _row(kind: type[Kind], row: Row[tuple[object, ...]]) -> Kind:
    return kind(**row._mapping)


def _save(connection: Connection, folding: CaseFold) -> None:
    """Write every row that changed."""
    put(connection, tables.case_file, [columns(folding.case)])
    put(connection, tables.task, [columns(folding.tasks[each]) for each in sorted(folding.touched)])
    put(connection, tables.notice, [columns(each) for each in folding.told])
    put(connection, tables.field_value, [columns(each) for each in folding.fields.values()])
    put(connection, tables.slot_ref, [columns(each) for each in folding.slots])
    _save_owners(connection, folding)


def _save_owners(connection: Connection, folding: CaseFold) -> None:
    if not folding.moved:
        return
    owner = tables.task_owner
    pairs = [(folding.case.case_id, each) for each in sorted(folding.moved)]
    connection.execute(delete(owner).where(tuple_(owner.c.case_id, owner.c.instance).in_(pairs)))
    rows = [
        {"case_id": case_id, "instance": instance, "role": role, "position": position}
        for case_id, instance in pairs
        for position, role in enumerate(folding.owners[instance])
    ]
    if rows:
        connection.execute(insert(owner), rows)
