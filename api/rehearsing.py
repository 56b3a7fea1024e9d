"""A council's revision rehearsed and the outcome kept: the older and the newer text played by modelled people.

Arrivals are the times at which cases of this site began, or those of a file; of either nothing else is read. People
act as this site's own facts show where there are enough, else as declared. It runs in a process of its own, bounded in
time, one at once.
"""

from __future__ import annotations

import asyncio
import csv
import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field

from api.deciding import compiled
from api.deps import Here, Services, Who, now
from api.once import Once
from api.revisions import sponsors
from api.views import Closed, when
from protocol.engine import clocks
from protocol.errors import Finding, HandoffError, Place, SpecError
from protocol.kernel import Event, Protocol
from protocol.names import Slug
from protocol.rehearsal import charts, saying
from protocol.rehearsal.habits import Habits, read_habits
from protocol.rehearsal.learning import Learned, learn
from protocol.rehearsal.playing import Arrival
from protocol.state import Instant
from runtime import texts
from runtime.rehearsing import Order
from runtime.rehearsing_apart import rehearse_apart
from store import habits as habits_of
from store import protocols
from store.figures import FIGURES
from store.policy import Action, Class, decide
from store.revisions import keeping, rehearsals
from store.revisions.rehearsals import Rehearsed

router = APIRouter(route_class=Once)

MOST = 1_000
"""Arrivals of one rehearsal; of more of this site's own the latest."""
SECONDS = 60.0
DAYS = 30
YEAR = 366 * 24 * clocks.HOUR
FEWEST = 5
ONE_AT_ONCE = asyncio.Lock()


class RehearseIn(Closed):
    """What is rehearsed. ``source``: ``own``, when this site's cases began in the last year; ``file``, the ``times``.

    ``times`` is a table whose first column is a time, as 2026-03-01 02:42, in the protocol's zone. ``habits`` says how
    people act (docs/rehearsal.md); without it what this site's facts show, and else those that come with the protocol.
    """

    source: Literal["own", "file"] = "own"
    times: Annotated[str, Field(max_length=300_000)] = ""
    habits: Annotated[str, Field(max_length=100_000)] | None = None
    seed: Annotated[int, Field(ge=0, le=1 << 62)] = 1


class RehearsalOut(Closed):
    """What a rehearsal came to; ``current`` while the revision still says what was rehearsed, to the byte."""

    at: datetime | None
    agency: str
    source: str
    current: bool
    report: dict[str, Any]


@router.post("/revisions/{number}/rehearsal", status_code=201)
async def rehearse(number: int, body: RehearseIn, here: Here, who: Who) -> RehearsalOut:
    """Rehearse a revision against the text it was written on, and keep what came of it for what it says now."""
    found = await here.read(lambda connection: keeping.one(connection, number, now()))
    sponsors(found, who)
    draft = found.draft
    if not draft.base:
        raise HandoffError("REHEARSAL_NO_BASE", "a protocol that is new has no text in force to be compared with")
    old = (await here.read(lambda connection: protocols.by_hash(connection, draft.base))).protocol
    both = old, await compiled(here, draft)
    habits, learned = await _habits(here, body.habits, both)
    times = await _times(here, body, old)
    event = _starting(old)
    arrivals = tuple(Arrival(at=at, event=event.id, source=event.sources[0]) for at in times)
    if ONE_AT_ONCE.locked():
        raise HandoffError("REHEARSAL_BUSY", "another rehearsal is under way; try again in a minute")
    async with ONE_AT_ONCE:
        order = Order(protocols=both, habits=habits, seed=body.seed, days=DAYS)
        compared = await rehearse_apart(order, arrivals, SECONDS)
    kept = Rehearsed(
        revision=number,
        bundle=draft.bundle,
        at=now(),
        by=who.person_id,
        agency=who.agency,
        source=body.source,
        report=json.dumps(saying.data(compared, learned)),
        drawing=charts.svg(compared, f"{both[1].title or both[1].id}: old and new text rehearsed"),
    )
    await here.write(lambda connection: rehearsals.keep(connection, kept))
    return _out(kept, draft.bundle)


@router.get("/revisions/{number}/rehearsal")
async def one(number: int, here: Here, who: Who) -> RehearsalOut:
    """The last rehearsal of a revision."""
    _ = who
    draft = (await here.read(lambda connection: keeping.one(connection, number, now()))).draft
    return _out(await _kept(here, number), draft.bundle)


