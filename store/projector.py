"""Facts into the database: appended once each, folded into the read model, in the caller's transaction.

Safe to run any number of times and with any cutting of the same facts into batches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any, NamedTuple, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import Connection, Table, delete, insert, select, tuple_, update

from protocol.errors import HandoffError
from protocol.facts import (
    CaseMigrated,
    Fact,
    FactBody,
    OwnersChanged,
    PageStopped,
    PartErased,
    SlotFilled,
    Told,
)
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.origins import owners_of, voters_of
from protocol.serial import canonical
from store import ids, labels, tables
from store.case_fold import CaseFold, empty_case
from store.edge_tables import vault_value
from store.fold import fold
from store.keyring.sealing import Sealer, opened, sealer
from store.notices import outbox
from store.rows import CaseRow, FieldRow, Label, NoticeRow, SlotRow, TaskRow, columns
from store.session import add_new, put

BODY: TypeAdapter[FactBody] = TypeAdapter(FactBody)
HEARD = (Told, OwnersChanged, PageStopped)
"""The facts whose folding reads what was told before."""

Kind = TypeVar("Kind", TaskRow, NoticeRow)


class Batch(NamedTuple):
    """Facts of one case, in any order, repeated or not, and the compiled protocol they were recorded under.

    ``erased``: the owners whose parts of the case were erased; only a case that ended has any.
    """

    case_id: OpaqueId
    protocol: Protocol
    protocol_hash: str
    facts: Sequence[Fact]
    erased: frozenset[Slug] = frozenset()


def project(connection: Connection, batches: Sequence[Batch], *, notify: bool = False) -> list[int]:
    """Append facts of cases and fold them into the read model; those already there are skipped.

    Args:
        connection: a connection from ``Database.write()``; the caller commits.
        batches: in the order in which they came; a case may be in several.
        notify: write down whom these facts give something to hear of; left out where nothing is sent.

    Returns:
        for each batch the number of the last fact of its case that the read model now contains.

    Raises:
        HandoffError: ``FACT_GAP`` when facts between the last one known and these are missing. The caller rolls back,
            and writes each batch by itself if it wants the others.
    """
    _, key = ids.site_of(connection)
    results: list[int] = []
    rest = list(batches)
    while rest:
        turn = list(takewhile(_unseen(), rest))
        results += _project_turn(connection, key, turn, notify=notify)
        rest = rest[len(turn) :]
    return results


def _unseen() -> Callable[[Batch], bool]:
    """Whether a batch is the first of its case."""
    seen: set[OpaqueId] = set()

    def first(batch: Batch) -> bool:
        known = batch.case_id in seen
        seen.add(batch.case_id)
        return not known

    return first


def _project_turn(connection: Connection, key: bytes, batches: Sequence[Batch], *, notify: bool) -> list[int]:
    """Batches of different cases: what they read is read together, and what they write is written together."""
    cases = _cases(connection, key, batches)
    fresh = [each._replace(facts=_fresh(each.facts, cases[each.case_id].seq)) for each in batches]
    work = [each for each in fresh if each.facts]
    if work:
        foldings = _open(connection, key, [(each, cases[each.case_id]) for each in work])
        seals = sealer(connection)
        rows = [row for folding, each in zip(foldings, work, strict=True) for row in _fact_rows(seals, folding, each)]
        connection.execute(insert(tables.fact), rows)
        for each in work:
            if any(isinstance(fact.body, CaseMigrated) for fact in each.facts):
                add_parties(connection, each.protocol, each.protocol_hash)
            _commit_values(connection, each.case_id, each.facts)
        _save(connection, foldings)
        if notify:
            outbox.write(connection, [(each, batch.facts) for each, batch in zip(foldings, work, strict=True)])
    return [cases[each.case_id].seq for each in batches]


def refold(connection: Connection, key: bytes, case: CaseRow, batch: Batch) -> None:
    """Fold facts that are already in ``fact``, all under one protocol, into an emptied read model."""
    (folding,) = _open(connection, key, [(batch, case)])
    for each in _fact_rows(sealer(connection), folding, batch):
        connection.execute(
            update(tables.fact)
            .where(tables.fact.c.case_id == case.case_id, tables.fact.c.seq == each["seq"])
            .values(each)
        )
    _save(connection, [folding])


def _fresh(facts: Sequence[Fact], known: int) -> list[Fact]:
    """The facts after ``known``, in order, each once, with none missing."""
    by_seq = {each.seq: each for each in facts if each.seq > known}
    fresh = [by_seq[seq] for seq in sorted(by_seq)]
    if fresh and fresh[-1].seq != known + len(fresh):
        missing = next(seq for seq in range(known + 1, fresh[-1].seq) if seq not in by_seq)
        raise HandoffError("FACT_GAP", f"fact {missing} of this case has not come; nothing was changed")
    return fresh


def _fact_rows(seals: Sealer, folding: CaseFold, batch: Batch) -> list[dict[str, Any]]:
    """Fold a batch's facts; gives them as they are kept."""
    rows = []
    for each in batch.facts:
        label = _fold(folding, each)
        row = {
            "case_id": batch.case_id,
            "seq": each.seq,
            "at": each.at,
            "recorded": each.recorded,
            "kind": each.body.kind,
            "protocol_hash": batch.protocol_hash,
            "body": canonical(BODY.dump_python(each.body, mode="json")).decode(),
            **columns(label),
        }
        # That a part was erased, and which, is no secret: every case's is, in its time.
        clear = {label.owner or ""} if isinstance(each.body, PartErased) else batch.erased
        rows.append(seals.sealed("fact", row, batch.protocol, clear))
    return rows


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


