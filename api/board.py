"""The board: who waits for whom, what is stuck first; and what went late while this installation was down."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, Field

from api import hints
from api.deps import Here, Services, Who, actors, command_id, now
from api.once import Once
from api.recording import seen
from api.views import Closed, Spoken, TaskOut, instant, tasks_out, when
from protocol.engine import clocks, foreseeing
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.languages import Tongue
from protocol.languages import notices as texts
from protocol.languages.notices import Notice, Times
from protocol.messages import Input, PauseClock
from protocol.names import Slug
from protocol.state import PauseReason
from protocol.telling.refusals import say
from store import board, protocols, task_view
from store.handing import roles_of
from store.notices import nudges
from store.notices.nudges import Nudge
from store.policy import COORDINATOR, Subject
from store.session import Connection
from store.task_view import TaskTarget, TaskView
from workflows import client as flows

router = APIRouter(route_class=Once)
AT_ONCE = 25
"""Tasks that may be nudged, handed over or paused together."""


class PairOut(Closed):
    """How much ``agency`` owes ``from_agency``, and how much of it is stuck: late, or not taken up in time."""

    from_agency: Slug
    agency: Slug
    open: int
    stuck: int


class WaitingOut(Closed):
    """A handoff, and since when it is stuck; None: it is not."""

    task: TaskOut
    stuck_since: datetime | None


class OutageOut(Closed):
    """Notices of the last day that went late, and between when: the first was to go, the last went."""

    notices: int
    since: datetime | None
    until: datetime | None


class BoardOut(Closed):
    """The board, whatever is filtered: ``open`` and ``stuck`` in all, and by pair; and one page of what is asked for.

    Of a confidential agency that is delivered, taken up (for two weeks), not taken up in time, and nothing else.
    ``practised``: there are practice cases, which are counted in none of it. ``zone``: of the first text in force.
    ``mark``: of what is shown, as ``/hints/board`` has it, where that is what the board begins with; else empty.
    """

    open: int
    stuck: int
    pairs: list[PairOut]
    items: list[WaitingOut]
    next: str | None
    outage: OutageOut | None
    practised: bool
    mark: str
    zone: str


@router.get("/board")
async def looked_at(  # noqa: PLR0913 - what may be asked of a list
    here: Here,
    who: Who,
    tongue: Spoken,
    *,
    agency: Slug | None = None,
    from_agency: Slug | None = None,
    stuck: bool = False,
    practice: bool = False,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 25,
) -> BoardOut:
    """What is open between agencies, the longest stuck first; of one's own agency for whoever does not coordinate."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> BoardOut:
        at = now()
        first = not stuck and (agency, from_agency, practice, cursor, limit) == (None, None, False, None, hints.BOARD)
        found = board.board(
            *(connection, who, at),
            agency=agency,
            from_agency=from_agency,
            stuck=stuck,
            practice=practice,
            cursor=position,
            limit=limit,
        )
        shown = tasks_out(connection, who, tuple(each.task for each in found.rows), tongue)
        down = board.outage(connection, who, at)
        return BoardOut(
            open=sum(each.open for each in found.pairs),
            stuck=sum(each.stuck for each in found.pairs),
            pairs=[PairOut(**{name: getattr(each, name) for name in PairOut.model_fields}) for each in found.pairs],
            items=[
                WaitingOut(task=task, stuck_since=when(each.stuck_at))
                for task, each in zip(shown, found.rows, strict=True)
            ],
            next=here.seal_cursor(who, found.next),
            outage=None if down is None else OutageOut(notices=down.n, since=when(down.since), until=when(down.until)),
            practised=found.practised,
            mark=hints.mark(here, who, hints.of_rows(tuple(each.task for each in found.rows))) if first else "",
            zone=protocols.site_zone(connection),
        )

    return await here.read(ask)


class Wanted(Closed):
    """Which tasks are about to be nudged, handed over or paused; for a pause until when, and why."""

    tasks: Annotated[list[str], Field(min_length=1, max_length=AT_ONCE)]
    until: AwareDatetime | None = None
    reason: PauseReason | None = None


class SeenFirst(Closed):
    """What would come of it, for one task. Empty codes: nothing is in the way.

    ``tells``: the roles of the task's agency that a nudge goes to; of a confidential agency none is
    named; ``notice``: all that it says, and ``sends`` whether anybody hears of it elsewhere. ``hand_to``: the
    roles that it may be handed over to. ``longest``: until when at the latest its clock may be stopped, ``due``:
    when it would be due after the pause asked about, both worked out from the case itself. ``zone``: of its protocol.
    """

    task: TaskOut
    tells: tuple[Slug, ...]
    notice: str
    sends: bool
    nudge: str
    says: str
    again_at: datetime | None
    hand_to: list[Slug]
    pause: str
    pause_says: str
    longest: datetime | None
    due: datetime | None
    zone: str


