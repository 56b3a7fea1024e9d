"""Practice cases: begun and moved forward by a trainer, real in everything but that nobody is meant by them.

A trainer is a coordinator, or a lead of an agency that has a part in the protocol. What such a case needs to begin is
made up here: nothing in it is anybody's, and its protected values say so.
"""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Annotated

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, Field

from api.cases import CaseRow, Moment, moments, row, trains
from api.deps import Here, Services, Who, actors, command_id, now
from api.once import Once
from api.recording import seen
from api.records import Values, fields_in
from api.views import Closed, instant, page
from protocol.engine.practice import BEHIND_AT_MOST, FARTHEST
from protocol.errors import HandoffError
from protocol.kernel import Event, Protocol
from protocol.messages import Actor, EventHappened, Input, MoveClock
from protocol.names import OpaqueId, Slug
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.forms import Forms
from protocol.rehearsal.habits import Habits
from protocol.state import Instant, Practice
from store import cases, protocols, vault
from store.paging import Page
from store.plain import Plain
from store.policy import Subject
from store.session import Connection
from workflows import client as flows
from workflows.messages import case_id

router = APIRouter(route_class=Once, prefix="/practice")
Key = Annotated[str | None, Header(alias="Idempotency-Key", max_length=200)]
SOURCE = "practice"
"""In the place of the records system whose number gives a case its id: no report can ever name such a case."""
SECOND = 1_000_000


class PracticeIn(Closed):
    """A practice case to begin: of which protocol, by which of its events, and since when.

    What the event must bring and ``data`` does not say is made up. There is no place for protected values.
    """

    protocol: Slug
    event: Slug | None = Field(None, description="by default the first that starts a case")
    began_at: AwareDatetime | None = Field(None, description="what its clock shows at first; now if left out")
    data: Values = Field(default_factory=dict)


class Started(Closed):
    """A practice case that has begun."""

    case: CaseRow


