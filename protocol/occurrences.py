"""What one occurrence brings about, in the order of reference §4.

Marks, fields, lanes close and reopen, cancels, waits, openings, linked cases, the end of the case: so closing beats
opening. Occurrences are run first in, first out, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from protocol.kernel import Act, ActKind, Again, Ref, Slug, Step, When
from protocol.messages import (
    FieldSet,
    LaneClosed,
    LaneReopened,
    LinkedCaseStarted,
    NotOpened,
    SlotFilled,
    StartCase,
    StepNotOpened,
    TakenUp,
)
from protocol.points import resolve
from protocol.running import TELLINGS, Occurrence, Running
from protocol.state import Armed, Instance, Instant, Mark, Phase


def settle(running: Running) -> None:
    """Run every queued occurrence and all that follow from it, then announce due times that moved."""
    while running.queue:
        _process(running, running.queue.popleft())
    running.announce()


def _process(running: Running, occurrence: Occurrence) -> None:
    at = occurrence.effective
    running.cause = occurrence.refs[-1]
    for ref in occurrence.refs:
        running.last[ref] = Mark(seq=running.seq, effective=at)
    for name, value in occurrence.fields.items():
        running.fields[name] = value
        running.record(FieldSet(field=name, value=value), at)
    for name, slot in occurrence.slots.items():
        if name not in running.slots:
            running.slots.append(name)
        running.record(SlotFilled(slot=name, ref=slot), at)
    acts = occurrence.acts
    _lanes(running, acts, at)
    _cancels(running, acts, at)
    _stop_series(running, occurrence.refs, at)
    _tellings(running, occurrence, at)
    _arm_waits(running, occurrence)
    _openings(running, occurrence)
    for act in acts:
        if act.act is ActKind.START_LINKED:
            _start_linked(running, act.targets[0], occurrence)
    if any(act.act is ActKind.END_CASE for act in acts):
        running.end_asked = True


def _lanes(running: Running, acts: Iterable[Act], at: Instant) -> None:
    for act in acts:
        if act.act is ActKind.CLOSE and act.targets[0] not in running.closed:
            _close_lane(running, act.targets[0], at)
        if act.act is ActKind.REOPEN and act.targets[0] in running.closed:
            running.closed.remove(act.targets[0])
            running.record(LaneReopened(lane=act.targets[0], cause=running.cause or ""), at)


def _close_lane(running: Running, lane: Slug, at: Instant) -> None:
    """Latch the lane; its open handoffs from outside count as taken up, so the closing cannot be seen there."""
    running.closed.append(lane)
    running.record(LaneClosed(lane=lane, cause=running.cause or ""), at)
    for each in [found for found in running.instances.values() if running.protocol.step[found.step].lane == lane]:
        step = running.protocol.step[each.step]
        if each.phase is Phase.OPEN and step.outside and each.taken is None:
            running.record(TakenUp(instance=each.n, step=each.step, by=None, person=None), at)
        running.cancel(each, at)


def _cancels(running: Running, acts: Iterable[Act], at: Instant) -> None:
    for act in acts:
        if act.act is ActKind.CANCEL:
            for each in [found for found in running.instances.values() if found.step in act.targets]:
                running.cancel(each, at)
        if act.act is ActKind.STOP_REPEATING:
            _drop_rounds(running, act.targets, at)


def _stop_series(running: Running, refs: tuple[Ref, ...], at: Instant) -> None:
    stopped = [
        step.id for step in running.protocol.steps if step.series is not None and set(refs) & set(step.series.until)
    ]
    if stopped:
        _drop_rounds(running, tuple(stopped), at)


def _drop_rounds(running: Running, steps: tuple[Slug, ...], at: Instant) -> None:
    """End a series: rounds not yet delivered are withdrawn, the open one stays."""
    for each in [found for found in running.instances.values() if found.step in steps]:
        if each.phase is Phase.WAITING and each.round > 0:
            running.cancel(each, at)


def _tellings(running: Running, occurrence: Occurrence, at: Instant) -> None:
    """An outcome's own tellings; an ended duty is not paged for again, so its page is told once."""
    if occurrence.instance is not None:
        for act in occurrence.acts:
            if act.act in TELLINGS:
                running.tell(occurrence.instance, act, None, at, repeat=False)


