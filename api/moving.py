"""Works runs off: each case of a portion is asked to move, at the plan's pace, and its answer is recorded.

A loop on SQL and no workflow of its own: the runs' rows say what is left, and each case answers a run once, so what
dies in the middle is taken up where it was (docs/decisions/0024).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from api.answered import Answered
from api.deps import Services
from protocol.engine.machine import earliest
from protocol.kernel import Protocol
from protocol.migrating import watching
from protocol.migrating.effect import effect
from protocol.migrating.plan import Plan
from protocol.migrating.route import Route, route
from protocol.names import OpaqueId, Slug
from protocol.serial import dump_protocol
from protocol.state import Instant
from store import protocols
from store.migrating import runs, watched
from store.migrating.runs import Item, Outcome, Run, Stage
from store.session import Database
from workflows import client as cases
from workflows.errors import CaseHasEnded, Hindered, Unanswered, UnknownCase
from workflows.messages import CaseLook, Move, MoveReply

log = structlog.get_logger("moving")

EVERY = 1.0
"""Seconds between two looks for something to do."""
AT_ONCE = 8
SECOND = 1_000_000


def back_plan(plan: Plan) -> Plan:
    """The plan by which a run's cases go back: clocks are restored, so it only gives the grace."""
    return Plan.model_validate({"migration": plan.migration, "grace": plan.grace}, by_alias=True)


def carry_texts(database: Database, run: Run) -> dict[OpaqueId, Route]:
    """The ways of a run by the text they begin at, with every text kept that its cases may be pinned to.

    Raises:
        HandoffError: as ``protocol.migrating.route.route``, before any case has moved.
    """
    with database.write() as connection:
        known = runs.texts(connection, run)
        ways = {each: route(known[each], known[run.target], run.plan.dump()) for each in known if each != run.target}
        for way in ways.values():
            for data in (way.onto_data, *_back(run, way, known)):
                protocols.carry(connection, data)
    return ways


def _back(run: Run, way: Route, known: dict[OpaqueId, bytes]) -> tuple[bytes, ...]:
    """The older text as a case carries it that went back, from either form of the newer one."""
    plan = back_plan(run.plan).dump()
    return tuple(route(each, known[way.was], plan).onto_data for each in (way.onto_data, known[run.target]))


