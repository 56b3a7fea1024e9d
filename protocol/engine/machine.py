"""step(protocol, state, input, now): the one function that changes a case.

Every rule that changes a case is in this package and is driven through here: by the Temporal workflow, the
rehearsal, the scenarios and the property tests alike. Pure, deterministic, total: an input that cannot be taken
gives back the original state and a refusal, never an exception.

Order (reference §4): known command -> its stored reply; fire what was due before now; check the input on that
state; apply it; fire what is due at now; end the case if nothing lives. So an answer at the due instant is on
time, and no accepted answer is followed by its own escalation.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from protocol.engine import answers, practice, suspensions
from protocol.engine.memo import Known, Memo, known
from protocol.engine.occurrences import drop_rounds, settle
from protocol.engine.points import View, due_of, resolve, stretches, suspended, truth, turns
from protocol.engine.running import PAGE_EVERY, PAGES_AT_MOST, Occurrence, Running
from protocol.engine.waits import drop_wait, wait_times
from protocol.evolving import evolve
from protocol.facts import (
    ClockMoved,
    Ending,
    Fact,
    Telling,
    Told,
    WindowMissed,
)
from protocol.kernel import (
    Act,
    ActKind,
    Guard,
    Protocol,
    Rung,
    Step,
)
from protocol.messages import (
    TICK,
    Arm,
    Effect,
    Input,
    MoveClock,
    Refusal,
    Tick,
)
from protocol.names import OpaqueId, RungId
from protocol.state import CaseState, Code, Instance, Instant, Phase, Reply, Status

LATE = "late"
"""The id of the rung every step with a due time has: at the due instant its window is missed."""


class Result(NamedTuple):
    """What one input did. ``reply`` is the command's answer; with a ``refusal`` nothing changed."""

    state: CaseState
    effects: tuple[Effect, ...]
    facts: tuple[Fact, ...]
    reply: Reply | None
    refusal: Refusal | None


class Due(IntEnum):
    """What falls due; of several at one instant the lower goes first.

    A turn is the instant at which a condition that stops a clock, or chooses a time, changes by time alone: the case
    looks at it then, and not when something else happens to wake it.
    """

    PAUSE_CAP = 0
    RUNG = 1
    PAGE = 2
    DELIVERY = 3
    WAIT = 4
    TURN = 5


class Deadline(NamedTuple):
    """Something the case will do unprompted, ordered as reference §4 orders ties."""

    at: Instant
    kind: Due
    ladder: int
    step: int
    instance: int
    rung: RungId = ""


def step(
    protocol: Protocol, state: CaseState, command: Input, now: Instant, memo: Memo[Deadline] | None = None
) -> Result:
    """Apply one input to a case at an instant.

    Args:
        protocol: the compiled protocol the case is pinned to.
        state: the case; ``CaseState()`` for a new one, whose first input must be an event that starts a case.
        command: the input; a ``Tick`` only lets due time pass.
        now: when it is recorded, in microseconds UTC; an earlier instant than the state's counts as the state's.
        memo: kept by a driver for one case under one text and given again with each input; spares the engine working
            out what has not changed, and never changes what it does.
    """
    known = state.replies.get(command.command)
    if known is not None:
        return Result(state, (), (), known, None)
    if isinstance(command.body, MoveClock):
        return _move_clock(protocol, state, command, command.body, max(now, state.now))
    running = Running(protocol, state, max(now, state.now), memo)
    # What comes next was found when the case was left as it is; where time alone moves nothing it is that still.
    if running.memo.state is not state or (running.memo.next is not None and running.memo.next.at < running.now):
        _catch_up(running, inclusive=False)
    refusal = answers.check(running, command)
    if refusal is not None:
        return Result(state, (), (), None, refusal)
    instance = answers.apply(running, command)
    return concluded(running, None if isinstance(command.body, Tick) else command.command, instance)


