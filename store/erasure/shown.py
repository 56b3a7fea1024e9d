"""What others were shown of a confidential agency's part, as facts that fold to the same screens and say nothing else.

Made from the columns that stand in clear alone. Facts keep their numbers: where one is needed that others never saw
(a task withdrawn, a page stopped, the case's end), it takes the number of one that goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, select

from protocol.facts import (
    CaseEnded,
    FactBody,
    PageStopped,
    StepCancelled,
    StepDelivered,
    StepScheduled,
    TakenUp,
    Telling,
    Told,
)
from protocol.kernel import Protocol, Step
from protocol.names import OpaqueId, Ref, Slug
from protocol.state import Instant
from store import labels, tables

NOBODY: OpaqueId = "-"
"""Stands for a person."""


class Left(NamedTuple):
    """What is left of a fact: its two times, and what it says."""

    at: Instant
    recorded: Instant
    body: FactBody


class _Numbers:
    """The numbers of facts that go, to be given to others."""

    def __init__(self, free: Sequence[int]) -> None:
        self._free = sorted(free)

    def after(self, seq: int) -> int | None:
        """The first that is still free behind another."""
        found = next((each for each in self._free if each > seq), None)
        if found is not None:
            self._free.remove(found)
        return found

    def last(self) -> int | None:
        """The last of all."""
        return self._free.pop() if self._free else None


def shown(
    connection: Connection, protocol: Protocol, owners: frozenset[Slug], own: Sequence[Row[Any]], now: Instant
) -> dict[int, Left]:
    """What stays of an agency's facts, by their numbers.

    Args:
        connection: a connection from ``Database.write()``.
        protocol: what the case runs on.
        owners: whose things go: the agency, and nobody in particular if it is the last confidential one.
        own: their facts, as they are kept.
        now: when the case is now said to have ended, if only they knew that it has.
    """
    if not own:
        return {}
    case_id = own[0].case_id
    numbers = _Numbers([each.seq for each in own if not each.outside])
    case = connection.execute(select(tables.case_file).where(tables.case_file.c.case_id == case_id)).one()
    left: dict[int, Left] = {}
    if case.status == "ended" and case.status_owner in owners:
        _put(left, numbers.last(), Left(now, now, CaseEnded(unfinished=0)))
    left |= _handed_over(connection, protocol, owners, own, numbers)
    left |= _told(connection, owners, case_id, numbers)
    return left


def _handed_over(
    connection: Connection, protocol: Protocol, owners: frozenset[Slug], own: Sequence[Row[Any]], numbers: _Numbers
) -> dict[int, Left]:
    """That its tasks were handed over, taken up, or withdrawn by an outsider's own act."""
    task = tables.task
    rows = connection.execute(
        select(task)
        .where(task.c.case_id == own[0].case_id, task.c.owner.in_(owners), task.c.outside)
        .order_by(task.c.instance)
    ).all()
    by_id = {each.id: each for each in rows}
    begun = {each.task_id: each.seq for each in own if each.outside and each.kind == "step-delivered"}
    left: dict[int, Left] = {}
    for fact in own:
        if not fact.outside or fact.task_id not in by_id:
            continue
        found = by_id[fact.task_id]
        if fact.kind == "step-delivered":
            left[fact.seq] = Left(fact.recorded, fact.recorded, _delivered(protocol, found))
        elif fact.kind == "taken-up":
            taken = TakenUp(instance=found.instance, step=found.step, by=None, person=None)
            left[fact.seq] = Left(fact.recorded, fact.recorded, taken)
    seq = 0
    for each in rows:
        if each.id not in begun:
            # Known and never handed over: others see nothing of it, and the ids of the next are counted with it.
            seq = _put(left, numbers.after(seq), Left(0, 0, _scheduled(protocol, each))) or seq
            continue
        seq = begun[each.id]
        if each.withdrawn_at is not None and not _started_over(each, rows):
            body = StepCancelled(
                instance=each.instance, step=each.step, superseded=False, cause=_public_event(protocol)
            )
            _put(left, numbers.after(seq), Left(each.withdrawn_at, each.withdrawn_at, body))
    return left


def _told(connection: Connection, owners: frozenset[Slug], case_id: OpaqueId, numbers: _Numbers) -> dict[int, Left]:
    """That others were told of what nobody took up, and read it."""
    notice = tables.notice
    rows = connection.execute(
        select(notice)
        .where(notice.c.case_id == case_id, notice.c.owner.in_(owners), notice.c.outside)
        .order_by(notice.c.seq, notice.c.role)
    ).all()
    left: dict[int, Left] = {}
    for each in rows:
        before = left.get(each.seq)
        roles = before.body.roles if before is not None and isinstance(before.body, Told) else ()
        body = Told(
            instance=each.instance,
            step=each.step,
            rung=each.rung,
            how=Telling(each.how),
            roles=(*roles, each.role),
            page=each.page,
            repeat=each.repeat,
        )
        left[each.seq] = Left(each.at, each.recorded, body)
    stopped = {each.page: each for each in rows if each.page is not None and each.stopped_at is not None}
    for page, each in stopped.items():
        body_of_stop = PageStopped(page=page, person=NOBODY)
        _put(left, numbers.after(each.seq), Left(each.stopped_at, each.stopped_at, body_of_stop))
    return left


def _put(left: dict[int, Left], seq: int | None, what: Left) -> int | None:
    if seq is not None:
        left[seq] = what
    return seq


def _delivered(protocol: Protocol, task: Row[Any]) -> StepDelivered:
    step = protocol.step[task.step]
    return StepDelivered(
        instance=task.instance,
        step=step.id,
        owners=(step.role,),
        from_agency=task.from_agency,
        cause=_cause(step),
        due=None,
        short_notice=False,
        receipt=False,
        round=0,
        agency=task.agency,
    )


def _scheduled(protocol: Protocol, task: Row[Any]) -> StepScheduled:
    step = protocol.step[task.step]
    return StepScheduled(
        instance=task.instance,
        step=step.id,
        starts=None,
        cause=_cause(step),
        held=False,
        round=0,
        agency=task.agency,
    )


def _cause(step: Step) -> Ref:
    """A cause of the step: outsiders' acts alone open it, and which of them did is not kept."""
    return step.when.arms[0][0]


def _started_over(task: Row[Any], rows: Sequence[Row[Any]]) -> bool:
    """Whether a newer handing over of the same step withdrew it, which then says so by itself."""
    return any(each.step == task.step and each.delivered_at == task.withdrawn_at and each is not task for each in rows)


def _public_event(protocol: Protocol) -> Ref:
    found = next(each.id for each in protocol.events if labels.event_is_public(protocol, each.id))
    return f"event:{found}"
