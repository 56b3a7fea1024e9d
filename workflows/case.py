"""The case workflow: one interpreter for every protocol; its workflow type is the protocol's slug.

A shell without rules. It keeps one state, asks ``protocol.engine.machine.step`` what each command or passing of time
does, keeps one timer armed at the earliest deadline, and delivers what the core decided through an outbox. Update
handlers only change that state; the one loop in ``run`` does everything that takes commands to the server.

Changing this file changes how old histories replay: put a difference behind ``workflow.patched`` and record a
new golden history beside the old ones.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import islice
from typing import NoReturn

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy
from temporalio.exceptions import ApplicationError

from activities import contracts
from activities.contracts import Link, LinkedCase, Projected, Projection
from protocol.engine.machine import Result, earliest, step
from protocol.messages import TICK, Actor, Arm, Input, SendEvent, StartCase
from protocol.migrating.crossing import Crossing, migrate, undo
from protocol.migrating.route import route
from protocol.serial import load_protocol
from protocol.state import CaseState, Instant, Status
from protocol.telling.refusals import say
from workflows.messages import (
    COMMAND,
    HINDERED,
    LOOK,
    MOVE,
    NEVER_OPENED,
    TRY_AGAIN,
    Behind,
    CaseClosed,
    CaseLook,
    CaseStart,
    Command,
    CommandReply,
    Move,
    MoveReply,
    link_notice,
    reply_of,
)

PATIENCE = 600 * 1_000_000
"""How long (microseconds) a new case waits for its first command, whose sender may be retrying after a crash."""
MOMENT = 1_000_000
"""The shortest timer for something already due: keeps a faulty core from spinning the loop."""
BREATH = 50_000
"""How soon (microseconds) a run that is about to end wakes to do so; a refused command alone wakes nothing."""

FOR_EVER = RetryPolicy(
    initial_interval=contracts.FIRST_RETRY, maximum_interval=contracts.LONGEST_RETRY, maximum_attempts=0
)


@workflow.defn(dynamic=True)
class CaseWorkflow:
    """One case, from its first event to its end, over as many runs as that takes."""

    @workflow.init
    def __init__(self, args: Sequence[RawValue]) -> None:
        start: CaseStart = workflow.payload_converter().from_payload(args[0].payload, CaseStart)
        self._start = start
        self._protocol = load_protocol(start.protocol.encode())
        self._state = start.state
        self._outbox = deque(start.outbox)
        self._links = deque(start.links)
        self._due = self._first_due()
        self._armed: Instant | None = None
        self._timer: asyncio.Task[None] | None = None
        self._projecting: workflow.ActivityHandle[Projected] | None = None
        self._linking: dict[int, workflow.ActivityHandle[object]] = {}
        self._telling: workflow.ActivityHandle[object] | None = None
        self._told = start.parent is None
        self._behind = deque(start.behind)
        self._asked: tuple[tuple[CaseState, Input, Instant], Result] | None = None
        self._stirred = False
        self._closing = False
        self._taken_at = 0

    @workflow.run
    async def run(self, args: Sequence[RawValue]) -> CaseClosed:  # noqa: ARG002 - the SDK wants __init__'s parameters
        """Serve the case until it has ended and everything it decided is delivered."""
        while True:
            self._collect()
            self._pass_time()
            if self._over():
                return CaseClosed(
                    seq=self._state.seq, protocol_hash=self._start.protocol_hash, replies=self._state.replies
                )
            self._closing = self._worn()
            if self._closing and not self._busy():
                await workflow.wait_condition(workflow.all_handlers_finished)
                self._go_on()
            self._arm()
            self._deliver()
            self._stirred = False
            await workflow.wait_condition(lambda: self._stirred)

    @workflow.update(name=COMMAND)
    def command(self, message: Command) -> CommandReply:
        """Take a command. Never raises: an exception here would hold up the case, so even a late refusal is a reply."""
        result = self._ask(message.input)
        if result.refusal is not None:
            return CommandReply(seq=self._state.seq, refusal=result.refusal)
        self._take(result, message.input.actor)
        self._taken_at = workflow.info().get_current_history_length()
        reply = reply_of(self._state.replies, message.input.command)
        return reply or CommandReply(seq=self._state.seq)

    @command.validator
    def _judge(self, message: Command) -> None:
        """Refuse what the core refuses, before anything is written to history."""
        if self._closing:
            raise ApplicationError("The case is between two runs.", type=TRY_AGAIN, non_retryable=True)
        refusal = self._ask(message.input).refusal
        if refusal is not None:
            raise ApplicationError(say(refusal), refusal, self._state.seq, type=refusal.code, non_retryable=True)

    @workflow.update(name=MOVE)
    def move(self, message: Move) -> MoveReply:
        """Go on under another text. Never raises: by now something may hinder it, which is a reply."""
        crossing = self._cross(message)
        if crossing.hindrance is not None:
            return self._stay(crossing)
        self._taken_at = workflow.info().get_current_history_length()
        if crossing.known is None:
            self._go_over(message, crossing)
        return MoveReply(seq=self._state.seq, pinned=self._start.protocol_hash)

    @move.validator
    def _judge_move(self, message: Move) -> None:
        """Refuse what the plan does not cover, before anything is written to history."""
        if self._closing:
            raise ApplicationError("The case is between two runs.", type=TRY_AGAIN, non_retryable=True)
        hindrance = self._cross(message).hindrance
        if hindrance is not None:
            raise ApplicationError(
                hindrance.says, hindrance.code, hindrance.place, self._state.seq, type=HINDERED, non_retryable=True
            )

    @workflow.query(name=LOOK)
    def look(self) -> CaseLook:
        """The case as it stands, for diagnosis."""
        return CaseLook(
            state=self._state,
            undelivered=tuple(self._outbox),
            armed=self._armed,
            protocol_hash=self._start.protocol_hash,
        )

    # Time

    def _now(self) -> Instant:
        """The server's time of this task (of a practice case, its own clock), never before what it has already seen."""
        ahead = 0 if self._state.practice is None else self._state.practice.ahead
        return max(workflow.time_ns() // 1_000 + self._start.shift + ahead, self._state.now)

    def _first_due(self) -> Instant | None:
        if self._state.status is Status.NEW:
            return self._now() + PATIENCE
        return earliest(self._protocol, self._state)

    def _pass_time(self) -> None:
        """Let the core fire what is due by the clock, whatever woke the loop."""
        if self._due is None or self._now() < self._due:
            return
        if self._state.status is Status.NEW:
            raise ApplicationError("No first command came.", type=NEVER_OPENED, non_retryable=True)
        self._take(step(self._protocol, self._state, TICK, self._now()), None)

    def _arm(self) -> None:
        """Keep one timer at the earliest deadline. A later deadline can wait for the timer that is already set."""
        due = self._now() + BREATH if self._closing else self._due
        if self._timer is not None and not self._timer.done():
            if due is None or (self._armed is not None and self._armed <= due):
                return
            self._timer.cancel()
        self._timer = self._armed = None
        if due is not None:
            left = due - self._now()
            self._armed = due
            self._timer = asyncio.create_task(workflow.sleep(timedelta(microseconds=left if left > 0 else MOMENT)))
            self._timer.add_done_callback(self._stir)

    # State and outbox

    def _ask(self, command: Input) -> Result:
        """What the core makes of a command now. The handler asks what its validator just asked: once is enough."""
        question = (self._state, command, self._now())
        if self._asked is None or self._asked[0][0] is not self._state or self._asked[0][1:] != question[1:]:
            self._asked = (question, step(self._protocol, *question))
        return self._asked[1]

    def _cross(self, message: Move) -> Crossing:
        """What moving to another text would do now."""
        way = route(self._start.protocol.encode(), message.protocol.encode(), message.plan.encode())
        go = undo if message.undo else migrate
        return go(way, self._state, message.run, self._now())

    def _stay(self, crossing: Crossing) -> MoveReply:
        found = crossing.hindrance
        code, place = (None, "") if found is None else (found.code, found.place)
        return MoveReply(seq=self._state.seq, pinned=self._start.protocol_hash, code=code, place=place)

    def _go_over(self, message: Move, crossing: Crossing) -> None:
        """Be pinned to the other text; what was recorded under this one is delivered under it."""
        way = route(self._start.protocol.encode(), message.protocol.encode(), message.plan.encode())
        text = message.protocol if crossing.pinned == way.target else way.onto_data.decode()
        moved = next(each.seq for each in crossing.result.facts if each.body.kind == "case-migrated")
        self._behind.append(Behind(protocol_hash=self._start.protocol_hash, seq=moved - 1))
        self._start = replace(self._start, protocol=text, protocol_hash=crossing.pinned)
        self._protocol = load_protocol(text.encode())
        self._take(crossing.result, None)

    def _take(self, result: Result, actor: Actor | None) -> None:
        """Keep what the core decided; the loop delivers it."""
        if result.state.practice != self._state.practice:
            # The timer that is set counts by the clock as it was.
            self._armed = None
        self._state = result.state
        self._outbox.extend(result.facts)
        for effect in result.effects:
            if isinstance(effect, Arm):
                self._due = effect.at
            elif isinstance(effect, StartCase | SendEvent):
                by_time = Actor(person="time", role=None, agency=self._protocol.agencies[0].id)
                self._links.append(Link(effect=effect, actor=actor or by_time))
        self._stir()

    def _stir(self, _: object = None) -> None:
        self._stirred = True

    def _deliver(self) -> None:
        """Send the next batch of facts, and the next thing about each linked case: one of each at a time, in order."""
        case = workflow.info().workflow_id
        if self._outbox and self._projecting is None:
            while self._behind and self._outbox[0].seq > self._behind[0].seq:
                self._behind.popleft()
            under = self._behind[0] if self._behind else None
            hash_ = self._start.protocol_hash if under is None else under.protocol_hash
            facts = tuple(
                each for each in islice(self._outbox, contracts.BATCH) if under is None or each.seq <= under.seq
            )
            self._projecting = workflow.start_activity(
                contracts.PROJECT,
                Projection(case_id=case, protocol_hash=hash_, facts=facts),
                result_type=Projected,
                start_to_close_timeout=contracts.PROJECT_TIMEOUT,
                heartbeat_timeout=contracts.LIFELESS,
                retry_policy=FOR_EVER,
            )
            self._projecting.add_done_callback(self._stir)
        for each in self._links:
            if each.to not in self._linking:
                self._linking[each.to] = self._hand_over(case, each)
        if self._state.status is Status.ENDED and not self._told and self._telling is None:
            self._telling = self._speak(contracts.TELL_PARENT, self._start.parent)

    def _hand_over(self, case: str, link: Link) -> workflow.ActivityHandle[object]:
        own = None
        if isinstance(link.effect, StartCase) and link.effect.protocol is None:
            own = self._start.protocol
        message = LinkedCase(
            case_id=case, link=link, protocol=own, shift=self._start.shift, practice=self._state.practice
        )
        return self._speak(
            contracts.SEND_LINKED if isinstance(link.effect, SendEvent) else contracts.START_LINKED, message
        )

    def _speak(self, name: str, message: object) -> workflow.ActivityHandle[object]:
        """Ask for something to be said to another case."""
        handle = workflow.start_activity(
            name, message, start_to_close_timeout=contracts.LINK_TIMEOUT, retry_policy=FOR_EVER
        )
        handle.add_done_callback(self._stir)
        return handle

    def _collect(self) -> None:
        """Forget what has been delivered. A delivery that was cut off is sent again: both ends are idempotent."""
        if self._projecting is not None and self._projecting.done():
            if self._projecting.exception() is None:
                seq = self._projecting.result().seq
                while self._outbox and self._outbox[0].seq <= seq:
                    self._outbox.popleft()
            self._projecting = None
        if self._telling is not None and self._telling.done():
            self._told = self._telling.exception() is None
            self._telling = None
        for to in [number for number, handle in self._linking.items() if handle.done()]:
            if self._linking.pop(to).exception() is None:
                link = next(each for each in self._links if each.to == to)
                self._links.remove(link)
                self._note(link)

    def _note(self, link: Link) -> None:
        """Tell the core that a linked case of another protocol has opened; after the end nobody waits for it."""
        if isinstance(link.effect, StartCase) and link.effect.link is not None:
            notice = link_notice(link.effect.link, link.effect.seq, ended=False)
            result = step(self._protocol, self._state, notice, self._now())
            if result.refusal is None:
                self._take(result, None)

    # The end of a run

    def _over(self) -> bool:
        return self._state.status is Status.ENDED and not self._outbox and not self._links and self._told

    def _worn(self) -> bool:
        info = workflow.info()
        return info.is_continue_as_new_suggested() or info.get_current_history_length() >= self._start.budget

    def _busy(self) -> bool:
        """Whether this task has taken a command.

        The server turns the end of a run down while commands wait for it, which under load they always do. So a run
        ends in a task that has taken none, and from its budget on it takes none: they are told to try again.
        """
        return workflow.info().get_current_history_length() == self._taken_at

    def _go_on(self) -> NoReturn:
        """Continue as a new run with everything: protocol, state with its replies, and what is undelivered."""
        workflow.continue_as_new(
            CaseStart(
                protocol=self._start.protocol,
                protocol_hash=self._start.protocol_hash,
                state=self._state,
                outbox=tuple(self._outbox),
                links=tuple(self._links),
                parent=self._start.parent,
                shift=self._start.shift,
                budget=self._start.budget,
                behind=tuple(self._behind),
            )
        )