def _move_clock(protocol: Protocol, state: CaseState, command: Input, body: MoveClock, now: Instant) -> Result:
    """Move a practice case's clock on; what falls due on the way happens at its own instant."""
    facts: list[Fact] = []
    effects: list[Effect] = []

    def tick(protocol: Protocol, before: CaseState, at: Instant) -> CaseState:
        result = step(protocol, before, TICK, at)
        facts.extend(result.facts)
        effects.extend(each for each in result.effects if not isinstance(each, Arm))
        return result.state

    refusal = practice.check(state, command, body)
    if refusal is not None or command.actor is None:
        return Result(state, (), (), None, refusal)
    there = tick(protocol, state, now)
    found = practice.pass_time(protocol, there, None if body.by is None else now + body.by, earliest, tick)
    if found is None:
        return Result(state, (), (), None, Refusal(code=Code.NOTHING_DUE))
    there, until = found
    running = Running(protocol, practice.moved(there, until - now), until)
    assert running.state.practice is not None  # noqa: S101 - checked before
    ahead = running.state.practice.ahead
    if running.status is Status.OPEN:
        # A case that ended on the way has no use for a clock, and nothing follows on its end.
        running.record(ClockMoved(agency=command.actor.agency, since=now, ahead=ahead), until)
    result = concluded(running, command.command)
    return result._replace(effects=(*effects, *result.effects), facts=(*facts, *result.facts))


def concluded(running: Running, command: OpaqueId | None, instance: int | None = None) -> Result:
    """Run what follows from a change to its end: what it brings about, what is due now, what comes next."""
    settle(running)
    following = _catch_up(running, inclusive=True)
    running.finish()
    reply = None
    if command is not None:
        reply = running.replies[command] = Reply(seq=running.seq, instance=instance)
    frozen = running.freeze()
    wake = None if following is None or running.status is not Status.OPEN else following.at
    anchors = running.protocol.anchors
    running.memo.state = frozen if all(each.step in anchors for each in frozen.instances) else None
    running.memo.next = following
    return Result(frozen, (*running.effects, Arm(at=wake)), tuple(running.facts), reply, None)


def earliest(protocol: Protocol, state: CaseState) -> Instant | None:
    """The next instant at which the case does something by itself; None when nothing is due."""
    found = _next(Running(protocol, state, state.now))
    return None if found is None else found.at


def deadlines(protocol: Protocol, state: CaseState) -> list[Deadline]:
    """Everything the case will do unprompted, as far as is known now, in order."""
    running = Running(protocol, state, state.now)
    return sorted(_deadlines(running)) if running.status is Status.OPEN else []


def _catch_up(running: Running, *, inclusive: bool) -> Deadline | None:
    """Fire, in order, every deadline before now (or at now), each at its own instant; gives the next one."""
    while running.status is Status.OPEN:
        found = _next(running)
        if found is None:
            return None
        if found.at > running.now or (found.at == running.now and not inclusive):
            return found
        _fire(running, found)
        settle(running)
        running.finish()
    return None


def _next(running: Running) -> Deadline | None:
    if running.status is not Status.OPEN:
        return None
    return min(_deadlines(running, first=True), default=None)


def _deadlines(running: Running, *, first: bool = False) -> list[Deadline]:
    """Everything the case will do unprompted; or of each open instance the first thing only."""
    found = [Deadline(at, Due.WAIT, 0, 0, 0, wait.id) for wait, at in wait_times(running)]
    found += [
        Deadline(pause.cap, Due.PAUSE_CAP, 0, 0, 0, pause.lane) for pause in running.pauses if pause.until is None
    ]
    if running.stays > running.looked:
        found.append(Deadline(running.stays, Due.TURN, 0, 0, 0))
    view = running.view()
    timed = running.protocol.timed
    for each in running.instances.values():
        step = running.protocol.step[each.step]
        if each.step in timed:
            found.extend(
                Deadline(at, Due.TURN, 0, step.position, each.n)
                for test in timed[each.step]
                for at in turns(view, test)
                if at > running.looked
            )
        if each.phase is Phase.WAITING:
            found.append(Deadline(each.starts or each.born, Due.DELIVERY, 0, step.position, each.n))
            continue
        climbing = _climbing(running, view, each, step)
        if not first:
            found += climbing.ahead or []
        elif climbing.first is not None:
            found.append(climbing.first)
    return found


def _climbing(running: Running, view: View, each: Instance, step: Step) -> Known[Deadline]:
    """What an open instance will do unprompted, worked out anew when anything it is read from has changed."""
    found = known(running.memo, view, each)
    if found.ahead is None:
        found.ahead = _unprompted(view, each, step, found)
        found.first = min(found.ahead, default=None)
    return found