def _cases(connection: Connection, key: bytes, batches: Sequence[Batch]) -> dict[OpaqueId, CaseRow]:
    """The cases' rows, made if need be and locked until the transaction ends."""
    found = _locked(connection, [each.case_id for each in batches])
    missing = [each for each in batches if each.case_id not in found]
    if missing:
        first = [
            empty_case(each.protocol, each.protocol_hash, each.case_id, ids.give_code(connection, key, each.case_id))
            for each in missing
        ]
        add_new(connection, tables.case_file, [columns(each) for each in first])
        for hash_, protocol in {each.protocol_hash: each.protocol for each in missing}.items():
            add_parties(connection, protocol, hash_)
        found |= _locked(connection, [each.case_id for each in missing])
    return found


def _locked(connection: Connection, case_ids: Sequence[OpaqueId]) -> dict[OpaqueId, CaseRow]:
    # In one order for everybody, so that two writers cannot wait for one another.
    case = tables.case_file
    wanted = select(case).where(case.c.case_id.in_(case_ids)).order_by(case.c.case_id).with_for_update()
    return {each.case_id: CaseRow(**each._mapping) for each in connection.execute(wanted)}


def add_parties(connection: Connection, protocol: Protocol, protocol_hash: str) -> None:
    """Note which agencies have a step in a protocol, and who votes on another's."""
    owed = [each for each in protocol.steps if each.stands_for != each.id]
    voters = [
        {"protocol_hash": protocol_hash, "step": each.id, "role": role, "agency": protocol.role[role].agency}
        for each in owed
        for role in voters_of(protocol, each)
    ]
    voting = {row["agency"] for row in voters if labels.step_owner(protocol, row["step"]) is None}
    agencies = sorted({agency for each in owed for agency in owners_of(protocol, each)} | voting)
    add_new(connection, tables.party, [{"protocol_hash": protocol_hash, "agency": each} for each in agencies])
    add_new(connection, tables.voter, voters)


