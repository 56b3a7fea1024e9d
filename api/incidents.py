"""Reports from outside: incidents that open or join a case, and events in a case that is open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Header, Request, Response
from pydantic import AwareDatetime, Field

from api import edge
from api.deps import Here, Services, Who, command_id, now
from api.identity import must_cover
from api.once import Once
from api.records import Values, fields_in
from api.views import Closed, instant
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.messages import Actor, EventHappened, Input
from protocol.names import Slug
from protocol.state import Code, Practice
from store import cases, ids, intake, labels, protocols
from store.plain import Plain
from store.policy import Subject
from store.session import Connection
from workflows import client as flows
from workflows.messages import case_id

router = APIRouter(route_class=Once)
NOTHING = 0
"""The number of no fact: nothing to wait for."""


class IncidentIn(Closed):
    """A report: which protocol and event, whose number for it, when it happened, what it brings.

    ``vault`` holds protected values by name; the edge takes them out before anything else reads the request.
    ``hold_until`` is for records older than a day: their first tasks begin then.
    """

    protocol: Slug
    event: Slug
    source: Slug = Field(description="the agency that reports")
    key: str = Field(min_length=1, max_length=200, description="its own number for the incident")
    occurred_at: AwareDatetime | None = None
    data: Values = Field(default_factory=dict)
    vault: list[Slug] = Field(default_factory=list)
    hold_until: AwareDatetime | None = None


class EventIn(Closed):
    """Something that happened in an open case."""

    event: Slug
    occurred_at: AwareDatetime | None = None
    data: Values = Field(default_factory=dict)
    vault: list[Slug] = Field(default_factory=list)


class Reported(Closed):
    """What became of a report: the case, by id and by the code people say, and whether it was there before."""

    case: str
    code: str | None
    joined: bool
    visible: bool = Field(description="whether the lists show it yet")


@router.post("/incidents", status_code=201)
async def report(request: Request, response: Response, body: IncidentIn, here: Here, who: Who) -> Reported:
    """Open a case for an incident, or join the one its number opened before. Safe to repeat."""
    values: dict[Slug, Plain] = request.scope.get("state", {}).get(edge.VALUES, {})
    done = await take(here, who, body, values)
    if done.joined:
        response.status_code = 200
    return done


async def take(here: Services, who: Subject, body: IncidentIn, values: Mapping[Slug, Plain]) -> Reported:
    """Take one report in, with the protected values that it brings."""
    _may_report(who, body.source)
    must_cover(who, body.protocol, body.event)
    version = await here.read(lambda connection: protocols.current(connection, body.protocol))
    number = " ".join(body.key.split()).casefold()
    # The same agency may report one incident to two protocols: these are two cases.
    source = f"{body.protocol}|{body.source}"
    case = case_id(here.case_key, source, number)
    command = command_id("incident", body.source, number, body.event)
    event = EventHappened(
        event=body.event,
        fields=fields_in(version.protocol, body.data),
        refs=await edge.seal_values(here, version.protocol, case, command, values),
        hold_until=None if body.hold_until is None else instant(body.hold_until),
    )
    actor = Actor(person=who.person_id, role=None, agency=body.source)
    message = Input(command=command, actor=actor, body=event, at=_at(body.occurred_at))

    def seen(connection: Connection) -> bool:
        known = intake.find(connection, here.case_key, source, number)
        return known is not None or intake.recorded(connection, case) is not None

    before = await here.read(seen)
    try:
        seq = await _open_or_join(here, case, version.compiled, message, known=before)
    except flows.CaseHasEnded:
        await edge.discard(here, case, command)
        if not _end_is_secret(version.protocol, body.source):
            raise
        seq = NOTHING
    except flows.Refused:
        await edge.discard(here, case, command)
        raise
    await here.write(lambda connection: intake.remember(connection, here.case_key, source, number, case, now()))
    visible = await here.projected(case, seq)
    code = await here.read(lambda connection: ids.code_of(connection, case)) if visible else None
    return Reported(case=case, code=code, joined=before, visible=visible)


async def _open_or_join(here: Services, case: str, compiled: bytes, message: Input, *, known: bool) -> int:
    """Give a report to its case, opened if need be; the fact that tells of it.

    A case that is known is never opened again: Temporal keeps the runs of ended cases for a time only, and would take
    its number for a new one. What such a case recorded is answered from here.
    """
    try:
        if known:
            return (await flows.send(here.client, case, message)).seq
    except flows.UnknownCase:
        found = await here.read(lambda connection: intake.recorded(connection, case))
        if found is not None:
            return await _as_recorded(here, case, found, message)
    reply = await flows.open_or_join(here.client, case, compiled, message, task_queue=here.settings.task_queue)
    return reply.seq


async def _as_recorded(here: Services, case: str, found: intake.Recorded, message: Input) -> int:
    """Answer a report whose case has no run any more: joined if it was recorded, too late if not."""
    _must_have_ended(found)
    if not isinstance(message.body, EventHappened) or message.actor is None:
        raise flows.CaseHasEnded(found.seq)
    if (message.actor.agency, message.body.event) not in found.events:
        raise flows.CaseHasEnded(found.seq)
    await edge.discard(here, case, message.command)
    return found.seq


def _must_have_ended(found: intake.Recorded) -> None:
    if not found.ended:
        raise HandoffError("CASE_LOST", "this case is recorded as open and has no run: an operator must look at it")


@router.post("/cases/{case}/events", status_code=201)
async def happened(
    request: Request,
    case: str,
    body: EventIn,
    here: Here,
    who: Who,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> Reported:
    """Tell an open case what happened. An ended case still lets a new arrest begin a linked case."""
    found = await here.read(lambda connection: cases.seen(connection, who, case))
    version = await here.read(lambda connection: protocols.by_hash(connection, found.protocol_hash))
    protocol = version.protocol
    must_cover(who, protocol.id, body.event)
    agency = _reports_for(who, protocol, body.event)
    key = idempotency_key or f"{now()}"
    command = command_id("event", who.person_id, found.case_id, key)
    event = EventHappened(
        event=body.event,
        fields=fields_in(protocol, body.data),
        refs=await edge.seal(request, here, protocol, found.case_id, command),
    )
    actor = Actor(person=who.person_id, role=None, agency=agency)
    message = Input(command=command, actor=actor, body=event, at=_at(body.occurred_at))
    try:
        practice = Practice(ahead=found.ahead) if found.practice else None
        target, seq = await _send(here, found.case_id, version.compiled, message, practice)
    except (flows.Refused, flows.CaseHasEnded) as refusal:
        await edge.discard(here, found.case_id, command)
        if refusal.code != Code.CASE_ENDED or not _end_is_secret(protocol, agency):
            raise
        target, seq = found.case_id, NOTHING
    if _end_is_secret(protocol, agency):
        target, seq = found.case_id, seq if target == found.case_id else NOTHING
    visible = await here.projected(target, seq)
    code = await here.read(lambda connection: ids.code_of(connection, target)) if visible else None
    return Reported(case=target, code=code, joined=target == found.case_id, visible=visible)


async def _send(
    here: Services, case: str, compiled: bytes, message: Input, practice: Practice | None
) -> tuple[str, int]:
    try:
        return case, await _give(here, case, message)
    except flows.CaseHasEnded as ended:
        linked = await flows.open_after_end(
            here.client,
            case,
            ended,
            compiled,
            message,
            key=here.case_key,
            task_queue=here.settings.task_queue,
            practice=practice,
        )
        return linked, 1


def _end_is_secret(protocol: Protocol, agency: Slug) -> bool:
    """Whether an agency may not know that the case has ended, for its end waits for what another keeps to itself.

    It is then answered as if the case were open: an ended case owes nobody anything, and what begins a new one does.
    """
    return labels.ending_owner(protocol) not in (None, agency)


async def _give(here: Services, case: str, message: Input) -> int:
    """Give an event to a case; one whose run Temporal no longer keeps has ended, and says so."""
    try:
        return (await flows.send(here.client, case, message)).seq
    except flows.UnknownCase:
        found = await here.read(lambda connection: intake.recorded(connection, case))
        if found is None:
            raise
    _must_have_ended(found)
    raise flows.CaseHasEnded(found.seq)


def _may_report(who: Subject, source: Slug) -> None:
    if source not in {who.agency, *who.sources}:
        raise HandoffError("NOT_YOUR_EVENT", f"you do not report for {source}")


def _reports_for(who: Subject, protocol: Protocol, event: Slug) -> Slug:
    """The agency a subject reports an event for: its own if it may, else one it reports for."""
    known = protocol.event.get(event)
    if known is None:
        raise HandoffError("UNKNOWN_EVENT", f"this protocol knows no event {event}")
    mine = [each for each in (who.agency, *who.sources) if each in known.sources]
    return mine[0] if mine else who.agency


def _at(occurred_at: datetime | None) -> int | None:
    return None if occurred_at is None else instant(occurred_at)