class ForwardIn(Closed):
    """By how many seconds its clock moves; without, to what is due next."""

    seconds: int | None = Field(None, ge=1, le=FARTHEST // SECOND)


class Forwarded(Closed):
    """Where the clock is now, how far it moved, and what happened meanwhile, as far as its trainer may see it."""

    case: CaseRow
    seconds: int
    happened: list[Moment]


@router.post("", status_code=201)
async def start(body: PracticeIn, here: Here, who: Who, key: Key = None) -> Started:
    """Begin a practice case. It asks nobody outside Handoff for anything, and no figure counts it."""
    version = await here.read(lambda connection: protocols.current(connection, body.protocol))
    protocol = version.protocol
    _must_train(who, protocol)
    at = now()
    practice = Practice(ahead=0 if body.began_at is None else _began(instant(body.began_at), at) - at)
    case = case_id(here.case_key, SOURCE, command_id(who.person_id, key or token_urlsafe(12)))
    message = await begin(here, protocol, case, _event(protocol, body.event), who.person_id, body.data, at)
    reply = await flows.open_or_join(
        here.client, case, version.compiled, message, task_queue=here.settings.task_queue, practice=practice
    )
    await here.projected(case, reply.seq)
    return await here.read(lambda connection: Started(case=_seen(connection, who, case)))


async def begin(  # noqa: PLR0913, PLR0917 - one report, whole
    here: Services, protocol: Protocol, case: OpaqueId, event: Event, person: OpaqueId, data: Values, at: Instant
) -> Input:
    """The report that begins a practice case, with what is not said made up and its protected values sealed."""
    command = command_id(SOURCE, case)
    made_up = Forms(protocol, Habits(), Chance(int(command[:12], 16))).brought(0, event, at)
    source = event.sources[0] if event.sources else protocol.agencies[0].id
    return Input(
        command=command,
        actor=Actor(person=person, role=None, agency=source),
        body=EventHappened(
            event=event.id,
            fields={**made_up, **fields_in(protocol, data)},
            refs=await sealed(here, protocol, case, command, event.brings),
        ),
    )


async def sealed(
    here: Services, protocol: Protocol, case: OpaqueId, command: OpaqueId, names: tuple[Slug, ...]
) -> dict[Slug, OpaqueId]:
    """References to made-up values for the protected ones among these."""
    values = {
        each: Plain(f"{each.replace('-', ' ')}: practice, nothing real") for each in names if each in protocol.slot
    }
    if not values:
        return {}
    sealing = vault.Sealing(case_id=case, command_id=command, now=now())
    return await here.write(lambda connection: vault.seal(connection, protocol, sealing, values))


@router.get("")
async def listed(
    here: Here, who: Who, *, cursor: str | None = None, limit: Annotated[int, Query(ge=1, le=200)] = 50
) -> JSONResponse:
    """Practice cases in which my agency has a part, newest first, each with its own clock."""
    position = here.open_cursor(who, cursor)

    def ask(connection: Connection) -> Page[cases.CaseSummary]:
        found = cases.recent(connection, who, practice=True, cursor=position, limit=limit)
        for each in found.rows:
            seen(who, each.case_id)
        return found

    found = await here.read(ask)
    return page(here, who, [row(each) for each in found.rows], found.next)


@router.get("/protocols")
async def trained(here: Here, who: Who) -> list[Slug]:
    """The protocols of which I may begin practice cases."""
    found = await here.read(protocols.in_force)
    return sorted(slug for slug, version in found.items() if trains(who, version.protocol))


@router.post("/{case}/forward")
async def forward(case: str, body: ForwardIn, here: Here, who: Who, response: Response, key: Key = None) -> Forwarded:
    """Move a practice case's clock forward, by seconds or to what is due next. A real case has no such clock."""
    before, known = await here.read(lambda connection: _before(connection, who, case))
    by = None if body.seconds is None else body.seconds * SECOND
    command = command_id("clock", who.person_id, before.case_id, key or f"{now()}")
    message = Input(command=command, actor=actors(who), body=MoveClock(by=by))
    reply = await flows.send(here.client, before.case_id, message)
    await here.projected(before.case_id, reply.seq)
    response.headers["Cache-Control"] = "no-store"
    return await here.read(lambda connection: _forwarded(connection, who, before, known))


def _before(connection: Connection, who: Subject, case: str) -> tuple[cases.CaseSummary, int]:
    found = cases.seen(connection, who, case)
    _must_train(who, protocols.by_hash(connection, found.protocol_hash).protocol)
    return found, len(moments(connection, who, found.case_id))


def _forwarded(connection: Connection, who: Subject, before: cases.CaseSummary, known: int) -> Forwarded:
    after = cases.seen(connection, who, before.case_id)
    return Forwarded(
        case=row(after),
        seconds=(after.ahead - before.ahead) // SECOND,
        happened=moments(connection, who, before.case_id)[known:],
    )


def _seen(connection: Connection, who: Subject, case: OpaqueId) -> CaseRow:
    seen(who, case)
    return row(cases.seen(connection, who, case))


def _event(protocol: Protocol, named: Slug | None) -> Event:
    """The event that a practice case begins with.

    Raises:
        HandoffError: UNKNOWN_EVENT when the protocol has none of that name that starts a case.
    """
    found = next((each for each in protocol.events if each.starts and named in (None, each.id)), None)
    if found is None:
        raise HandoffError("UNKNOWN_EVENT", f"no case of this protocol begins with {named}")
    return found


def _began(at: Instant, present: Instant) -> Instant:
    if not present - BEHIND_AT_MOST <= at <= present:
        days = BEHIND_AT_MOST // (24 * 3600 * SECOND)
        raise HandoffError("PRACTICE_BEGAN", f"a practice case begins now, or within the last {days} days")
    return at


def _must_train(who: Subject, protocol: Protocol) -> None:
    """Hold that somebody may begin and move practice cases of a protocol.

    Raises:
        HandoffError: NOT_YOURS.
    """
    if not trains(who, protocol):
        raise HandoffError("NOT_YOURS", "a coordinator or a lead of an agency begins and moves practice cases")
