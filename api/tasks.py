"""Tasks: what I owe and by when; take it, log a try, complete it, hand it over, stop its clock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from api import edge, hints
from api.deps import Here, Services, Who, actors, command_id, now
from api.once import Once
from api.records import Values, fields_in
from api.views import Closed, Spoken, TaskOut, instant, page, tasks_out, when
from protocol.engine.stopping import stop_of
from protocol.kernel import Protocol, Step
from protocol.languages import Tongue
from protocol.messages import Answer, CastVote, Input, LogTry, PauseClock, Reassign, ResumeClock, TakeUp
from protocol.names import Slug
from protocol.origins import standing_in, voters_of
from protocol.state import PauseReason
from protocol.telling.wording import condition_said
from store import handing, inbox, intake, people, protocols, task_view, timeline
from store.labels import step_owner
from store.notices import errands, nudges
from store.policy import COORDINATOR, Subject
from store.session import Connection
from store.task_view import TaskTarget
from workflows import client as flows

router = APIRouter(prefix="/tasks", route_class=Once)
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]


class Column(Closed):
    """What each item of a list has; all of them are needed."""

    name: Slug
    type: str
    choices: tuple[Slug, ...] = ()


class Ask(Closed):
    """One question of a form; ``protected`` values go under ``vault``.

    With ``asked_if`` it is asked only while that is so. A list's answer has up to 32 items of ``columns``.
    """

    name: Slug
    required: bool
    protected: bool
    type: str
    choices: tuple[Slug, ...] = ()
    question: str = ""
    asked_if: str | None = None
    columns: tuple[Column, ...] = ()


class Form(Closed):
    """One way to end a task, and what it asks."""

    outcome: Slug
    asks: list[Ask]


class OnDuty(Closed):
    """Somebody of my agency who answers for a role now."""

    role: Slug
    person: str
    name: str


class TaskPage(Closed):
    """A task with its forms; empty for those who may not answer it or vote on how it ends.

    ``zone``: the time zone of its protocol. ``tries``: whether tries to reach somebody are logged here, ``most_tries``
    how many there are. ``hand_to``: the other roles of the agency that it may be handed over to; ``on_duty``: who
    answers for its roles now. ``stop``: the event that stops all contact, if the text has one. ``others_see``, of how
    it ends: all, in-hand (of a confidential agency's handoff) or nothing. ``saved_by``: who ended it, for their own
    agency; ``nudged_at``: when it was last asked for once more, for them too.
    """

    task: TaskOut
    forms: list[Form]
    zone: str
    tries: bool
    most_tries: int | None
    hand_to: list[Slug]
    on_duty: list[OnDuty]
    stop: Slug | None
    others_see: Literal["all", "in-hand", "nothing"]
    saved_by: str | None
    saved_at: datetime | None
    nudged_at: datetime | None


class Complete(Closed):
    """How a task ended: the outcome and its form. ``at``: when it happened, if earlier (a lead records that)."""

    outcome: Slug
    data: Values = Field(default_factory=dict)
    vault: list[Slug] = Field(default_factory=list)
    at: AwareDatetime | None = None


class Vote(Closed):
    """A vote: for an outcome, with what its form asks, or without one, that the owner may decide."""

    outcome: Slug | None = None
    data: Values = Field(default_factory=dict)
    vault: list[Slug] = Field(default_factory=list)


class HandOver(Closed):
    """To which role (and person) of the same agency."""

    role: Slug
    person: str | None = None


class Pause(Closed):
    """Until when at the latest, and why."""

    until: AwareDatetime
    reason: PauseReason


@router.get("")
async def mine(  # noqa: PLR0913 - what may be asked of a list
    here: Here,
    who: Who,
    tongue: Spoken,
    *,
    only_mine: bool = False,
    agency: bool = False,
    told: bool = True,
    marked: bool = False,
    cursor: str | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> JSONResponse:
    """My open tasks: late first, then not taken up, then by due time; ``told``: with who was told of what is late.

    ``marked``: with the mark of these rows, as ``/hints/inbox`` has it of the first ones.
    """
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> tuple[list[TaskOut], tuple[int | str, ...] | None, dict[str, str]]:
        found = inbox.inbox(connection, who, mine=only_mine, whole_agency=agency, cursor=position, limit=limit)
        beside = {"mark": hints.mark(here, who, hints.of_rows(found.rows))} if marked else {}
        return tasks_out(connection, who, found.rows, tongue, told=told), found.next, beside

    rows, following, beside = await here.read(ask)
    return page(here, who, rows, following, **beside)


@router.get("/{task}")
async def one(task: str, here: Here, who: Who, tongue: Spoken) -> TaskPage:
    """One task with its explained clock and its forms."""
    return await here.read(lambda connection: _page(connection, who, task, tongue))


def _page(connection: Connection, who: Subject, task: str, tongue: Tongue) -> TaskPage:
    view = task_view.one(connection, who, task)
    protocol = protocols.by_hash(connection, view.protocol_hash).protocol
    (shown,) = tasks_out(connection, who, (view,), tongue)
    step = protocol.step[view.step]
    may = view.full and view.status == "open" and not view.receipt
    mine = may and view.agency == who.agency
    may = mine or (may and _votes_for_an_outcome(protocol, step, who))
    there = handing.colleagues(connection, protocol, who, view, now()) if mine else ()
    by, at = _saved(connection, who, view)
    return TaskPage(
        task=shown,
        forms=_forms(protocol, step) if may else [],
        zone=protocol.zone,
        tries=may and step.tries is not None,
        most_tries=step.tries.count if may and step.tries is not None else None,
        hand_to=[each for each in handing.roles_of(protocol, view.agency) if each not in view.owners] if mine else [],
        on_duty=[OnDuty(role=each.role, person=each.person, name=each.name) for each in there],
        stop=stop_of(protocol, who.agency) if mine else None,
        others_see=_others_see(protocol, view),
        saved_by=by,
        saved_at=at,
        nudged_at=when(nudges.asked(connection, view)) if mine else None,
    )


def _others_see(protocol: Protocol, view: task_view.TaskView) -> Literal["all", "in-hand", "nothing"]:
    if step_owner(protocol, view.step) is None:
        return "all"
    return "in-hand" if view.outside else "nothing"


def _saved(connection: Connection, who: Subject, view: task_view.TaskView) -> tuple[str | None, datetime | None]:
    """Who ended a task of my agency, and when that was recorded."""
    if view.agency != who.agency or view.status != "ended":
        return None, None
    ends = (each for each in timeline.timeline(connection, who, view.case_id) if each.task_id == view.id)
    ended = next((each for each in ends if each.kind == "step-ended"), None)
    if ended is None:
        return None, None
    return people.names(connection, who.agency).get(str(ended.data.get("person"))), when(ended.recorded)


def _votes_for_an_outcome(protocol: Protocol, step: Step, who: Subject) -> bool:
    mine = [each for each in voters_of(protocol, step) if protocol.role[each].agency == who.agency]
    return step.votes is not None and not step.votes.owner_decides and bool(set(mine) & set(who.roles))


def _forms(protocol: Protocol, step: Step) -> list[Form]:
    return [
        Form(outcome=outcome.id, asks=[ask_of(protocol, each.name, required=each.required) for each in outcome.asks])
        for outcome in step.outcomes
    ]


def ask_of(protocol: Protocol, name: Slug, *, required: bool) -> Ask:
    """The question for a field or a protected value."""
    words = protocol.words.get(f"field:{name}")
    question = words.question if words else ""
    if name in protocol.slot:
        return Ask(name=name, required=required, protected=True, type=protocol.slot[name].type, question=question)
    field = protocol.field[name]
    return Ask(
        name=name,
        required=required,
        protected=False,
        type=field.type,
        choices=field.choices,
        question=question,
        asked_if=None if field.asked_if is None else condition_said(field.asked_if),
        columns=tuple(Column(name=each.id, type=each.type, choices=each.choices) for each in field.columns),
    )


@router.post("/{task}/take")
async def take(task: str, here: Here, who: Who, tongue: Spoken, key: Key = None) -> TaskPage:
    """Say "I have it"."""
    return await take_up(here, who, task, tongue, key)


async def take_up(here: Services, who: Subject, task: str, tongue: Tongue, key: str | None) -> TaskPage:
    """Take a task up for somebody, who signed in or came by a link."""
    found = await aim(here, who, task, tongue)
    taken = await do(here, who, task, found, key, TakeUp(instance=found.target.instance))
    if here.posting.sends:
        at, place = now(), (found.target.case_id, found.target.instance)
        await here.write(lambda connection: errands.confirmed(connection, *place, who.person_id, at))
    return taken


@router.post("/{task}/attempts")
async def attempt(task: str, here: Here, who: Who, tongue: Spoken, key: Key = None) -> TaskPage:
    """Log a try to reach somebody; one too soon after the last is noted and not counted."""
    found = await aim(here, who, task, tongue)
    return await do(here, who, task, found, key, LogTry(instance=found.target.instance))


@router.post("/{task}/complete")
async def complete(  # noqa: PLR0913, PLR0917 - one command, whole
    request: Request, task: str, body: Complete, here: Here, who: Who, tongue: Spoken, key: Key = None
) -> TaskPage:
    """Record how the task ended."""
    found = await aim(here, who, task, tongue)
    command = command_of(who, task, key)
    with here.answered.counting(found.protocol, found.target.agency):
        answer = Answer(
            instance=found.target.instance,
            outcome=body.outcome,
            fields=fields_in(found.protocol, body.data),
            refs=await edge.seal(request, here, found.protocol, found.target.case_id, command),
        )
        at = None if body.at is None else instant(body.at)
        return await do(here, who, task, found, key, answer, command=command, at=at)


@router.post("/{task}/vote")
async def vote(  # noqa: PLR0913, PLR0917 - one command, whole
    request: Request, task: str, body: Vote, here: Here, who: Who, tongue: Spoken, key: Key = None
) -> TaskPage:
    """Cast my role's vote, also on another agency's task; a later one replaces it until the task is decided."""
    found = await aim(here, who, task, tongue)
    command = command_of(who, task, key)
    with here.answered.counting(found.protocol, found.target.agency):
        message = CastVote(
            instance=found.target.instance,
            outcome=body.outcome,
            fields=fields_in(found.protocol, body.data),
            refs=await edge.seal(request, here, found.protocol, found.target.case_id, command),
        )
        return await do(here, who, task, found, key, message, command=command)


@router.post("/{task}/reassign")
async def reassign(task: str, body: HandOver, here: Here, who: Who, tongue: Spoken, key: Key = None) -> TaskPage:
    """Hand the task to a role or person of the agency that has it; the clock runs on."""
    found = await aim(here, who, task, tongue, arranging=True)
    if body.person is not None:
        whom, place = body.person, (found.target.case_id, body.role)
        await here.read(lambda connection: handing.must_be_theirs(connection, *place, whom, found.target.agency))
    message = Reassign(instance=found.target.instance, role=body.role, person=body.person)
    return await do(here, who, task, found, key, message)


@router.post("/{task}/pause")
async def pause(task: str, body: Pause, here: Here, who: Who, tongue: Spoken, key: Key = None) -> TaskPage:
    """Stop the clock until a time at the latest (a lead's act; of what is no secret the coordinator's too)."""
    found = await aim(here, who, task, tongue, arranging=True)
    message = PauseClock(instance=found.target.instance, until=instant(body.until), reason=body.reason)
    return await do(here, who, task, found, key, message)


@router.post("/{task}/resume")
async def resume(task: str, here: Here, who: Who, tongue: Spoken, key: Key = None) -> TaskPage:
    """Let the clock go on, or start a held record's task now (a lead's act)."""
    found = await aim(here, who, task, tongue, arranging=True)
    return await do(here, who, task, found, key, ResumeClock(instance=found.target.instance))


@dataclass(frozen=True, slots=True)
class Aim:
    """Where a command goes, who owns the task, the protocol of its case, and the language of the answer."""

    target: TaskTarget
    owners: tuple[Slug, ...]
    protocol: Protocol
    tongue: Tongue


async def aim(here: Services, who: Subject, task: str, tongue: Tongue, *, arranging: bool = False) -> Aim:
    """Read, at once, all that a command about a task needs; ``arranging``: it may be another agency's."""

    def ask(connection: Connection) -> Aim:
        target = task_view.target(connection, who, task, arranging=arranging)
        owners = task_view.one(connection, who, task).owners
        return Aim(target, owners, protocols.by_hash(connection, target.protocol_hash).protocol, tongue)

    return await here.read(ask)


