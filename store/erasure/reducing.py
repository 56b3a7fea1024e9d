"""A part of a case reduced to what outsiders were shown, so that nobody else sees that anything changed.

Of an agency's tasks stays that they were handed over, taken up, withdrawn, not taken up, and of one that is not
confidential whether it was in time. Everything else it recorded goes, and the case's screens are folded anew.

Of a confidential agency's part nothing sealed is opened for this: what others were shown stands in clear, and a backup
can be reduced whose keys are destroyed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Connection, Row, delete, insert, select, update

from protocol.engine.retention import keeper, parts
from protocol.facts import (
    CaseEnded,
    Ending,
    FactBody,
    PartErased,
    StepDelivered,
    StepEnded,
    StepScheduled,
    TakenUp,
)
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.serial import canonical
from protocol.state import Instant
from store import labels, protocols, tables, vault
from store.edge_tables import notice_receipt, source_key
from store.erasure.shown import Left, shown
from store.keyring.sealing import opened
from store.notices import errands
from store.projector import BODY
from store.rebuild import rebuild_cases
from store.releases import papers

ERASED = "part-erased"
Rows: TypeAlias = "Sequence[Row[Any]]"


class _Reduced(NamedTuple):
    """What becomes of facts, by their numbers: those that go, and what is left of others."""

    gone: set[int]
    left: Mapping[int, Left]


def reduce(connection: Connection, case_id: OpaqueId, of: Slug, now: Instant) -> None:
    """Reduce a part of an ended case, in one transaction that the caller commits. A part reduced before stays so.

    Args:
        connection: from ``Database.write()``.
        case_id: the case.
        of: the agency whose part it is, or a protected value that the text keeps for a time of its own.
        now: the present instant.
    """
    rows = connection.execute(
        select(tables.fact).where(tables.fact.c.case_id == case_id).order_by(tables.fact.c.seq)
    ).all()
    if not rows or of in erased(connection, case_id):
        return
    protocol = protocols.by_hash(connection, rows[-1].protocol_hash).protocol
    notices = _notices(connection, case_id)
    vault.destroy(connection, case_id, keeper(protocol, of), of if of in protocol.slot else None)
    if of in protocol.slot:
        reduced = _Reduced(_filled(connection, case_id, of), {})
    elif protocol.agency[of].confidential:
        reduced = _inside(connection, protocol, of, rows, now)
    else:
        reduced = _open(connection, protocol, of, rows, now)
    if of in protocol.agency:
        papers.drop(connection, of, case_id)
    _write(connection, case_id, reduced)
    _say(connection, protocol, rows[-1], of, now)
    if {each.of for each in parts(protocol) if each.of in protocol.agency} <= erased(connection, case_id):
        # With the last agency's part goes what tells by which number the case was reported.
        connection.execute(delete(source_key).where(source_key.c.case_id == case_id))
    rebuild_cases(connection, [case_id])
    lost = notices - _notices(connection, case_id)
    connection.execute(delete(notice_receipt).where(notice_receipt.c.notice_id.in_(lost)))
    errands.drop(connection, case_id, of)


def facts_of(connection: Connection, case_id: OpaqueId) -> list[FactBody]:
    """What the facts of a case say, in order; for this what is sealed is opened."""
    rows = connection.execute(
        select(tables.fact).where(tables.fact.c.case_id == case_id).order_by(tables.fact.c.seq)
    ).all()
    return [BODY.validate_json(each["body"]) for each in opened("fact", connection, rows)]


def erased(connection: Connection, case_id: OpaqueId) -> frozenset[Slug]:
    """The parts of a case that are reduced here."""
    bodies = connection.execute(
        select(tables.fact.c.body).where(tables.fact.c.case_id == case_id, tables.fact.c.kind == ERASED)
    ).scalars()
    found = [BODY.validate_json(each) for each in bodies]
    return frozenset(each.part for each in found if isinstance(each, PartErased))


def _filled(connection: Connection, case_id: OpaqueId, slot: Slug) -> set[int]:
    rows = connection.execute(select(tables.slot_ref).where(tables.slot_ref.c.case_id == case_id)).all()
    return {each["seq"] for each in opened("slot_ref", connection, rows) if each["slot"] == slot}


def _inside(connection: Connection, protocol: Protocol, agency: Slug, rows: Rows, now: Instant) -> _Reduced:
    """A confidential agency's part: what is its own goes but for what others were shown of it."""
    owners = labels.owners_erased(protocol, {*erased(connection, rows[0].case_id), agency})
    own = [each for each in rows if each.owner in owners and each.kind != ERASED]
    left = shown(connection, protocol, owners, own, now)
    return _Reduced({each.seq for each in own} - set(left), left)


