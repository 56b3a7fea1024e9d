"""What one occurrence brings about, in the order of reference §4.

Marks, fields, lanes close and reopen, cancels, waits, openings, linked cases, the end of the case: so closing beats
opening. Occurrences are run first in, first out, until none is left.
"""

from __future__ import annotations

from collections.abc import Iterable

from protocol.engine import clocks, openings, suspensions
from protocol.engine.points import count_of
from protocol.engine.running import TELLINGS, Occurrence, Running
from protocol.facts import (
    Counted,
    FieldSet,
    LaneClosed,
    LaneReopened,
    LinkedCaseStarted,
    LinkNotStarted,
    LinkStarted,
    NotOpened,
    PassedOn,
    SlotFilled,
)
from protocol.kernel import (
    MOST_COUNTED,
    Act,
    ActKind,
    Link,
    Step,
    When,
)
from protocol.messages import SendEvent, StartCase
from protocol.names import Ref, Slug
from protocol.state import Armed, Instant, Linked, Mark, Phase


def settle(running: Running) -> None:
    """Run every queued occurrence and all that follow from it, then announce due times that moved."""
    running.root = running.queue[0].refs[-1] if running.queue else None
    while running.queue:
        _process(running, running.queue.popleft())
    suspensions.watch(running)
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
    _count(running, occurrence)
    _lanes(running, acts, at)
    suspensions.pause_lanes(running, acts, at)
    suspensions.resume_lanes(running, occurrence.refs, at)
    _cancels(running, occurrence)
    _stop_series(running, occurrence.refs, at)
    _tellings(running, occurrence, at)
    _arm_waits(running, occurrence)
    _openings(running, occurrence)
    _links(running, occurrence)
    for act in acts:
        if act.act is ActKind.START_LINKED:
            _start_linked(running, act.targets[0], occurrence)
    if any(act.act is ActKind.END_CASE for act in acts):
        running.end_asked = True


def _count(running: Running, occurrence: Occurrence) -> None:
    """Counters take note, forget what is too old, and say which of the counts somebody waits for they have reached."""
    for name, counting in running.protocol.counters:
        counts, resets = (bool(set(occurrence.refs) & set(refs)) for refs in (counting.of, counting.resets))
        if not counts and not resets:
            continue
        before = count_of(running.view(), name)
        kept = () if resets else (*running.counters.get(name, ()), occurrence.effective)
        if counting.within is not None:
            span = counting.within
            kept = tuple(each for each in kept if clocks.shift(running.protocol.clock, each, span) > running.now)
        running.counters[name] = kept[-MOST_COUNTED:]
        value = count_of(running.view(), name)
        running.record(Counted(field=name, value=value), occurrence.effective)
        for each in counting.thresholds:
            if before < each <= value:
                ref = f"counter:{name}/{each}"
                running.publish(Occurrence(refs=(ref,), effective=occurrence.effective, agency=occurrence.agency))


def _lanes(running: Running, acts: Iterable[Act], at: Instant) -> None:
    for act in acts:
        if act.act is ActKind.CLOSE and act.targets[0] not in running.closed:
            _close_lane(running, act.targets[0], at)
        if act.act is ActKind.REOPEN and act.targets[0] in running.closed:
            running.closed.remove(act.targets[0])
            running.record(LaneReopened(lane=act.targets[0], cause=running.cause), at)


def _close_lane(running: Running, lane: Slug, at: Instant) -> None:
    """Latch the lane; its open handoffs from outside count as taken up, so the closing cannot be seen there."""
    running.closed.append(lane)
    running.record(LaneClosed(lane=lane, cause=running.cause), at)
    for each in [found for found in running.instances.values() if running.protocol.step[found.step].lane == lane]:
        running.cancel(each, at, by=each.agency)


def _cancels(running: Running, occurrence: Occurrence) -> None:
    for act in occurrence.acts:
        if act.act is ActKind.CANCEL:
            for each in [found for found in running.instances.values() if running.is_of(found, act.targets)]:
                running.cancel(each, occurrence.effective, by=occurrence.agency)
        if act.act is ActKind.STOP_REPEATING:
            drop_rounds(running, act.targets, occurrence.effective)


