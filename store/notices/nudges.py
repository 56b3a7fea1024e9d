"""A nudge: what is stuck is said once more to whoever answers for it, in the fixed words of every notice.

Only of what is stuck as far as who nudges may know; once in ``APART`` for each task, by whomever. Of a confidential
agency's task outsiders and its own people are counted apart: neither learns of the other's nudges.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, select

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.state import Instant
from store import board, protocols, task_view
from store.notices import errands
from store.notices.errands import NUDGES, Kind
from store.policy import Subject
from store.tables import task, task_owner
from store.task_view import TaskView

APART = 4 * clocks.HOUR


@dataclass(frozen=True, slots=True, kw_only=True)
class Nudge:
    """Whether a task may be nudged now: ``code`` and ``says`` tell why not. ``again_at``: when it may be once more.

    ``sent``: whether a nudge that was made leaves this installation.
    """

    view: TaskView
    code: str | None
    says: str
    again_at: Instant | None = None
    sent: bool = False


def foreseen(connection: Connection, subject: Subject, ids: Sequence[str], now: Instant) -> list[Nudge]:
    """For each task the subject may see, whether it may nudge it now; unknown ones are left out."""
    views = task_view.of_ids(connection, subject, list(ids))
    stuck = board.stuck_since(connection, subject, now, list(views))
    return [_judged(connection, subject, views[id_], id_ in stuck, now) for id_ in ids if id_ in views]


def nudge(connection: Connection, subject: Subject, id_: str, now: Instant, *, sends: bool) -> Nudge:
    """Ask once more for a task. Needs a writing connection; ``sends``: whether notices leave this installation.

    Where none do it is written down all the same, for its agency's people to read beside the item. So it is of a
    practice case, which rings nobody.

    Raises:
        HandoffError: ``NOT_FOUND``; ``NOT_YOURS`` for whoever neither coordinates nor leads an agency of the pair;
            ``NUDGE_DONE``, ``NOT_STUCK``, ``NUDGED``.
    """
    task_view.one(connection, subject, id_)
    (found,) = foreseen(connection, subject, (id_,), now)
    if found.code is not None:
        raise HandoffError(found.code, found.says)
    row = connection.execute(select(task).where(task.c.id == id_)).one()
    of = select(task_owner.c.role).where(task_owner.c.case_id == row.case_id, task_owner.c.instance == row.instance)
    protocol = protocols.by_hash(connection, found.view.protocol_hash).protocol
    made, sends = [], sends and not found.view.practice
    for role in connection.execute(of.order_by(task_owner.c.position)).scalars():
        new = errands.new(row.agency, _kind(subject, row.owner), now, case_id=row.case_id)
        new = replace(new, owner=row.owner, role=role, instance=row.instance)
        made.append((new if sends else new.over("unsent", now), protocol))
    errands.add(connection, made)
    return replace(found, again_at=now + APART, sent=sends)


def asked(connection: Connection, view: TaskView) -> Instant | None:
    """When a task was last nudged within a week, from whichever side: for the people of its own agency."""
    instance = connection.execute(select(task.c.instance).where(task.c.id == view.id)).scalar()
    known = errands.of_case(connection, view.case_id, view.agency)
    return max((each.since for each in known if each.kind in NUDGES and each.instance == instance), default=None)


def _judged(connection: Connection, subject: Subject, view: TaskView, stuck: bool, now: Instant) -> Nudge:  # noqa: FBT001
    protocol = protocols.by_hash(connection, view.protocol_hash).protocol
    if not (subject.coordinates or _leads(protocol, subject, view)):
        return Nudge(
            view=view, code="NOT_YOURS", says="nudging is for the coordinator and for leads of the two agencies"
        )
    if not _open(view):
        return Nudge(view=view, code="NUDGE_DONE", says="done a moment ago")
    inside = view.full and view.missed_at is not None and (view.paused_until or now) <= now
    if not stuck and not inside:
        return Nudge(view=view, code="NOT_STUCK", says="it is not stuck now")
    last = _last(connection, subject, view)
    if last is not None and now < last + APART:
        return Nudge(view=view, code="NUDGED", says="this was asked within the last 4 hours", again_at=last + APART)
    return Nudge(view=view, code=None, says="")


def _open(view: TaskView) -> bool:
    """Whether somebody still owes something, as far as the reader may know."""
    return view.status in ("open", "waiting") if view.full else view.taken_at is None


def _leads(protocol: Protocol, subject: Subject, view: TaskView) -> bool:
    known = protocol.agency.get(subject.agency)
    leads = known is not None and bool(set(known.leads) & set(subject.roles))
    return leads and subject.agency in (view.agency, view.from_agency)


def _kind(subject: Subject, owner: Slug | None) -> Kind:
    return Kind.NUDGED if owner in (None, subject.agency) else Kind.ASKED


def _last(connection: Connection, subject: Subject, view: TaskView) -> Instant | None:
    """When the task was last nudged from the subject's side."""
    row = connection.execute(select(task.c.instance, task.c.owner).where(task.c.id == view.id)).one()
    kind = _kind(subject, row.owner)
    known = errands.of_case(connection, view.case_id, view.agency)
    same = [each.since for each in known if each.kind in NUDGES and each.kind is kind and each.instance == row.instance]
    return max(same, default=None)
