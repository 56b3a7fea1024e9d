"""Sends errands, in the worker: a loop over the outbox. Why a loop: ``docs/decisions/0026``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import structlog

from activities.notices.planning import AGAIN, Message, Plan, Site, next_turn, pause, plan
from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.state import Instant
from runtime.posting import gateway, mail, webhooks
from runtime.posting.outcome import Outcome, State
from store.notices import errands, reach
from store.notices.errands import DUTY, Contact, Errand
from store.session import Connection, Database

log = structlog.get_logger("notices")

IDLE = 0.5
"""Seconds between two looks for what other processes wrote."""

TOGETHER = 64
"""Errands in hand at once."""

AT_ONCE = 16
"""Messages under way by one channel, or to one receiver of webhooks 4: one that is slow keeps nobody else waiting."""

TO_ONE_RECEIVER = 4
FORGET_EVERY = 3600.0


def _clock() -> Instant:
    return time.time_ns() // 1_000


class Notifier:
    """Sends what is to be told, and writes down what became of it.

    Args:
        database: with the keys of rows.
        site: how notices leave.
        clock: the present instant.
    """

    def __init__(self, database: Database, site: Site, clock: Callable[[], Instant] = _clock) -> None:
        self._database = database
        self._site = site
        self._clock = clock
        self._woken = asyncio.Event()
        self._busy: set[asyncio.Task[None]] = set()
        self._ways = {each: asyncio.Semaphore(AT_ONCE) for each in ("text", "call", "email")}
        self._ways |= {each.id: asyncio.Semaphore(TO_ONE_RECEIVER) for each in site.posting.webhooks}

    def wake(self) -> None:
        """There may be something new to send. Call it in the event loop."""
        self._woken.set()

    async def run(self) -> None:
        """Send until cancelled. What is under way then goes out again later, under the same ids."""
        forgotten = 0.0
        try:
            while True:
                self._woken.clear()
                full = False
                try:
                    full = await self._take_on()
                    if time.monotonic() - forgotten > FORGET_EVERY:
                        forgotten = time.monotonic()
                        await asyncio.to_thread(self._forget)
                except HandoffError as error:
                    log.warning("notices wait for the database", code=error.code)
                if full and self._busy:
                    await asyncio.wait(self._busy, return_when=asyncio.FIRST_COMPLETED)
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken.wait(), IDLE)
        finally:
            for each in self._busy:
                each.cancel()
            await asyncio.gather(*self._busy, return_exceptions=True)

    async def turn(self) -> None:
        """Send everything that is to be sent now, once, and wait until it is done."""
        await self._take_on()
        await asyncio.gather(*self._busy)

    async def _take_on(self) -> bool:
        """Take on what is due; true when there may be more than there is room for."""
        room = TOGETHER - len(self._busy)
        if room <= 0:
            return True
        found = await asyncio.to_thread(self._claim, self._clock(), room)
        for each in found:
            task = asyncio.create_task(self._handle(each))
            self._busy.add(task)
            task.add_done_callback(self._busy.discard)
        return len(found) == room

    def _claim(self, now: Instant, limit: int) -> tuple[Errand, ...]:
        with self._database.read() as connection:
            due = errands.next_due(connection)
        if due is None or due > now:
            return ()
        with self._database.write() as connection:
            return errands.claim(connection, now, limit)

    def _forget(self) -> None:
        with self._database.write() as connection:
            errands.forget(connection, self._clock())

    async def _handle(self, found: Errand) -> None:
        """Send one errand. Whatever goes wrong with it, the others go on, and it comes again."""
        try:
            made = await asyncio.to_thread(self._plan, found)
            became = await asyncio.gather(*(self._send(each) for each in made.messages))
            await asyncio.to_thread(self._record, made, became)
        except HandoffError as error:
            log.warning("notice put off", errand=found.id, code=error.code)
        except Exception:
            log.exception("notice put off", errand=found.id)

    def _plan(self, found: Errand) -> Plan:
        with self._database.write() as connection:
            return plan(connection, self._site, found, self._clock())

    async def _send(self, message: Message) -> Outcome:
        posting = self._site.posting
        way = self._ways[message.person if message.webhook else message.channel]
        if message.webhook is not None and way.locked():
            return Outcome(state=State.LATER, why="the receiver is slow")
        async with way:
            if message.webhook is not None:
                at = clocks.moment(self._clock())
                return await webhooks.send(message.webhook, message.body or {}, id_=message.id, at=at)
            if message.channel == "email" and posting.email is not None:
                return await mail.send(posting.email, message.to, message.said, sender=posting.sender, id_=message.id)
            how = posting.text if message.channel == "text" else posting.call
            if how is None:
                return Outcome(state=State.LATER, why="this way is not set")
            return await gateway.send(how, message.to, message.said, id_=message.id, voicemail=message.voicemail)

    def _record(self, made: Plan, became: list[Outcome]) -> None:
        now = self._clock()
        found = made.errand
        with self._database.write() as connection:
            for message, outcome in zip(made.messages, became, strict=True):
                found = found.with_contact(_contact(found, message, outcome, now))
                if outcome.state is State.DEAD and message.webhook is None:
                    reach.mark_dead(connection, message.person, message.channel, now)
                if outcome.state in {State.DEAD, State.LATER}:
                    # Neither whom nor about what: what a log tells, whoever runs the machine reads.
                    log.warning("notice not sent", errand=found.id, channel=message.channel, why=outcome.why)
            if found.over_at is None:
                found = self._next(connection, made, found, became, now)
            errands.save(connection, found)

    def _next(self, connection: Connection, made: Plan, found: Errand, became: list[Outcome], now: Instant) -> Errand:
        """The errand with the time of its next look, or over: told once is enough where nobody has to answer."""
        states, able = {each.state for each in became}, self._site.posting.able
        times = [] if made.until is None else [made.until]
        times += [now] if State.DEAD in states else []
        times += [now + pause(found.fails)] if State.LATER in states else []
        times += [each.again_at for each in found.contacts if each.again_at is not None]
        fails = found.fails + (State.LATER in states)
        if found.kind in DUTY:
            if found.slot_at is not None:
                people = {each.person for each in found.contacts if each.channel != "webhook"}
                second = any(len(each.ways(able)) > 1 for each in reach.of(connection, people).values())
                times.append(next_turn(found, second=second))
            return replace(found, fails=fails, next_at=max(min(times), now))
        reached = any(
            each.state in {"sent", "delivered"} for each in found.contacts if each.channel != "webhook" or not able
        )
        if reached and not times:
            return found.over("told", now)
        # With nobody to be told, whoever comes on duty or mends an address will be.
        return replace(found, fails=fails, next_at=max(min(times, default=now + AGAIN), now))


def _contact(found: Errand, message: Message, outcome: Outcome, now: Instant) -> Contact:
    """What is known of an address after a message to it."""
    before = found.contact(message.person, message.channel)
    went = outcome.state in {State.SENT, State.DELIVERED}
    fails = 0 if went or before is None else before.fails + 1
    hook = message.webhook is not None and outcome.state is State.LATER
    return Contact(
        person=message.person,
        channel=message.channel,
        state=outcome.state.value,
        slot=found.slot if went else (-1 if before is None else before.slot),
        at=now,
        first_at=now if before is None else before.first_at,
        count=(0 if before is None else before.count) + went,
        code=None if before is None else before.code,
        fails=fails,
        again_at=now + pause(fails) if hook else None,
    )
