"""Runs one case on a real Temporal server at a scenario's own instants, years away or not.

The case's clock is shifted so that it opens at the scenario's first instant; from there the server skips time. What
the case decided is read back from the database its facts were projected to, and every input with the instant at
which the case took it from Temporal's history: the pure core, driven with that log, must give the same facts.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import timedelta
from uuid import uuid4

from sqlalchemy import select
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import WorkflowHandle
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.testing import TimeSkipper

from activities.contracts import START_LINKED, LinkedCase
from protocol.engine.machine import earliest
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import TICK, Input, LinkNotice, Refusal
from protocol.names import Slug
from protocol.scenarios.judge import Judge
from protocol.scenarios.stories import Scenario
from protocol.scenarios.verdicts import Problem
from protocol.serial import dump_protocol
from protocol.state import Instant, Status
from store.keyring.sealing import opened
from store.projector import BODY
from store.session import Database
from store.tables import fact
from workflows import client as cases
from workflows.messages import CaseClosed, Command, CommandReply, link_notice

SECOND = 1_000_000
LATE_AT_MOST = 10 * SECOND
"""How long after its instant a case may act by itself here: a timer, a task, a machine that does other things too."""

MOMENT = 10 * 1_000_000
"""A server is milliseconds late at every step, so what is expected at a minute is looked for a moment into it."""


class TemporalDriver:
    """One case of a protocol, driven from outside as people and time would.

    A worker with the project's workflow and activities must listen on ``task_queue`` and write to ``database``,
    where the protocol has been published.
    """

    def __init__(self, skipper: TimeSkipper, task_queue: str, database: Database) -> None:
        self._skipper = skipper
        self._client = skipper.client
        self._task_queue = task_queue
        self._database = database
        self.case_id = str(uuid4())
        self._handle: WorkflowHandle[object, CaseClosed] = self._client.get_workflow_handle(
            self.case_id, result_type=CaseClosed
        )

    async def start(self, protocol: Protocol) -> None:
        """Choose the protocol; the case itself opens with the first input."""
        self._protocol = protocol
        self._shift = 0
        self.opened = False

    async def advance(self, to: Instant) -> None:
        """Let time pass until ``to`` and everything due by then happen. Time already past is left as it is."""
        if not self.opened:
            self._shift = to - time.time_ns() // 1_000
            return
        left = to - await self.now()
        if left > 0 and await self._running():
            await self._skipper.fast_forward(self._handle, timedelta(microseconds=left))
        await self._settle(to)

    async def send(self, command: Input) -> CommandReply | Refusal:
        """Give the case an input, now; the first must be an event that opens it."""
        try:
            if self.opened:
                return await cases.send(self._client, self.case_id, command)
            with self._skipper.with_time_skipping_disabled():
                reply = await cases.open_or_join(
                    self._client,
                    self.case_id,
                    dump_protocol(self._protocol),
                    command,
                    task_queue=self._task_queue,
                    shift=self._shift,
                )
            self.opened = True
            return reply
        except cases.Refused as refused:
            return refused.refusal

    async def linked(self, link: Slug) -> None:
        """Wait until a linked case has opened, which no story need say here: it does by itself, unless all is over."""

        async def opened() -> bool:
            state = (await cases.look(self._client, self.case_id)).state
            known = state.links.get(link)
            return state.status is Status.ENDED or (known is not None and known.opened)

        await eventually(opened)

    async def now(self) -> Instant:
        """What the case's clock shows."""
        virtual = await self._skipper.get_current_time(self._handle)
        return round(virtual.timestamp() * SECOND) + self._shift

    async def facts(self) -> tuple[Fact, ...]:
        """Every fact so far, as projected."""
        await self._settle(None)
        return read_facts(self._database, self.case_id)

    async def log(self) -> list[tuple[Input, Instant]]:
        """Every input the case took and every moment it looked at the clock (a ``Tick``), each with its instant.

        Several inputs of one task come in the order in which they were applied, the tick after them.
        """
        context = WorkflowSerializationContext(namespace=self._client.namespace, workflow_id=self.case_id)
        converter = self._client.data_converter.with_context(context)
        return await inputs_of([each async for each in self._history()], converter, self._shift)

    async def _history(self) -> AsyncIterator[HistoryEvent]:
        """The events of every run of the case, oldest first."""
        run: str | None = (await self._handle.describe()).raw_description.workflow_execution_info.first_run_id
        while run:
            following = None
            async for event in self._client.get_workflow_handle(self.case_id, run_id=run).fetch_history_events():
                yield event
                following = event.workflow_execution_continued_as_new_event_attributes.new_execution_run_id or None
            run = following

    async def _running(self) -> bool:
        return (await cases.look(self._client, self.case_id)).state.status is not Status.ENDED

    async def _settle(self, to: Instant | None) -> None:
        """Wait until nothing due by ``to`` is undone and everything decided is projected."""

        async def done() -> bool:
            look = await cases.look(self._client, self.case_id)
            due = earliest(self._protocol, look.state)
            return not look.undelivered and (to is None or due is None or due > to)

        await eventually(done)