def _open(connection: Connection, key: bytes, work: Sequence[tuple[Batch, CaseRow]]) -> list[CaseFold]:
    """Load what folding these batches of different cases may read."""
    seals = sealer(connection)
    known = [batch for batch, case in work if case.seq > 0]
    ask = [each.case_id for each in known]
    heard = [each.case_id for each in known if any(isinstance(fact.body, HEARD) for fact in each.facts)]
    tasks: dict[OpaqueId, dict[int, TaskRow]] = defaultdict(dict)
    for task in _all(connection, tables.task, TaskRow, ask):
        tasks[task.case_id][task.instance] = task
    notices: dict[OpaqueId, list[NoticeRow]] = defaultdict(list)
    for notice in _all(connection, tables.notice, NoticeRow, heard):
        notices[notice.case_id].append(notice)
    owners = _owners(connection, ask)
    return [
        CaseFold(
            protocol=batch.protocol,
            id_key=partial(_id_key, seals, key, batch),
            case=case,
            tasks=tasks[batch.case_id],
            owners=owners[batch.case_id],
            notices=notices[batch.case_id],
            erased=batch.erased,
        )
        for batch, case in work
    ]


def _id_key(seals: Sealer, key: bytes, batch: Batch, owner: Slug | None) -> bytes:
    return seals.id_key(key, batch.case_id, owner, batch.protocol)


def _owners(connection: Connection, case_ids: Sequence[OpaqueId]) -> dict[OpaqueId, dict[int, tuple[Slug, ...]]]:
    """Who owns the instances of these cases, in order."""
    found: dict[OpaqueId, dict[int, tuple[Slug, ...]]] = defaultdict(dict)
    owner = tables.task_owner
    if case_ids:
        wanted = select(owner.c.case_id, owner.c.instance, owner.c.role).where(owner.c.case_id.in_(case_ids))
        for row in connection.execute(wanted.order_by(owner.c.position)):
            of_case = found[row.case_id]
            of_case[row.instance] = (*of_case.get(row.instance, ()), row.role)
    return found


def _all(connection: Connection, table: Table, kind: type[Kind], case_ids: Sequence[OpaqueId]) -> list[Kind]:
    if not case_ids:
        return []
    rows = connection.execute(select(table).where(table.c.case_id.in_(case_ids))).all()
    return [kind(**each) for each in opened(table.name, connection, rows)]


def _save(connection: Connection, foldings: Sequence[CaseFold]) -> None:
    """Write every row that changed."""
    put(connection, tables.case_file, [columns(each.case) for each in foldings])
    put(connection, tables.task, _sealed(connection, "task", foldings))
    put(connection, tables.notice, _sealed(connection, "notice", foldings))
    put(connection, tables.field_value, _sealed(connection, "field_value", foldings))
    put(connection, tables.slot_ref, _sealed(connection, "slot_ref", foldings))
    _save_owners(connection, foldings)


def _sealed(connection: Connection, table: str, foldings: Sequence[CaseFold]) -> list[dict[str, Any]]:
    """The rows of a table that changed, as they are kept."""
    changed: dict[str, Callable[[CaseFold], Iterable[TaskRow | NoticeRow | FieldRow | SlotRow]]] = {
        "task": lambda each: (each.tasks[task] for task in sorted(each.touched)),
        "notice": lambda each: each.told,
        "field_value": lambda each: each.fields.values(),
        "slot_ref": lambda each: each.slots,
    }
    seals, of = sealer(connection), changed[table]
    return [seals.sealed(table, columns(row), each.protocol, each.erased) for each in foldings for row in of(each)]


def _save_owners(connection: Connection, foldings: Sequence[CaseFold]) -> None:
    moved = [
        (each.case.case_id, instance, each.owners[instance]) for each in foldings for instance in sorted(each.moved)
    ]
    if not moved:
        return
    owner = tables.task_owner
    pairs = [(case_id, instance) for case_id, instance, _ in moved]
    connection.execute(delete(owner).where(tuple_(owner.c.case_id, owner.c.instance).in_(pairs)))
    rows = [
        {"case_id": case_id, "instance": instance, "role": role, "position": position}
        for case_id, instance, roles in moved
        for position, role in enumerate(roles)
    ]
    if rows:
        connection.execute(insert(owner), rows)