def _arm_waits(running: Running, occurrence: Occurrence) -> None:
    for ref in occurrence.refs:
        for wait in running.protocol.arms_waits.get(ref, ()):
            running.waits = [each for each in running.waits if each.wait != wait.id]
            running.waits.append(Armed(wait=wait.id, anchor=occurrence.effective))


def _start_linked(running: Running, event: Slug, occurrence: Occurrence) -> None:
    known = running.protocol.event[event]
    brought = {name: value for name, value in occurrence.fields.items() if name in (*known.brings, *known.may_bring)}
    running.record(LinkedCaseStarted(event=event), occurrence.effective)
    running.effects.append(StartCase(seq=running.seq, event=event, fields=brought, at=occurrence.effective))


def _openings(running: Running, occurrence: Occurrence) -> None:
    found: dict[Slug, tuple[Step, int, Ref]] = {}
    for ref in occurrence.refs:
        for step, arm in running.protocol.opens.get(ref, ()):
            found.setdefault(step.id, (step, arm, ref))
    for step, arm, ref in sorted(found.values(), key=lambda each: each[0].position):
        if len(step.when.arms) == 1 or _join(running, step, arm, ref):
            _open(running, step, ref, occurrence)


def _join(running: Running, step: Step, arm: int, ref: Ref) -> bool:
    """Fill one arm of a join; true when it may open now. Arms beyond ``late`` came after a time-out."""
    when: When = step.when
    late = len(when.arms)
    filled = set(running.arms.get(step.id, ()))
    if ref == when.latest:
        opened = bool(filled)
        missing = {late + number for number in range(late - 1) if number not in filled}
        running.arms[step.id] = tuple(sorted(missing)) if opened else ()
        return opened
    if late + arm in filled:
        running.arms[step.id] = tuple(sorted(filled - {late + arm}))
        return False
    filled.add(arm)
    wanted = late - (1 if when.latest is not None else 0)
    full = len([each for each in filled if each < late]) == wanted
    running.arms[step.id] = () if full else tuple(sorted(filled))
    return full


def _open(running: Running, step: Step, cause: Ref, occurrence: Occurrence) -> None:
    at = occurrence.effective
    live = [
        each
        for each in running.instances.values()
        if each.step == step.id and not each.receipt and not (each.phase is Phase.WAITING and each.round > 0)
    ]
    why = _shut(running, step, live=bool(live))
    if why is not None:
        running.record(StepNotOpened(step=step.id, cause=cause, why=why), at)
        if step.outside:
            _create(running, step, cause, occurrence, receipt=True)
        return
    if step.again is Again.START_OVER:
        for each in live:
            running.cancel(each, at, superseded=True)
    if step.series is not None:
        for each in [found for found in running.instances.values() if found.step == step.id and found.round > 0]:
            if each.phase is Phase.WAITING:
                running.cancel(each, at, superseded=True)
    _create(running, step, cause, occurrence)


def _shut(running: Running, step: Step, *, live: bool) -> NotOpened | None:
    if step.lane in running.closed:
        return NotOpened.LANE_CLOSED
    if not running.condition(step):
        return NotOpened.CONDITION
    if step.again is Again.ONCE and f"opened:{step.id}" in running.last:
        return NotOpened.ONCE
    if live and step.again in (Again.ONLY_WHEN_ENDED, Again.ONCE):
        return NotOpened.ALREADY_OPEN
    return None


def _create(running: Running, step: Step, cause: Ref, occurrence: Occurrence, *, receipt: bool = False) -> None:
    running.born += 1
    instance = Instance(
        n=running.born,
        step=step.id,
        phase=Phase.WAITING,
        born=running.now,
        cause=cause,
        cause_effective=occurrence.effective,
        from_agency=occurrence.agency,
        owners=(step.role,),
        receipt=receipt,
        base=running.now,
    )
    starts = None
    if step.not_before is not None:
        starts = resolve(running.view(), step.not_before, instance)
    if occurrence.hold_until is not None:
        starts = max(starts or 0, occurrence.hold_until)
        instance = replace(instance, held=True)
    if starts is None or starts <= running.now:
        running.deliver(running.put(instance), running.now)
    else:
        running.schedule(instance, starts)