async def play(driver: TemporalDriver, protocol: Protocol, scenario: Scenario) -> list[Problem]:
    """Play a story on the server; what did not hold."""
    judge = Judge(protocol, scenario)
    await driver.start(protocol)
    problems: list[Problem] = []
    lag = 0
    for entry in scenario.story:
        judge.begin()
        await driver.advance(entry.at + (lag if entry.when else MOMENT))
        if driver.opened:
            judge.see((await driver.facts())[len(judge.facts) :])
        command = judge.command(entry)
        answer = None
        if command is not None and isinstance(command.body, LinkNotice) and not command.body.ended:
            await driver.linked(command.body.link)
        elif command is not None:
            answer = await driver.send(command)
        judge.see((await driver.facts())[len(judge.facts) :])
        if command is not None:
            # Two acts are never closer together than the story has them: what counts after 30 minutes counts here.
            lag = max(lag, judge.facts[-1].recorded - entry.at)
        problems += judge.verdicts(entry, answer if isinstance(answer, Refusal) else None)
    for link in judge.seen.links:
        await driver.linked(link)
    return problems


def read_facts(database: Database, case_id: str) -> tuple[Fact, ...]:
    """The facts of a case that were projected, in order."""
    with database.read() as connection:
        rows = connection.execute(select(fact).where(fact.c.case_id == case_id).order_by(fact.c.seq)).all()
        found = opened("fact", connection, rows)
    return tuple(
        Fact(seq=each["seq"], at=each["at"], recorded=each["recorded"], body=BODY.validate_json(each["body"]))
        for each in found
    )


async def eventually(so: Callable[[], Awaitable[bool]], within: float = 30) -> None:
    """Wait for something outside this program to become so."""
    async with asyncio.timeout(within):
        while True:
            if await so():
                return
            await asyncio.sleep(0.01)


async def inputs_of(
    events: Iterable[HistoryEvent], converter: DataConverter, shift: Instant
) -> list[tuple[Input, Instant]]:
    """The inputs of a history, each with the instant of the task that took it, and a tick at the end of every task.

    What the case told itself, that a linked case has opened, comes after the commands of the same task.
    """
    found: list[tuple[Input, Instant]] = []
    started, now, inputs, opened, opened_since = 0, 0, list[Input](), list[Input](), list[Input]()
    opening: dict[int, Input] = {}
    for event in events:
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_STARTED:
            started = event.event_time.ToNanoseconds() // 1_000 + shift
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
            found += _taken([*inputs, *opened], now)
            now, inputs, opened, opened_since = started, [], opened_since, []
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED:
            request = event.workflow_execution_update_accepted_event_attributes.accepted_request
            (command,) = await converter.decode(request.input.args.payloads, [Command])
            inputs.append(command.input)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            notice = await _notice_of(event, converter)
            opening |= {} if notice is None else {event.event_id: notice}
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            done = opening.get(event.activity_task_completed_event_attributes.scheduled_event_id)
            opened_since += [] if done is None else [done]
    return found + _taken([*inputs, *opened], now)


async def _notice_of(event: HistoryEvent, converter: DataConverter) -> Input | None:
    """What a case tells itself when this activity is done."""
    scheduled = event.activity_task_scheduled_event_attributes
    if scheduled.activity_type.name != START_LINKED:
        return None
    (message,) = await converter.decode(scheduled.input.payloads, [LinkedCase])
    start = message.link.effect
    return link_notice(start.link, start.seq, ended=False) if start.link is not None else None


def _taken(inputs: list[Input], now: Instant) -> list[tuple[Input, Instant]]:
    return [(each, now) for each in (*inputs, TICK)] if now else []