def _unprompted(view: View, each: Instance, step: Step, about: Known[Deadline]) -> list[Deadline]:
    found = [Deadline(page.next, Due.PAGE, page.number, step.position, each.n) for page in each.pages]
    caps = [pause.cap for pause in each.suspensions if pause.until is None]
    found.extend(Deadline(cap, Due.PAUSE_CAP, 0, step.position, each.n) for cap in caps)
    found.extend(_rungs(view, each, step, about))
    return found


def _rungs(view: View, instance: Instance, step: Step, about: Known[Deadline]) -> list[Deadline]:
    still = suspended(view, instance)
    due, times = about.due[0], about.times
    found: list[Deadline] = []
    for ladder, rung in enumerate(step.rungs):
        if not _guarded(rung, instance, step) or (still and rung.guard is not Guard.NOT_TAKEN_UP):
            continue
        fired = instance.fired.get(rung.id)
        if rung.every is not None or instance.rehung:
            at = rung_at(view, instance, rung, due)
        elif ladder in times:
            at = times[ladder]
        else:
            at = times[ladder] = rung_at(view, instance, rung, due)
        if at is None or (fired is not None and at <= fired):
            continue
        found.append(Deadline(at, Due.RUNG, ladder, step.position, instance.n, rung.id))
    return found


def rung_at(view: View, instance: Instance, rung: Rung, due: Instant | None) -> Instant | None:
    """When the rung is to fire: at its point but not before delivery; an ``every`` after its own or its base rung.

    What outsiders hear of a handoff not taken up is timed by delivery alone, whatever stopped the clock inside.
    """
    if rung.guard is Guard.NOT_TAKEN_UP and (view.pauses or instance.suspensions):
        view, instance = evolve(view, pauses=()), evolve(instance, suspensions=())
    if rung.id in instance.rehung and rung.id not in instance.fired:
        return instance.rehung[rung.id]
    if rung.every is None:
        at = resolve(view, rung.at, instance, due=due)
        return None if at is None else _awake(view, instance, max(at, instance.delivered or at))
    last = instance.fired.get(rung.id, instance.fired.get(rung.after or ""))
    if last is None and instance.tried_in_time:
        last = _spared(view, instance, rung, due)
    if instance.receipt and last is None:
        # A receipt climbs only the rungs about taking up, and is then reminded of like any open step (law 3).
        last = max(instance.fired.values(), default=instance.delivered)
    return None if last is None else resolve(view, rung.at, instance, due=due, last_rung=last)


def _spared(view: View, instance: Instance, rung: Rung, due: Instant | None) -> Instant | None:
    """When the rung before an ``every`` would have fired, had a try in time not counted as on time.

    The try spares people the escalation; the duty is still open, so its lead is reminded all the same (law 3).
    """
    base = next((each for each in view.protocol.step[instance.step].rungs if each.id == rung.after), None)
    if base is None or base.guard is not Guard.NOT_TRIED_IN_TIME:
        return None
    return resolve(view, base.at, instance, due=due)


def _awake(view: View, instance: Instance, at: Instant) -> Instant:
    """What would fire while the clock stood still (a moment before a hearing) fires when it goes on."""
    return next((end for start, end in stretches(view, instance) if start < at < end), at)


def _guarded(rung: Rung, instance: Instance, step: Step) -> bool:
    """Whether the rung may still fire for this instance."""
    if instance.receipt and rung.every is None and rung.guard not in (Guard.UNACKNOWLEDGED, Guard.NOT_TAKEN_UP):
        return False
    match rung.guard:
        case Guard.NONE:
            return True
        case Guard.UNACKNOWLEDGED:
            return instance.acknowledged is None
        case Guard.NOT_TAKEN_UP:
            # A later round of a series is the agency's own: outsiders do not know that it came.
            return instance.taken is None and instance.round == 0
        case Guard.UNTRIED:
            return instance.tries == 0
        case Guard.RECEIPT:
            return instance.receipt
        case Guard.TOO_FEW_TRIES:
            return step.tries is not None and instance.tries < step.tries.count
        case Guard.NOT_TRIED_IN_TIME:
            return not instance.tried_in_time