def command_of(who: Subject, task: str, key: str | None) -> str:
    """The id of somebody's command about a task: the same for the same key."""
    return command_id("task", who.person_id, task, key or str(now()))


async def do(  # noqa: PLR0913 - one command, whole
    here: Services,
    who: Subject,
    task: str,
    found: Aim,
    key: str | None,
    body: Answer | CastVote | TakeUp | LogTry | Reassign | PauseClock | ResumeClock,
    *,
    command: str | None = None,
    at: int | None = None,
) -> TaskPage:
    """Send a command about a task and answer with the task as it then is."""
    leads = (*found.protocol.agency[found.target.agency].leads, COORDINATOR)
    owners = standing_in(found.protocol, found.owners)
    voters = voters_of(found.protocol, found.protocol.step[found.target.step])
    actor = actors(who, voters if isinstance(body, CastVote) else owners, leads)
    message = Input(command=command or command_of(who, task, key), actor=actor, body=body, at=at)
    try:
        reply = await flows.send(here.client, found.target.case_id, message)
    except flows.UnknownCase:
        # Temporal keeps the runs of ended cases for a time only, and erasure deletes them: both answer alike.
        await edge.discard(here, found.target.case_id, message.command)
        known = await here.read(lambda connection: intake.recorded(connection, found.target.case_id))
        if known is None or not known.ended:
            raise
        raise flows.CaseHasEnded(known.seq) from None
    except flows.Refused:
        await edge.discard(here, found.target.case_id, message.command)
        raise
    await here.projected(found.target.case_id, reply.seq)
    return await here.read(lambda connection: _page(connection, who, task, found.tongue))
