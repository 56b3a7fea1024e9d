"""Checks on a compiled protocol: what must hold before it may be published.

Each finding has a code, the place in the text, a sentence, and what to write. Exploration of the reachable states
comes on top of these; what is here follows from the tables alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from graphlib import CycleError, TopologicalSorter

from protocol.errors import Finding, Place
from protocol.kernel import ActKind, AnchorKind, Either, Extreme, Offset, Point, Protocol, Ref, Slug, Step, Test
from protocol.reading import Path
from protocol.spec import STEPS_IN

Places = Callable[[Path], Place]


def check_protocol(protocol: Protocol, place: Places, today: date) -> Iterator[Finding]:
    """Every finding that follows from the tables."""
    yield from _starts(protocol, place)
    yield from _opening_hours(protocol, place)
    yield from _coordinator(protocol, place)
    yield from _agreements(protocol, place, today.toordinal())
    yield from _loops(protocol, place)
    yield from _never_opens(protocol, place)
    yield from _nothing_rests_on_shares(protocol, place)
    for step in protocol.steps:
        yield from _clock(protocol, step, place)
        yield from _reaches_another(protocol, step, place)
        yield from _tries(step, place)


def _of(step: Step, key: str = "") -> Path:
    path: Path = (STEPS_IN + step.lane, step.id)
    return (*path, key) if key else path


def _starts(protocol: Protocol, place: Places) -> Iterator[Finding]:
    if not any(event.starts for event in protocol.events):
        yield Finding(
            code="NO_START", says="No event starts a case.", place=place(("events",)), write="Add then: start a case."
        )


def _opening_hours(protocol: Protocol, place: Places) -> Iterator[Finding]:
    for calendar in protocol.calendars:
        if not calendar.always and not any(calendar.week):
            path = ("agencies", calendar.id, "open")
            yield Finding(
                code="NEVER_OPEN",
                says=f"{calendar.id} never opens.",
                place=place(path),
                write="Write open: mon-fri 08:30-17:00",
            )


def _coordinator(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """Between agencies somebody must hear of what is stuck."""
    inside = {each.id for each in protocol.agencies if each.confidential}
    crossing = any(step.agency not in inside for step in protocol.steps) and bool(inside)
    if crossing and "coordinator" not in protocol.role:
        says = "Nobody coordinates between the agencies."
        yield Finding(
            code="NO_COORDINATOR", says=says, place=place(("agencies",)), write="Give one agency the role coordinator."
        )


def _causing_agencies(protocol: Protocol, ref: Ref) -> set[Slug]:
    kind, _, name = ref.partition(":")
    if kind == "event":
        return set(protocol.event[name].sources)
    if kind == "wait":
        return {found for each in protocol.wait[name].armed_by for found in _causing_agencies(protocol, each)}
    return {protocol.step[name.partition("/")[0]].agency}


def _agreements(protocol: Protocol, place: Places, today: int) -> Iterator[Finding]:
    live = [set(each.between) for each in protocol.agreements if each.signed <= today <= each.review_by]
    for each in protocol.agreements:
        if each.review_by < today:
            path = ("agreements", each.id, "review by")
            says = f"{each.id} was to be reviewed by {date.fromordinal(each.review_by)}."
            yield Finding(
                code="AGREEMENT_EXPIRED", says=says, place=place(path), write="Renew it and give the new date."
            )
    seen: set[tuple[Slug, Slug]] = set()
    for step in protocol.steps:
        for ref in (ref for arm in step.when.arms for ref in arm):
            for other in _causing_agencies(protocol, ref):
                pair = (other, step.agency)
                if other != step.agency and pair not in seen and not any(set(pair) <= each for each in live):
                    seen.add(pair)
                    says = f"{other} hands work to {step.agency} without an agreement in date."
                    yield Finding(
                        code="NO_AGREEMENT",
                        says=says,
                        place=place(_of(step, "when")),
                        write="Add one under agreements.",
                    )


def _immediate(point: Point) -> bool:
    """Whether a point may lie at or before delivery."""
    if isinstance(point, Offset):
        return point.before or point.length.count == 0 or point.anchor in (AnchorKind.FIELD, AnchorKind.REF)
    if isinstance(point, Extreme):
        return any(_immediate(each) for each in point.points)
    return _immediate(point.then) or _immediate(point.otherwise)


def _loops(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """Every loop must wait for a person, the world or time (reference §4 Termination)."""
    graph: dict[Ref, set[Ref]] = {}
    for step in protocol.steps:
        opened = f"opened:{step.id}"
        for ref in (ref for arm in step.when.arms for ref in arm):
            if step.not_before is None or _immediate(step.not_before):
                graph.setdefault(opened, set()).add(ref)
        soon = step.due is not None and _immediate(step.due)
        for rung in step.rungs:
            if not (_immediate(rung.at) and (soon or not _due_anchored(rung.at))):
                continue
            for act in rung.acts:
                if act.act is ActKind.END_AS:
                    for made in (f"ended:{step.id}", f"outcome:{step.id}/{act.targets[0]}", f"settled:{step.id}"):
                        graph.setdefault(made, set()).add(opened)
            if rung.id == "late":
                graph.setdefault(f"late:{step.id}", set()).add(opened)
    for outcome_step, target, ref in _cancelling(protocol):
        graph.setdefault(f"cancelled:{target}", set()).add(ref)
        graph.setdefault(f"settled:{target}", set()).add(outcome_step)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        names = [each.partition(":")[2].partition("/")[0] for each in error.args[1]]
        step = protocol.step[next(each for each in names if each in protocol.step)]
        says = f"{' -> '.join(dict.fromkeys(names))} goes round without waiting."
        yield Finding(
            code="LOOP_WITHOUT_WAITING",
            says=says,
            place=place(_of(step, "when")),
            write="Let one step wait for a person or a time.",
        )


def _cancelling(protocol: Protocol) -> Iterator[tuple[Ref, Slug, Ref]]:
    """(ref, step it cancels, ref) for every cancel and lane closing in events and outcomes."""
    sources = [(f"event:{event.id}", event.acts) for event in protocol.events]
    sources += [(f"outcome:{step.id}/{each.id}", each.acts) for step in protocol.steps for each in step.outcomes]
    for ref, acts in sources:
        for act in acts:
            if act.act is ActKind.CANCEL:
                yield from ((ref, target, ref) for target in act.targets)
            if act.act is ActKind.CLOSE:
                yield from ((ref, step.id, ref) for step in protocol.steps if step.lane == act.targets[0])


def _due_anchored(point: Point) -> bool:
    return isinstance(point, Offset) and point.anchor is AnchorKind.DUE


def _never_opens(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """A step none of whose causes can ever come."""
    known: set[Ref] = {f"event:{event.id}" for event in protocol.events}
    opened: set[Slug] = set()
    while True:
        known |= {f"wait:{wait.id}" for wait in protocol.waits if known & set(wait.armed_by)}
        more = {
            step.id
            for step in protocol.steps
            if step.id not in opened and all(known & set(arm) for arm in step.when.arms)
        }
        if not more:
            break
        opened |= more
        for name in more:
            step = protocol.step[name]
            known |= {f"{kind}:{name}" for kind in ("opened", "ended", "late", "cancelled", "settled")}
            known |= {f"outcome:{name}/{each.id}" for each in step.outcomes}
            known |= {rung.publishes for rung in step.rungs if rung.publishes is not None}
    for step in protocol.steps:
        if step.id not in opened:
            says = f"{step.id} never opens: nothing that opens it can come."
            yield Finding(
                code="NEVER_OPENS", says=says, place=place(_of(step, "when")), write="Give it a cause that can come."
            )


def _nothing_rests_on_shares(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """No service may depend on a release (34 USC 12291(b)(2); domain note T2)."""
    sharing = {
        f"outcome:{step.id}/{word}" for step in protocol.steps if step.shares for word in ("shared", "not-shared")
    }
    for step in protocol.steps:
        exprs = [*step.when.only_if, *step.when.unless]
        named = {ref for arm in step.when.arms for ref in arm} | {each.name for each in exprs if isinstance(each, Test)}
        if named & sharing:
            says = f"{step.id} waits for a release. Nothing may."
            yield Finding(
                code="RESTS_ON_RELEASE",
                says=says,
                place=place(_of(step, "when")),
                write="Let it open by another cause.",
            )


def _known(protocol: Protocol, point: Point) -> bool:
    """Whether a due time is always known."""
    if isinstance(point, Offset):
        return point.anchor in (AnchorKind.DELIVERY, AnchorKind.REF)
    if isinstance(point, Extreme):
        return any(_known(protocol, each) for each in point.points)
    return _known(protocol, point.then) and _known(protocol, point.otherwise)


def _refs(point: Point) -> Iterator[Ref]:
    if isinstance(point, Offset) and point.anchor is AnchorKind.REF and point.name is not None:
        yield point.name
    if isinstance(point, Extreme):
        for each in point.points:
            yield from _refs(each)
    if isinstance(point, Either):
        yield from _refs(point.then)
        yield from _refs(point.otherwise)


def _clock(protocol: Protocol, step: Step, place: Places) -> Iterator[Finding]:
    if step.due is None:
        return
    where = place(_of(step, "due"))
    if not _known(protocol, step.due):
        says = f"{step.id}: not known, no clock, until the field is."
        yield Finding(code="NO_CLOCK_YET", says=says, place=where, write="Add , or within D if sooner.")
    for ref in _refs(step.due):
        held, by = _held_by(protocol, step, ref)
        if not held:
            says = f"{step.id}: {by}'s delay eats this time."
            yield Finding(code="SENDER_EATS_TIME", says=says, place=where, write="Write within D, from delivery.")


def _held_by(protocol: Protocol, step: Step, anchor: Ref) -> tuple[bool, Slug]:
    """Whether one agency held the case from the anchor to the step's delivery (law 4), else who had it."""
    todo = [ref for arm in step.when.arms for ref in arm]
    seen: set[Ref] = set()
    while todo:
        ref = todo.pop()
        if ref == anchor or ref in seen:
            continue
        seen.add(ref)
        kind, _, name = ref.partition(":")
        if kind in ("event", "wait"):
            continue
        between = protocol.step[name.partition("/")[0]]
        if between.agency != step.agency:
            return False, between.agency
        todo.extend(each for arm in between.when.arms for each in arm)
    return True, ""