@router.get("/revisions/{number}/rehearsal.svg")
async def drawn(number: int, here: Here, who: Who) -> Response:
    """The last rehearsal of a revision as a drawing, which brings its own colours for light and dark."""
    _ = who
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}
    return Response((await _kept(here, number)).drawing, media_type="image/svg+xml", headers=headers)


@router.get("/protocols/{slug}/habits")
async def habits(slug: Slug, here: Here, who: Who) -> Learned:
    """How people act as this site's own facts show, role by role, and of whom too little is known as declared."""
    if not decide(who, Action.READ, FIGURES, Class.NEUTRAL).allowed:
        raise HandoffError("NOT_YOURS", "figures are for coordinators and the council")
    found = await here.read(lambda connection: protocols.current(connection, slug))
    return await _learned(here, (found.protocol,))


async def _kept(here: Services, number: int) -> Rehearsed:
    found = await here.read(lambda connection: rehearsals.newest(connection, number))
    if found is None:
        raise HandoffError("NOT_REHEARSED", "this revision was not rehearsed yet")
    return found


def _out(found: Rehearsed, bundle: str) -> RehearsalOut:
    return RehearsalOut(
        at=when(found.at),
        agency=found.agency,
        source=found.source,
        current=found.bundle == bundle,
        report=json.loads(found.report),
    )


async def _habits(
    here: Services, written: str | None, both: tuple[Protocol, Protocol]
) -> tuple[Habits, Learned | None]:
    """How people act: as written, else as this site's facts show, and of whom they show too little as declared."""
    if written is not None and written.strip():
        return await run_in_threadpool(read_habits, written, *both), None
    learned = await _learned(here, both)
    return learned.habits, learned


async def _learned(here: Services, texts_: tuple[Protocol, ...]) -> Learned:
    """What this site's facts show of the roles of some texts, the first of which is in force."""
    text = texts_[0]
    past = await here.read(lambda connection: habits_of.past(connection, text.id, now()))
    roles = sorted({step.role for each in texts_ for step in each.steps})
    return await run_in_threadpool(lambda: learn(past, _declared(texts_), text.zone, roles))


def _declared(texts_: tuple[Protocol, ...]) -> Habits:
    """How people act as the bundled file says, else as is assumed of everybody."""
    bundled = texts.BUNDLED / texts_[0].id / "habits.yaml"
    try:
        return read_habits(bundled.read_bytes(), *texts_)
    except (OSError, SpecError):
        return Habits()


def _starting(protocol: Protocol) -> Event:
    """The event that begins a case.

    Raises:
        HandoffError: ``REHEARSAL_NO_START`` for a text whose cases begin in other cases only.
    """
    found = next((each for each in protocol.events if each.starts and each.sources), None)
    if found is None:
        raise HandoffError("REHEARSAL_NO_START", "cases of this text begin in other cases only: rehearse those")
    return found


async def _times(here: Services, body: RehearseIn, old: Protocol) -> tuple[Instant, ...]:
    if body.source == "file":
        found = tuple(sorted(_read(body.times, old.zone)))
        if len(found) > MOST:
            raise HandoffError("REHEARSAL_TOO_MANY", f"give at most {MOST:,} arrivals; the file has {len(found):,}")
    else:
        found = await here.read(lambda connection: rehearsals.openings(connection, old.id, now() - YEAR, MOST))
    if len(found) < FEWEST:
        says = f"a rehearsal needs {FEWEST} arrivals at least, for no figure of fewer is told; here are {len(found)}"
        raise HandoffError("REHEARSAL_TOO_FEW", says)
    return found


def _read(times: str, zone: str) -> Iterator[Instant]:
    """The times of a table's first column; its first row may name it.

    Raises:
        SpecError: a row begins with something else; names its line and never repeats what it says.
    """
    for number, row in enumerate(csv.reader(times.splitlines()), 1):
        said = row[0].strip() if row else ""
        if not said:
            continue
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            if number == 1:
                continue
            says = "This row does not begin with a time."
            place = Place(line=number, column=1)
            finding = Finding(code="REHEARSAL_TIME", says=says, place=place, write="Write it as 2026-03-01 02:42.")
            raise SpecError((finding,)) from None
        yield clocks.instant(at if at.tzinfo is not None else at.replace(tzinfo=ZoneInfo(zone)))
