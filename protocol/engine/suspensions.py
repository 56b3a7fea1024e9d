"""What stops clocks: a lead by hand, the protocol's own condition, a lane's pause; and what lets them go on."""

from __future__ import annotations

from collections.abc import Iterable

from protocol.engine import clocks
from protocol.engine.points import calendar_of, due_of, truth
from protocol.engine.running import Running
from protocol.evolving import evolve
from protocol.expressions import Expr, Length
from protocol.facts import ClockPaused, ClockResumed, LanePaused, LaneResumed
from protocol.kernel import Act, ActKind
from protocol.names import Ref
from protocol.state import Instance, Instant, LanePause, PauseReason, Phase, Suspension


def pause(running: Running, instance: Instance, until: Instant, reason: PauseReason, person: str | None) -> None:
    """Stop an instance's clock from now, until an instant at the latest."""
    stretch = Suspension(start=running.now, cap=until, reason=reason)
    running.put(evolve(instance, suspensions=(*instance.suspensions, stretch)))
    running.record(
        ClockPaused(instance=instance.n, step=instance.step, until=until, reason=reason, person=person), running.now
    )


def resume(
    running: Running, instance: Instance, at: Instant, person: str | None, *, reason: PauseReason | None = None
) -> None:
    """Let a clock go on from ``at``: the one stopped for this reason (None: by hand). What was left is left."""
    ended = tuple(
        evolve(each, until=at) if each.until is None and _is(each, reason) else each for each in instance.suspensions
    )
    current = running.put(evolve(instance, suspensions=ended))
    due, _ = due_of(running.view(), current)
    running.record(ClockResumed(instance=instance.n, step=instance.step, person=person, due=due), at)


def _is(stretch: Suspension, reason: PauseReason | None) -> bool:
    return (stretch.reason is PauseReason.AS_AGREED) == (reason is PauseReason.AS_AGREED)


def by_hand(instance: Instance) -> bool:
    """Whether a lead has stopped this clock."""
    return any(each.until is None and _is(each, None) for each in instance.suspensions)


def as_agreed(instance: Instance) -> bool:
    """Whether the protocol's own condition has stopped this clock."""
    return any(each.until is None and _is(each, PauseReason.AS_AGREED) for each in instance.suspensions)


def run_out(running: Running, instance: Instance, at: Instant) -> None:
    """End the pauses of an instance that may not last longer."""
    for each in instance.suspensions:
        if each.until is None and each.cap <= at:
            resume(running, running.instances[instance.n], at, None, reason=each.reason)


def watch(running: Running) -> None:
    """Stop and start the clocks of steps whose text says ``clock stops: while``."""
    for each in list(running.instances.values()):
        pausing = running.protocol.step[each.step].pausing
        if pausing.condition is None or pausing.cap is None or each.phase is not Phase.OPEN or each.receipt:
            continue
        _watch(running, each, pausing.condition, pausing.cap)


def _watch(running: Running, instance: Instance, condition: Expr, cap: Length) -> None:
    holds, stopped = truth(running.view(), condition) is True, as_agreed(instance)
    if stopped and not holds:
        resume(running, instance, running.now, None, reason=PauseReason.AS_AGREED)
    if not holds or stopped:
        return
    calendar = calendar_of(running.protocol, cap.calendar or instance.agency, instance.agency)
    # The cap is for all such stretches of one instance together: a condition may come and go.
    spent = sum(
        min(each.until or each.cap, each.cap) - each.start
        for each in instance.suspensions
        if each.reason is PauseReason.AS_AGREED
    )
    until = clocks.shift(calendar, running.now, cap) - spent
    if until > running.now:
        pause(running, instance, until, PauseReason.AS_AGREED, None)


def pause_lanes(running: Running, acts: Iterable[Act], at: Instant) -> None:
    """Stop the clocks of the lanes that these acts pause; a pause of a paused lane changes nothing."""
    for act in acts:
        paused = {each.lane for each in running.pauses if each.until is None}
        if act.act is not ActKind.PAUSE or act.most is None or act.targets[0] in paused:
            continue
        lane, span = act.targets[0], act.most
        calendar = running.protocol.clock if span.calendar is None else running.protocol.calendar[span.calendar]
        cap = clocks.shift(calendar, running.now, span)
        running.pauses = (*running.pauses, LanePause(lane=lane, start=running.now, cap=cap, refs=act.until))
        running.record(LanePaused(lane=lane, until=cap, cause=running.cause), at)


def resume_lanes(running: Running, refs: tuple[Ref, ...], at: Instant) -> None:
    """End the pauses that one of these occurrences ends."""
    for each in running.pauses:
        found = next((ref for ref in refs if ref in each.refs), None)
        if each.until is None and found is not None:
            end_lane_pause(running, each, running.now, found, at)


def end_lane_pause(running: Running, pause_: LanePause, until: Instant, cause: Ref | None, at: Instant) -> None:
    """End one pause of a lane; pauses that no live clock remembers are forgotten."""
    running.pauses = tuple(evolve(each, until=until) if each == pause_ else each for each in running.pauses)
    running.record(LaneResumed(lane=pause_.lane, cause=cause), at)
    running.pauses = tuple(each for each in running.pauses if each.until is None or _remembered(running, each))


def _remembered(running: Running, pause_: LanePause) -> bool:
    return any(
        running.protocol.step[each.step].lane == pause_.lane and each.born < (pause_.until or pause_.cap)
        for each in running.instances.values()
    )