def _reaches_another(protocol: Protocol, step: Step, place: Places) -> Iterator[Finding]:
    """A missed window must reach a person other than its owner, or end the step."""
    leads = [each for each in protocol.agency[step.agency].leads if each != step.role]
    for rung in step.rungs:
        for act in rung.acts:
            if act.act is ActKind.END_AS:
                return
            if act.act in (ActKind.TELL, ActKind.PAGE) and rung.only_if is None:
                for each in act.targets:
                    if each in ("lead", "leads") and (leads or not protocol.agency[step.agency].confidential):
                        return
                    if each not in ("owner", "lead", "leads", "deputy", step.role):
                        return
    says = f"When {step.id} is missed, nobody but its owner hears of it."
    yield Finding(
        code="MISS_REACHES_NOBODY", says=says, place=place(_of(step, "ladder")), write="Add when due: tell lead."
    )


def _tries(step: Step, place: Places) -> Iterator[Finding]:
    """An outcome that comes by itself (tries used up, a rung) cannot ask anything."""
    by_itself = {act.targets[0] for rung in step.rungs for act in rung.acts if act.act is ActKind.END_AS}
    if step.tries is not None and step.tries.up_to:
        by_itself.add(step.tries.then)
    for outcome in step.outcomes:
        if outcome.id in by_itself and any(ask.required for ask in outcome.asks):
            says = f"{outcome.id} comes by itself, so nobody fills in what it asks."
            yield Finding(
                code="ASKS_NOBODY", says=says, place=place((*_of(step, "outcomes"), outcome.id)), write="Write may ask."
            )
