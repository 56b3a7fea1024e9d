"""What facts ask to be told, as errands: written in the transaction that folds them, so that neither is ever alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from protocol.facts import Fact, OwnersChanged, StepDelivered
from protocol.names import Slug
from store.case_fold import CaseFold
from store.notices import errands
from store.notices.errands import Errand, Kind
from store.rows import NoticeRow, TaskRow

HOW = {"remind": Kind.REMIND, "tell": Kind.TOLD, "page": Kind.PAGED}
"""Tellings of a ladder; ``add`` and ``move`` give somebody a duty."""


def write(connection: Connection, folded: Sequence[tuple[CaseFold, Sequence[Fact]]]) -> None:
    """Write an errand for each role that these facts give a duty or a telling; each fact is folded once.

    A practice case rings nobody: who would have been told stands on its page.
    """
    real = [(case, facts) for case, facts in folded if not case.case.practice]
    errands.add(connection, [(each, case.protocol) for case, facts in real for each in asked(case, facts)])


def asked(case: CaseFold, facts: Sequence[Fact]) -> Iterator[Errand]:
    """The errands of facts that were just folded."""
    new = {each.seq for each in facts}
    for fact in facts:
        body = fact.body
        if isinstance(body, StepDelivered):
            for role in body.owners:
                yield _duty(case, case.tasks[body.instance], role, Kind.NEW, fact)
        elif isinstance(body, OwnersChanged) and body.rung is None:
            for role in body.owners:
                yield _duty(case, case.tasks[body.instance], role, Kind.MOVED, fact, person=body.person)
    for row in case.told:
        if row.seq in new:
            yield _telling(case, row)


def _duty(case: CaseFold, task: TaskRow, role: Slug, kind: Kind, fact: Fact, *, person: str | None = None) -> Errand:
    made = errands.new(task.agency, kind, fact.recorded, case_id=case.case.case_id, person=person)
    # An entry handoff is seen by others, who its people are never: what becomes of it here is the owner's alone.
    return replace(made, owner=task.owner, role=role, instance=task.instance, due=fact.at)


def _telling(case: CaseFold, row: NoticeRow) -> Errand:
    made = errands.new(row.agency, HOW.get(row.how, Kind.MOVED), row.recorded, case_id=case.case.case_id)
    owner = row.owner if row.agency == row.owner else None
    return replace(
        made, owner=owner, outside=row.outside, role=row.role, instance=row.instance, notice_id=row.id, due=row.at
    )
