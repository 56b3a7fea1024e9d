"""Passing a duty on: "I cannot do this", for a reason that only those who lead the agency see."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from api.deps import Here, Services, Who, now
from api.once import Once
from api.recording import seen
from api.tasks import Aim, Key, aim, command_of, do
from api.views import Closed, Spoken, when
from protocol.errors import HandoffError
from protocol.messages import Reassign
from protocol.names import Slug
from protocol.origins import standing_in
from store import handing, people, task_view
from store.handing import Passed, Reason
from store.policy import Subject
from store.releases import shields
from store.releases.acts import note
from store.session import Connection
from store.task_view import TaskView

router = APIRouter(route_class=Once)


class PassOn(Closed):
    """Why I cannot have it. Knowing somebody in the case closes the case to me."""

    reason: Reason


class PassedOn(Closed):
    """That it was passed on: to which role, if it moved; ``told``: whether the next person hears of it by text now."""

    to: Slug | None
    told: bool


class PassOut(Closed):
    """Who passed a duty on, and why."""

    task: str
    step: Slug
    person: str
    name: str
    reason: Reason
    at: datetime | None


@router.post("/tasks/{task}/pass-on")
async def pass_on(task: str, body: PassOn, here: Here, who: Who, tongue: Spoken, key: Key = None) -> PassedOn:
    """Pass a duty on to the next person at once; its clock runs on.

    One that nobody has yet stays where it is, with its whole ladder: another person is told of it. One that I have
    goes to whoever is next.
    """
    found = await aim(here, who, task, tongue)
    view = await here.read(lambda connection: task_view.one(connection, who, task))
    _must_be_mine(found, view, who)
    at, command = now(), command_of(who, task, key)
    await run_in_threadpool(note, here.database, who, found.target.case_id, "pass-on", at)
    said = Passed(task=task, step=view.step, person=who.person_id, reason=body.reason, at=at)
    await here.write(lambda connection: handing.say_passed(connection, found.target, command, said))
    role = None if view.taken_at is None else await _moved(here, found, view, who, key)
    asked = await here.write(lambda connection: handing.tell_the_next(connection, found.target, who.person_id, at))
    if body.reason is Reason.KNOWS_SOMEBODY:
        case, me = found.target.case_id, who.person_id
        await run_in_threadpool(
            lambda: shields.set_(here.database, who, case, me, shields.Reason.KNOWS_SOMEBODY, now=now())
        )
    return PassedOn(to=role, told=asked and here.posting.sends)


def _must_be_mine(found: Aim, view: TaskView, who: Subject) -> None:
    if view.status != "open":
        raise HandoffError("TASK_ENDED", "this item ended; nothing is left to pass on")
    if view.person not in (None, who.person_id):
        raise HandoffError("NOT_YOURS", "a colleague has this; it is theirs to pass on")
    leads = found.protocol.agency[found.target.agency].leads
    if not {*standing_in(found.protocol, found.owners), *leads} & set(who.roles):
        raise HandoffError("NOT_YOURS", "this is no duty of yours")


async def _moved(here: Services, found: Aim, view: TaskView, who: Subject, key: str | None) -> Slug:
    """Move what I had to the next role.

    Raises:
        HandoffError: ``NOBODY_NEXT`` where nobody else answers for any role that could have it.
    """
    at = now()
    role = await here.read(lambda connection: handing.next_role(connection, found.protocol, who, view, at))
    if role is None:
        raise HandoffError("NOBODY_NEXT", "nobody else is on duty who could have this; call your lead")
    message = Reassign(instance=found.target.instance, role=role, person=None)
    await do(here, who, view.id, found, key, message)
    return role


@router.get("/cases/{case}/passes")
async def passes(case: str, here: Here, who: Who) -> list[PassOut]:
    """Who of my agency passed duties of a case on, and why, for who leads it."""

    def find(connection: Connection) -> list[PassOut]:
        case_id, found = handing.passes(connection, who, case)
        seen(who, case_id, ["pass"])
        names = people.names(connection, who.agency)
        return [
            PassOut(
                task=each.task,
                step=each.step,
                person=each.person,
                name=names.get(each.person, ""),
                reason=each.reason,
                at=when(each.at),
            )
            for each in found
        ]

    return await here.read(find)
