"""What of a run would go back if it were taken back now, and what could not, and why; nothing is changed.

Of a confidential agency's steps no count under five: such cases are counted as those that go back, which is all that
others would see of them (api/migrations.py).
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from api.deps import Here, Services, Who, now
from api.migrations import AT_ONCE, FEWEST, PlaceOut, compiled_at, coordinates, is_private, places_out
from api.moving import back_plan
from api.views import Closed, when
from protocol.migrating.crossing import undo
from protocol.migrating.hindrances import Code
from protocol.migrating.route import route
from protocol.names import OpaqueId
from protocol.state import CaseState, Instant
from store import labels, protocols
from store.migrating import runs
from store.migrating.runs import Item, Run
from workflows import client as cases
from workflows.messages import CaseLook

router = APIRouter()
Stays = tuple[Code, str, Instant | None]


class StayOut(PlaceOut):
    """Why cases could not go back; ``answered_at``: when the last of them was answered there."""

    answered_at: datetime | None


class WayBackOut(Closed):
    """How many cases would go back; of the others how many have ended, and why the rest would stay."""

    back: int
    ended: int
    stay: list[StayOut]


@router.get("/migrations/{run}/way-back")
async def way_back(run: OpaqueId, here: Here, who: Who) -> WayBackOut:
    """What taking a run back would do now."""
    coordinates(who)
    found = await here.read(lambda connection: runs.one(connection, run))
    moved = await here.read(lambda connection: runs.moved(connection, run))
    protocol = (await here.read(lambda connection: protocols.by_hash(connection, found.target))).protocol
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(each: Item) -> Stays | None:
        async with turns:
            look = await cases.glance(here.client, each.case_id)
        return None if look is None else await _stays(here, found, each, look)

    stay = [each for each in await asyncio.gather(*(one(item) for item in moved)) if each is not None]
    ended = [each for each in stay if each[0] is Code.NOT_OPEN]
    private = [each for each in stay if is_private(protocol, each[1])]
    hidden = private if len(private) < FEWEST else []
    told = [each for each in stay if each not in ended and each not in hidden]
    secret = labels.ending_owner(protocol) is not None
    return WayBackOut(
        back=len(moved) - len(told) - (0 if secret else len(ended)),
        ended=0 if secret else len(ended),
        stay=[
            StayOut(**each.model_dump(), answered_at=None if is_private(protocol, each.place) else _last(told, each))
            for each in places_out(protocol, [(code, place) for code, place, _ in told])
        ],
    )


async def _stays(here: Services, run: Run, each: Item, look: CaseLook) -> Stays | None:
    """Why a case could not go back, at which step, and when that was answered; None if it can."""
    now_on, was = [await here.read(partial(compiled_at, hash_=one)) for one in (look.protocol_hash, each.was)]
    way = route(now_on, was, back_plan(run.plan).dump())
    made = await run_in_threadpool(undo, way, look.state, run.id, now())
    hindrance = made.hindrance
    return None if hindrance is None else (hindrance.code, hindrance.place, _answered(look.state, hindrance.place))


def _answered(state: CaseState, place: str) -> Instant | None:
    marks = [mark.effective for ref, mark in state.last.items() if ref.startswith(f"outcome:{place}/")]
    return max(marks, default=None)


def _last(told: list[Stays], each: PlaceOut) -> datetime | None:
    return when(max((at for code, place, at in told if (code, place) == (each.code, each.place) and at), default=None))
