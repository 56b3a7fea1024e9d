"""A week of practice cases in mid-flight, made behind the first start of a folder with placeholder people and no cases.

Modelled people act in them as in a rehearsal (``protocol.rehearsal.script``), from arrests of a real week; each case
begins in the past and its clock comes to the present, from where it goes on by itself. Cut off, it goes on at the next
start: every act has its id, and what was done is answered as before.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import structlog
from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from api.deps import Here, Services, Who, command_id, now
from api.once import Once
from api.practice import SOURCE, sealed
from api.views import Closed
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.messages import Actor, Answer, CastVote, EventHappened, Input, LogTry, MoveClock, PauseClock
from protocol.names import OpaqueId, Slug
from protocol.rehearsal.habits import Habits, read_habits
from protocol.rehearsal.playing import Arrival
from protocol.rehearsal.script import MINUTE, NIGHT, WEEK, Line, script
from protocol.state import CaseState, Instant, PauseReason, Phase, Practice, Status
from runtime import texts
from runtime.settings import Settings
from store import cases, people, protocols
from store.policy import SubjectKind
from store.session import Connection
from workflows import client as flows
from workflows.messages import case_id

router = APIRouter(route_class=Once, prefix="/practice")
log = structlog.get_logger("api")
MADE_OF: tuple[tuple[Slug, tuple[int, ...], tuple[int, ...]], ...] = (
    ("post-arrest-advocacy", WEEK[::2], NIGHT),
    ("full-case-flow", WEEK[1::6], NIGHT[::3]),
    ("self-referral", WEEK[3::6], NIGHT[1::3]),
)
"""Which protocols, and which arrivals of the week and of the night before now their cases begin with."""

PAUSED = 4
"""Every so many cases a lead has paused what may be paused."""

AT_ONCE = 3
"""Cases made at once: people who look around meanwhile are not to wait for them."""

WEEK_LONG = 7 * 24 * 60
DAY = 24 * clocks.HOUR
LOOK_EVERY = 0.5
"""Seconds between two looks whether a worker is there to make them."""


class Progress(NamedTuple):
    """How many of the week's cases are made; ``of`` 0: none are to be."""

    made: int
    of: int


@dataclass(frozen=True, slots=True)
class Planned:
    """A practice case of the week: its number, protocol, and when it begins."""

    number: int
    slug: Slug
    at: Instant


@dataclass(frozen=True, slots=True)
class Cast:
    """The placeholder people by role, and the records systems by agency."""

    people: dict[Slug, OpaqueId]
    systems: dict[Slug, OpaqueId]

    def actor(self, line: Line) -> Actor | None:
        """Who does what a script says."""
        said = line.command.actor
        if said is None:
            return None
        person = self.systems.get(said.agency) if line.role is None else self.people.get(line.role)
        return replace(said, person=person or said.person)


class WeekOut(Closed):
    """How many of the week's practice cases are made; ``of`` 0: none are to be."""

    made: int
    of: int


@router.get("/week")
async def week(here: Here, who: Who) -> WeekOut:  # noqa: ARG001 - whoever is signed in
    """How far the week of practice cases has come that the first start makes where nothing else is."""
    made, of = await run_in_threadpool(progress, here.settings)
    return WeekOut(made=made, of=of)


def progress(settings: Settings) -> Progress:
    """How far the week has come."""
    known = _kept(settings.week_file)
    return Progress(0, 0) if known is None else Progress(len(known["made"]), len(_plan(known["began"])))


async def make_a_week(here: Services) -> None:
    """Make the week, or what is left of it, if this installation is to have one."""
    try:
        known = await run_in_threadpool(_begun, here)
        if known is None or len(known["made"]) == len(_plan(known["began"])):
            return
        while not all(await here.workers()):  # noqa: ASYNC110 - the worker is another process
            await asyncio.sleep(LOOK_EVERY)
        cast = await here.read(_cast)
        turns = asyncio.Semaphore(AT_ONCE)
        await asyncio.gather(*(_make(here, cast, known, each, turns) for each in _plan(known["began"])))
        log.info("practice week made", cases=len(known["made"]))
    except Exception:
        # What was left undone is done at the next start; nothing else is kept from its work.
        log.exception("practice week not made")


def _begun(here: Services) -> dict[str, Any] | None:
    """What is kept of the week, begun now where there is no case yet; None where none is to be made."""
    chosen = here.settings
    if not (chosen.practice_week and chosen.demonstration) or chosen.is_public:
        return None
    known = _kept(chosen.week_file)
    if known is None:
        with here.database.read() as connection:
            if cases.any_there(connection):
                return None
        known = {"began": now(), "made": []}
        _keep(chosen.week_file, known)
    return known