def _fire(running: Running, deadline: Deadline) -> None:
    if deadline.kind is Due.WAIT:
        drop_wait(running, deadline.rung, deadline.at)
        running.publish(Occurrence(refs=(f"wait:{deadline.rung}",), effective=deadline.at, agency=None))
        return
    running.cause = None
    if deadline.kind is Due.TURN:
        running.looked = deadline.at
        return
    if deadline.kind is Due.PAUSE_CAP and deadline.instance == 0:
        for each in [found for found in running.pauses if found.lane == deadline.rung and found.until is None]:
            suspensions.end_lane_pause(running, each, deadline.at, None, deadline.at)
        return
    instance = running.instances[deadline.instance]
    match deadline.kind:
        case Due.PAUSE_CAP:
            suspensions.run_out(running, instance, deadline.at)
        case Due.RUNG:
            _fire_rung(running, instance, deadline)
        case Due.PAGE:
            _repeat_page(running, instance, deadline)
        case _:
            running.deliver(instance, deadline.at)


def _repeat_page(running: Running, instance: Instance, deadline: Deadline) -> None:
    page = next(each for each in instance.pages if each.number == deadline.ladder)
    rest = tuple(each for each in instance.pages if each is not page)
    # Pages missed while the system was down are one page.
    missed = (running.now - page.next) // PAGE_EVERY
    left = page.left - 1 - missed
    again = () if left <= 0 else (evolve(page, next=page.next + (missed + 1) * PAGE_EVERY, left=left),)
    running.put(evolve(instance, pages=(*rest, *again)))
    repeat = PAGES_AT_MOST - page.left
    running.record(
        Told(
            instance=instance.n,
            step=instance.step,
            rung=page.rung,
            how=Telling.PAGE,
            roles=(page.role,),
            page=page.number,
            repeat=repeat,
        ),
        deadline.at,
    )


def _fire_rung(running: Running, instance: Instance, deadline: Deadline) -> None:
    step = running.protocol.step[instance.step]
    rung = next(each for each in step.rungs if each.id == deadline.rung)
    fired = _last_missed(running, instance, rung, deadline.at) if rung.every is not None else deadline.at
    current = running.put(evolve(instance, fired={**instance.fired, rung.id: fired}))
    if rung.only_if is not None and truth(running.view(), rung.only_if) is not True:
        return
    if rung.id == LATE:
        _miss(running, current, deadline.at)
        return
    if rung.publishes is not None:
        running.publish(Occurrence(refs=(rung.publishes,), effective=deadline.at, agency=instance.agency))
    for act in rung.acts:
        found = running.instances.get(instance.n)
        if found is None:
            return
        _act(running, found, rung, act, deadline.at)


def _act(running: Running, instance: Instance, rung: Rung, act: Act, at: Instant) -> None:
    match act.act:
        case ActKind.TELL | ActKind.PAGE | ActKind.REMIND:
            running.tell(instance, act, rung.id, at)
        case ActKind.MOVE | ActKind.ADD:
            adds = act.act is ActKind.ADD
            roles = tuple(role for target in act.targets for role in running.roles_of(instance, target))
            owners = tuple(dict.fromkeys((*instance.owners, *roles))) if adds else roles
            if roles and owners != instance.owners:
                person = instance.person if adds else None
                running.change_owners(instance, owners, person, rung.id, at, keep=adds)
        case ActKind.END_AS:
            running.end(instance, act.targets[0], Ending.RUNG, at)
        case ActKind.CANCEL:
            for each in [found for found in running.instances.values() if running.is_of(found, act.targets)]:
                running.cancel(each, at, by=instance.agency)
        case ActKind.STOP_REPEATING:
            drop_rounds(running, act.targets, at)


def _miss(running: Running, instance: Instance, at: Instant) -> None:
    """The window is missed, unless it was already over when it was delivered or when we learned it had moved."""
    due, raw = due_of(running.view(), instance)
    if due is None or raw is None or raw < instance.floor:
        return
    running.put(evolve(instance, missed=True))
    running.record(WindowMissed(instance=instance.n, step=instance.step, due=due), at)
    running.publish(
        Occurrence(refs=(f"late:{running.protocol.known_as[instance.step]}",), effective=at, agency=instance.agency)
    )


def _last_missed(running: Running, instance: Instance, rung: Rung, at: Instant) -> Instant:
    """Of the repeats of an ``every`` rung that lie before now, the last: those missed in an outage are one."""
    view = running.view()
    due, _ = due_of(view, instance)
    while True:
        following = resolve(view, rung.at, instance, due=due, last_rung=at)
        if following is None or following > running.now or following <= at:
            return at
        at = following


__all__ = ["LATE", "Deadline", "Result", "deadlines", "earliest", "step"]