@dataclass
class Mover:
    """Moves the cases of every run of an installation. ``move`` and ``glance`` are those of ``workflows.client``.

    ``answered``: people's answers meanwhile, by which a run is watched.
    """

    database: Database
    move: Callable[[str, Move], Awaitable[MoveReply]]
    glance: Callable[[str], Awaitable[CaseLook | None]]
    answered: Answered = field(default_factory=Answered)

    async def now_and_then(self) -> None:
        """Work off what there is, until cancelled."""
        while True:
            try:
                while await self.work():
                    pass
            except Exception as error:  # noqa: BLE001 - the loop outlives whatever goes wrong with one case
                log.warning("moving cases waits", code=getattr(error, "code", type(error).__name__))
            await asyncio.sleep(EVERY)

    async def work(self) -> int:
        """One portion of each run; how many cases were asked."""
        asked = 0
        await asyncio.to_thread(self._count_answers, self.answered.taken())
        for run in await asyncio.to_thread(self._under_way):
            asked += await self._portion(run)
        return asked

    def _count_answers(self, found: dict[Slug, tuple[int, int]]) -> None:
        if not found:
            return
        with self.database.write() as connection:
            for slug, (answers, refused) in found.items():
                watched.answered(connection, slug, runs.UNDER_WAY, answers, refused)

    def _under_way(self) -> tuple[Run, ...]:
        with self.database.read() as connection:
            return runs.under_way(connection)

    async def _portion(self, run: Run) -> int:
        ways = await asyncio.to_thread(carry_texts, self.database, run)
        taken = await asyncio.to_thread(self._take, run)
        turns = asyncio.Semaphore(AT_ONCE)
        began = time.monotonic()

        async def one(number: int, each: Item) -> None:
            # Spread over time at the plan's pace, so that people's answers find the cases free.
            await asyncio.sleep(max(0.0, began + number / run.plan.a_second - time.monotonic()))
            async with turns:
                await self._ask(run, ways[each.was], each)

        await asyncio.gather(*(one(number, each) for number, each in enumerate(taken)))
        found = await asyncio.to_thread(self._advance, run.id)
        if found.stage is not run.stage:
            log.info("moving cases", run=run.id, stage=found.stage.value, because=found.because)
        return len(taken)

    def _take(self, run: Run) -> tuple[Item, ...]:
        with self.database.write() as connection:
            return runs.take(connection, run, _clock())

    def _advance(self, run: OpaqueId) -> Run:
        with self.database.write() as connection:
            return runs.advance(connection, runs.one(connection, run), _clock())

    async def _ask(self, run: Run, way: Route, each: Item) -> None:
        """Ask one case, and keep its answer."""
        undo = run.stage is Stage.BACK
        keep = partial(self._keep, each)
        try:
            found = None if undo or not _looked_at(run) else await self.glance(each.case_id)
            if found is not None and _due_soon(_text_of(way, found), found, run.plan.quiet_before * SECOND):
                await asyncio.to_thread(keep, Outcome.DUE_SOON, wait=run.plan.quiet_before * SECOND)
                return
            kind = None if found is None or not _waits_for_classes(run) else _class_of(way, found)
            text, plan = (way.old, back_plan(run.plan)) if undo else (way.new, run.plan)
            data = dump_protocol(text).decode()
            message = Move(run=run.id, protocol=data, plan=plan.dump().decode(), undo=undo)
            await self.move(each.case_id, message)
            if undo:
                await asyncio.to_thread(keep, Outcome.RETURNED)
                return
            code = watching.BROKEN if await self._is_broken(way, each) else None
            await asyncio.to_thread(keep, Outcome.MOVED, code=code, kind=kind)
        except Hindered as hindered:
            outcome = Outcome.STAYS if undo else Outcome.HINDERED
            why = hindered.hindrance
            await asyncio.to_thread(keep, outcome, code=why.code.value, place=why.place)
        except (CaseHasEnded, UnknownCase):
            await asyncio.to_thread(keep, Outcome.ENDED)
        except Unanswered:
            await asyncio.to_thread(keep, Outcome.BACK if undo else Outcome.AGAIN, wait=5 * SECOND)

    async def _is_broken(self, way: Route, each: Item) -> bool:
        """Whether a case that moved is not as its move must leave it; one that cannot be seen is not said to be."""
        found = await self.glance(each.case_id)
        if found is None or found.state.crossed is None or found.state.crossed.was != way.was:
            return False
        return await asyncio.to_thread(watching.broken, way, found.state.crossed)

    def _keep(
        self,
        each: Item,
        outcome: Outcome,
        *,
        code: str | None = None,
        place: str | None = None,
        kind: str | None = None,
        wait: int = 0,
    ) -> None:
        with self.database.write() as connection:
            runs.record(connection, each, outcome, _clock(), code=code, place=place, kind=kind, wait=wait)


def _looked_at(run: Run) -> bool:
    """Whether a case is looked at before it moves."""
    return run.plan.quiet_before > 0 or _waits_for_classes(run)


def _waits_for_classes(run: Run) -> bool:
    return run.stage is Stage.FIRST and run.plan.first.gone_on > 0


def _text_of(way: Route, found: CaseLook) -> Protocol:
    return way.old if found.protocol_hash == way.was else way.onto


def _due_soon(text: Protocol, found: CaseLook, within: int) -> bool:
    """Whether a case is about to do something by itself: its people are busy with it."""
    due = earliest(text, found.state)
    return within > 0 and due is not None and due - max(_clock(), found.state.now) < within


def _class_of(way: Route, found: CaseLook) -> str | None:
    """The class of a case that has not moved yet."""
    return (
        effect(way, found.state, max(_clock(), found.state.now)).kind.value if found.protocol_hash == way.was else None
    )


async def move_now_and_then(here: Services) -> None:
    """Move the cases of every run of this installation, until cancelled."""
    ask = partial(cases.move, here.client), partial(cases.glance, here.client)
    await Mover(here.database, *ask, here.answered).now_and_then()


def _clock() -> Instant:
    return time.time_ns() // 1_000