def _kept(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except FileNotFoundError:
        return None
    return found


def _keep(path: Path, known: dict[str, Any]) -> None:
    new = path.with_suffix(".new")
    new.write_text(json.dumps(known))
    new.replace(path)


def _cast(connection: Connection) -> Cast:
    found = [each for each in people.people(connection) if each.active]
    return Cast(
        {role: each.id for each in found if each.kind is SubjectKind.PERSON for role in each.roles},
        {each.agency: each.id for each in found if each.kind is SubjectKind.SYSTEM},
    )


def _plan(began: Instant) -> list[Planned]:
    """The week's cases, the newest first: what is in mid-flight is there soonest."""
    found = [(slug, at) for slug, week, night in MADE_OF for at in _arrivals(began, week, night)]
    ordered = sorted(found, key=lambda each: -each[1])
    return [Planned(number, slug, at) for number, (slug, at) in enumerate(ordered)]


def _arrivals(began: Instant, week: tuple[int, ...], night: tuple[int, ...]) -> Iterator[Instant]:
    """The week's minutes within the seven days before, at the weekday and time of day they have."""
    moment = clocks.moment(began, "America/Chicago")
    present = moment.weekday() * 24 * 60 + moment.hour * 60 + moment.minute
    yield from (began - ((present - each) % WEEK_LONG or WEEK_LONG) * MINUTE for each in week)
    yield from (began - each * MINUTE for each in night)


async def _make(here: Services, cast: Cast, known: dict[str, Any], planned: Planned, turns: asyncio.Semaphore) -> None:
    if planned.number in known["made"]:
        return
    async with turns:
        version = await here.read(lambda connection: protocols.current(connection, planned.slug))
        lines = await run_in_threadpool(_lines, version.protocol, planned, known["began"])
        case = case_id(here.case_key, SOURCE, f"week|{planned.number}")
        if lines:
            await _play(here, cast, version, case, lines)
            await _to_the_present(here, cast, version.protocol, case, paused=planned.number % PAUSED == 0)
        known["made"].append(planned.number)
        await run_in_threadpool(_keep, here.settings.week_file, known)
        log.info("practice case made", made=len(known["made"]), of=len(_plan(known["began"])))


def _lines(protocol: Protocol, planned: Planned, until: Instant) -> tuple[Line, ...]:
    path = texts.BUNDLED / protocol.id / "habits.yaml"
    habits = read_habits(path.read_bytes(), protocol) if path.exists() else Habits()
    event = next(each for each in protocol.events if each.starts)
    source = event.sources[0] if event.sources else protocol.agencies[0].id
    arrival = Arrival(at=planned.at, event=event.id, source=source)
    return script(protocol, habits, arrival, planned.number, until)


async def _play(
    here: Services, cast: Cast, version: protocols.Version, case: OpaqueId, lines: tuple[Line, ...]
) -> None:
    """Open the case at its instant and do each act at its own."""
    first, *rest = lines
    opening = await _said(here, cast, version.protocol, case, first, 0)
    behind = Practice(ahead=first.at - now())
    await flows.open_or_join(
        here.client, case, version.compiled, opening, task_queue=here.settings.task_queue, practice=behind
    )
    for number, line in enumerate(rest, 1):
        if not await _move(here, case, cast, line.at, f"to-{number}"):
            return
        message = await _said(here, cast, version.protocol, case, line, number)
        try:
            await flows.send(here.client, case, message)
        except flows.Refused:
            # A clock that ran on a little meanwhile may have been there first: then this was not to be.
            continue
        except (flows.CaseHasEnded, flows.UnknownCase):
            return


async def _said(here: Services, cast: Cast, protocol: Protocol, case: OpaqueId, line: Line, number: int) -> Input:
    """An act of the script as a command: by a person who is there, with protected values that say what they are."""
    command = command_id("week", case, str(number))
    body = line.command.body
    if isinstance(body, EventHappened | Answer | CastVote | LogTry):
        body = replace(body, refs=await sealed(here, protocol, case, command, tuple(body.refs)))
    return Input(command=command, actor=cast.actor(line), body=body)


async def _move(here: Services, case: OpaqueId, cast: Cast, to: Instant | None, name: str) -> bool:
    """Move the case's clock to an instant, or to the present; whether the case goes on."""
    look = await flows.glance(here.client, case)
    if look is None or look.state.status is Status.ENDED or look.state.practice is None:
        return False
    by = -look.state.practice.ahead if to is None else to - now() - look.state.practice.ahead
    if by <= 0:
        return True
    actor = Actor(person=next(iter(cast.people.values()), "week"), role=None, agency=_mover(look.state))
    message = Input(command=command_id("week", case, name), actor=actor, body=MoveClock(by=by))
    try:
        await flows.send(here.client, case, message)
    except (flows.CaseHasEnded, flows.UnknownCase):
        return False
    return True


def _mover(state: CaseState) -> Slug:
    return next((each.agency for each in state.instances), "practice")


async def _to_the_present(here: Services, cast: Cast, protocol: Protocol, case: OpaqueId, *, paused: bool) -> None:
    """Let the case come to the present; of some, a lead has stopped a clock."""
    if not await _move(here, case, cast, None, "to-now") or not paused:
        return
    look = await flows.glance(here.client, case)
    for each in () if look is None else look.state.instances:
        lead = next((role for role in protocol.agency[each.agency].leads if role in cast.people), None)
        if each.phase is not Phase.OPEN or lead is None:
            continue
        actor = Actor(person=cast.people[lead], role=lead, agency=each.agency)
        body = PauseClock(instance=each.n, until=now() + DAY, reason=PauseReason.WAITING_FOR_OTHERS)
        message = Input(command=command_id("week", case, "pause"), actor=actor, body=body)
        try:
            await flows.send(here.client, case, message)
        except (flows.Refused, flows.CaseHasEnded):
            continue
        return


__all__ = ["Progress", "make_a_week", "progress"]