def _stop_series(running: Running, refs: tuple[Ref, ...], at: Instant) -> None:
    stopped = [
        step.id for step in running.protocol.steps if step.series is not None and set(refs) & set(step.series.until)
    ]
    if stopped:
        drop_rounds(running, tuple(stopped), at)


def drop_rounds(running: Running, steps: tuple[Slug, ...], at: Instant) -> None:
    """End a series: rounds not yet delivered are withdrawn, the open one stays."""
    for each in [found for found in running.instances.values() if running.is_of(found, steps)]:
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
    running.effects.append(
        StartCase(seq=running.seq, event=event, fields=brought, at=occurrence.effective, agency=occurrence.agency)
    )


def _openings(running: Running, occurrence: Occurrence) -> None:
    found: dict[Slug, tuple[Step, int, Ref]] = {}
    for ref in occurrence.refs:
        for step, arm in running.protocol.opens.get(ref, ()):
            found.setdefault(step.id, (step, arm, ref))
    for step, arm, ref in sorted(found.values(), key=lambda each: each[0].position):
        if len(step.when.arms) == 1 or _join(running, step.id, step.when, arm, ref):
            openings.open_step(running, step, ref, occurrence)


def _join(running: Running, name: Slug, when: When, arm: int, ref: Ref) -> bool:
    """Fill one arm of a join; true when it may open now. Arms beyond ``late`` came after a time-out."""
    late = len(when.arms)
    filled = set(running.arms.get(name, ()))
    if ref == when.latest:
        opened = bool(filled)
        missing = {late + number for number in range(late - 1) if number not in filled}
        running.arms[name] = tuple(sorted(missing)) if opened else ()
        return opened
    if late + arm in filled:
        running.arms[name] = tuple(sorted(filled - {late + arm}))
        return False
    filled.add(arm)
    wanted = late - (1 if when.latest is not None else 0)
    full = len([each for each in filled if each < late]) == wanted
    running.arms[name] = () if full else tuple(sorted(filled))
    return full


def _links(running: Running, occurrence: Occurrence) -> None:
    """Linked cases of other protocols: those this opens, and those that are to hear of it.

    A link opens one case, and that hears of everything to its end and beyond: whether it has ended is nothing that
    outsiders may see where the linked protocol has a confidential agency.
    """
    for ref in occurrence.refs:
        for link, arm in running.protocol.starts_links.get(ref, ()):
            if len(link.when.arms) == 1 or _join(running, link.id, link.when, arm, ref):
                _start_link(running, link, ref, occurrence)
    for ref in occurrence.refs:
        for link, event in running.protocol.passed_on.get(ref, ()):
            linked = running.links.get(link.id)
            if linked is not None:
                running.record(PassedOn(link=link.id, event=event, cause=ref), occurrence.effective)
                running.effects.append(
                    SendEvent(
                        seq=running.seq,
                        to=linked.seq,
                        event=event,
                        fields=dict(occurrence.fields),
                        at=occurrence.effective,
                    )
                )


def _start_link(running: Running, link: Link, cause: Ref, occurrence: Occurrence) -> None:
    linked = running.links.get(link.id)
    why = None
    if link.lane in running.closed:
        why = NotOpened.LANE_CLOSED
    elif not running.condition(link.when):
        why = NotOpened.CONDITION
    elif linked is not None:
        why = NotOpened.ONCE
    if why is not None:
        running.record(LinkNotStarted(link=link.id, cause=cause, why=why), occurrence.effective)
        return
    running.record(LinkStarted(link=link.id, event=link.event, cause=cause), occurrence.effective)
    running.links[link.id] = Linked(seq=running.seq)
    running.effects.append(
        StartCase(
            seq=running.seq,
            event=link.event,
            fields={name: running.fields[name] for name in link.gives if name in running.fields},
            at=occurrence.effective,
            link=link.id,
            protocol=link.protocol,
            agency=occurrence.agency,
        )
    )