def _open(connection: Connection, protocol: Protocol, agency: Slug, rows: Rows, now: Instant) -> _Reduced:
    """The part of an agency that is not confidential; with the last of them what belongs to none of them."""
    alike = {each.of for each in parts(protocol) if each.of in protocol.agency}
    alike = {each for each in alike if not protocol.agency[each].confidential}
    last = alike <= {*erased(connection, rows[0].case_id), agency}
    task = tables.task
    due = {
        row.instance: row.due_at
        for row in connection.execute(select(task.c.instance, task.c.due_at).where(task.c.case_id == rows[0].case_id))
    }
    gone: set[int] = set()
    left: dict[int, Left] = {}
    for row in rows:
        its = row.agency == agency or (last and row.agency is None)
        if row.owner is not None or not its or row.kind in (ERASED, "case-opened"):
            continue
        body = _reduced(BODY.validate_json(row.body), due)
        if body is None:
            gone.add(row.seq)
        else:
            ends = isinstance(body, CaseEnded)
            left[row.seq] = Left(now if ends else row.recorded, now if ends else row.recorded, body)
    return _Reduced(gone, left)


def _reduced(body: FactBody, due: Mapping[int, Instant | None]) -> FactBody | None:
    """What stays of a fact of an agency that is not confidential: figures need whether it kept its word."""
    match body:
        case CaseEnded():
            return CaseEnded(unfinished=0)
        case StepScheduled():
            return replace(body, starts=None, held=False)
        case StepDelivered():
            return replace(body, due=due.get(body.instance), short_notice=False, receipt=False, item=None)
        case TakenUp():
            return replace(body, by=None, person=None)
        case StepEnded():
            return replace(body, outcome=None, how=Ending.ERASED, role=None, person=None)
    return None


def _write(connection: Connection, case_id: OpaqueId, reduced: _Reduced) -> None:
    fact = tables.fact
    connection.execute(delete(fact).where(fact.c.case_id == case_id, fact.c.seq.in_(reduced.gone)))
    for seq, left in reduced.left.items():
        said = canonical(BODY.dump_python(left.body, mode="json")).decode()
        connection.execute(
            update(fact)
            .where(fact.c.case_id == case_id, fact.c.seq == seq)
            .values(at=left.at, recorded=left.recorded, kind=left.body.kind, body=said, sealed=None)
        )


def _say(connection: Connection, protocol: Protocol, last: Row[Any], of: Slug, now: Instant) -> None:
    """Record that the part was erased, as the case's next fact."""
    agency = keeper(protocol, of)
    connection.execute(
        insert(tables.fact).values(
            case_id=last.case_id,
            seq=last.seq + 1,
            at=now,
            recorded=now,
            kind=ERASED,
            protocol_hash=last.protocol_hash,
            body=canonical(BODY.dump_python(PartErased(part=of), mode="json")).decode(),
            agency=agency,
            owner=labels.agency_owner(protocol, agency),
            outside=False,
        )
    )


def _notices(connection: Connection, case_id: OpaqueId) -> set[str]:
    return set(connection.execute(select(tables.notice.c.id).where(tables.notice.c.case_id == case_id)).scalars())