class NudgedOut(Closed):
    """A nudge that was written down; ``sends``: whether anybody hears of it elsewhere than beside the item."""

    task: str
    again_at: datetime | None
    sends: bool


@router.post("/board/foresee")
async def foresee(asked: Wanted, here: Here, who: Who, tongue: Spoken) -> list[SeenFirst]:
    """What nudging, handing over or pausing some tasks would do, before anything is done; unknown ones are left out."""
    ids = list(dict.fromkeys(asked.tasks))

    def ask(connection: Connection) -> list[tuple[Nudge, TaskOut, str, tuple[TaskTarget, Protocol] | None]]:
        found = nudges.foreseen(connection, who, ids, now())
        shown = tasks_out(connection, who, tuple(each.view for each in found), tongue)
        return [(each, task, *_arranged(connection, who, each.view)) for each, task in zip(found, shown, strict=True)]

    return [await _seen_first(here, who, asked, tongue, *each) for each in await here.read(ask)]


def _arranged(connection: Connection, who: Subject, view: TaskView) -> tuple[str, tuple[TaskTarget, Protocol] | None]:
    """The zone of a task's protocol; where it is and what its case runs on, if the subject may arrange it."""
    protocol = protocols.by_hash(connection, view.protocol_hash).protocol
    leads = set(protocol.agency[view.agency].leads) & set(who.roles)
    if not view.full or not (who.coordinates or (leads and view.agency == who.agency)):
        return protocol.zone, None
    try:
        return protocol.zone, (task_view.target(connection, who, view.id, arranging=True), protocol)
    except HandoffError:
        return protocol.zone, None


async def _seen_first(  # noqa: PLR0913, PLR0917 - one row, whole
    here: Services,
    who: Subject,
    asked: Wanted,
    tongue: Tongue,
    nudge: Nudge,
    task: TaskOut,
    zone: str,
    its: tuple[TaskTarget, Protocol] | None,
) -> SeenFirst:
    pause, says, longest, due = ("NOT_YOURS", "", None, None) if its is None else await _paused(here, who, asked, *its)
    return SeenFirst(
        task=task,
        tells=task.owners,
        notice=texts.text(Notice.REMINDER, tongue, Times(now=now(), zone=zone), sender=here.posting.sender),
        sends=here.posting.sends and not task.practice,
        nudge=nudge.code or "",
        says=nudge.says,
        again_at=when(nudge.again_at),
        hand_to=[] if its is None else [e for e in roles_of(its[1], nudge.view.agency) if e not in nudge.view.owners],
        pause=pause,
        pause_says=says,
        longest=longest,
        due=due,
        zone=zone,
    )


async def _paused(
    here: Services, who: Subject, asked: Wanted, target: TaskTarget, protocol: Protocol
) -> tuple[str, str, datetime | None, datetime | None]:
    """Why its clock cannot be stopped so, until when it could be, and when it would then be due."""
    look = await flows.glance(here.client, target.case_id)
    if look is None:
        return "UNANSWERED", "the case does not answer now; try again", None, None
    at = now()
    until = at + clocks.MINUTE if asked.until is None else instant(asked.until)
    body = PauseClock(instance=target.instance, until=until, reason=asked.reason or PauseReason.WAITING_FOR_OTHERS)
    actor = actors(who, (), (*protocol.agency[target.agency].leads, COORDINATOR))
    command = Input(command=command_id("foresee", target.case_id, str(at)), actor=actor, body=body)
    found = await run_in_threadpool(foreseeing.pause, protocol, look.state, command, at)
    if found.refusal is not None:
        return found.refusal.code, say(found.refusal), when(found.longest), None
    return "", "", when(found.longest), None if asked.until is None else when(found.due)


@router.post("/handoffs/{task}/nudge")
async def nudged(task: str, here: Here, who: Who) -> NudgedOut:
    """Ask once more for what is stuck: whoever answers for it now is told, once in four hours for each task."""
    found = await here.write(lambda connection: nudges.nudge(connection, who, task, now(), sends=here.posting.sends))
    seen(who, found.view.case_id)
    return NudgedOut(task=task, again_at=when(found.again_at), sends=found.sent)
