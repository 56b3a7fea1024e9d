"""Checks on a compiled protocol: what must hold before it may be published.

Each finding has a code, the place in the text, a sentence, and what to write. Exploration of the reachable states
comes on top of these; what is here follows from the tables alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from itertools import product

from protocol.checks.known import Known, never_set
from protocol.checks.reach import Reach, check_loops, check_openings
from protocol.errors import Finding
from protocol.expressions import AnchorKind, Offset
from protocol.kernel import (
    ActKind,
    ChosenBy,
    Guard,
    Link,
    Protocol,
    Rung,
    Step,
)
from protocol.names import Ref, Slug
from protocol.origins import (
    agencies_behind,
    behind,
    fields_read,
    offsets,
    owners_of,
    point_fields,
    refs_read,
    setters,
    step_of,
)
from protocol.text.reading import Path, Places
from protocol.text.spec import STEPS_IN


def check_protocol(protocol: Protocol, place: Places, today: date) -> Iterator[Finding]:
    """Every finding that follows from the tables."""
    yield from _starts(protocol, place)
    yield from _opening_hours(protocol, place)
    yield from _coordinator(protocol, place)
    yield from _agreements(protocol, place, today.toordinal())
    yield from _facing(protocol, place)
    yield from check_loops(protocol, place)
    yield from check_openings(protocol, place)
    yield from _nothing_rests_on_shares(protocol, place)
    yield from _fields(protocol, place)
    known = Known(protocol)
    for step in protocol.steps:
        yield from _clock(protocol, known, step, place)
        yield from _goes_on(known, step, place)
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
    whens = [*(each.when for each in protocol.steps), *(each.when for each in protocol.links)]
    heard = {ref for when in whens for arm in when.arms for ref in arm}
    heard |= {ref for wait in protocol.waits for ref in behind(protocol, f"wait:{wait.id}")}
    for event in protocol.events:
        if event.starts and f"event:{event.id}" not in heard:
            says = f"{event.id} starts a case in which nothing opens, so it ends at once."
            where = place(("events", event.id))
            yield Finding(code="STARTS_NOTHING", says=says, place=where, write=f"Add a step with when: {event.id}")


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
            for pair in product(agencies_behind(protocol, ref), _certain_owners(protocol, step)):
                if pair[0] != pair[1] and pair not in seen and not any(set(pair) <= each for each in live):
                    seen.add(pair)
                    says = f"{pair[0]} hands work to {pair[1]} without an agreement in date."
                    where = place(_of(step, "when"))
                    yield Finding(code="NO_AGREEMENT", says=says, place=where, write="Add one under agreements.")
        for slot, role in product(step.shares, step.shares_with):
            between = {protocol.slot[slot].keeper, protocol.role[role].agency}
            if len(between) > 1 and not any(between <= each for each in live):
                says = f"{slot} goes from {protocol.slot[slot].keeper} to {role} without an agreement in date."
                where = place(_of(step, "shares"))
                yield Finding(code="NO_AGREEMENT", says=says, place=where, write="Add one under agreements.")


def _facing(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """What came from the survivor never goes to who works with the suspect, release or not (T6)."""
    inside = {each.id for each in protocol.agencies if each.confidential}
    for step in protocol.steps:
        for slot, role in product(step.shares, step.shares_with):
            if protocol.role[role].faces_suspect and protocol.slot[slot].keeper in inside:
                says = f"{slot} goes to {role}, who faces the suspect: nothing that came from her does."
                where = place(_of(step, "shares"))
                yield Finding(code="FACES_SUSPECT", says=says, place=where, write="Share it with another role.")


def _certain_owners(protocol: Protocol, step: Step) -> tuple[Slug, ...]:
    """The agencies the text itself gives a step to; a field may say any, and the release of work is theirs then."""
    return owners_of(protocol, step) if step.chosen is None or step.chosen.by is ChosenBy.EACH else ()


def _nothing_rests_on_shares(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """No service may depend on a release (34 USC 12291(b)(2); domain note T2)."""
    sharing = {
        f"{kind}:{step.id}{word}"
        for step in protocol.steps
        if step.shares
        for kind, word in (("outcome", "/shared"), ("outcome", "/not-shared"), ("ended", ""), ("settled", ""))
    }
    openings: tuple[Step | Link, ...] = (*protocol.steps, *protocol.links)
    for each in openings:
        named = {ref for arm in each.when.arms for ref in arm}
        for expr in (*each.when.only_if, *each.when.unless):
            named |= set(refs_read(protocol, expr))
        named |= {source for ref in list(named) for source in behind(protocol, ref)}
        if named & sharing:
            where = place((STEPS_IN + each.lane, each.id, "when"))
            says = f"{each.id} waits for a release. Nothing may."
            yield Finding(code="RESTS_ON_RELEASE", says=says, place=where, write="Let it open by another cause.")


def _clock(protocol: Protocol, known: Known, step: Step, place: Places) -> Iterator[Finding]:
    if step.chosen is not None and step.chosen.by is ChosenBy.FIELD and step.chosen.name not in known.opened[step.id]:
        says = f"{step.id}: {step.chosen.name} may not be known then, so nobody would own it."
        yield Finding(
            code="OWNER_NOT_KNOWN", says=says, place=place(_of(step, "who")), write="Ask it earlier, or name a role."
        )
    if step.due is None:
        return
    where = place(_of(step, "due"))
    if not known.point(step, step.due):
        unknown = [each for each in point_fields(protocol, step.due) if each not in known.opened[step.id]]
        says = f"{step.id} has no clock until {' or '.join(unknown) or 'its cause'} is known."
        yield Finding(code="NO_CLOCK_YET", says=says, place=where, write="Add , or within 2 working days if sooner.")
    refs = [each.name for each in offsets(step.due) if each.anchor is AnchorKind.REF and each.name is not None]
    for ref in refs:
        held, by = _held_by(protocol, step, ref)
        if not held:
            says = f"The time of {step.id} would run while {by} still has the case."
            write = "Write within D alone: it is counted from the handing over."
            yield Finding(code="SENDER_EATS_TIME", says=says, place=where, write=write)


def _goes_on(known: Known, step: Step, place: Places) -> Iterator[Finding]:
    """While a step is open something is still to come: a rung that repeats, or one that ends it (law 3)."""
    if step.due is not None and not known.point(step, step.due):
        return  # Told as NO_CLOCK_YET; what is mended there mends this.
    certain = {rung.id for rung in step.rungs if rung.only_if is None and _certain(known, step, rung)}
    for rung in step.rungs:
        repeats = rung.every is not None and rung.only_if is None and rung.after in certain
        ends = rung.id in certain and rung.guard is Guard.NONE and any(act.act is ActKind.END_AS for act in rung.acts)
        if repeats or ends:
            return
    says = f"{step.id} may stay open, and nobody would hear of it any more."
    write = "Add every 1 working day after that: tell lead, below a rung that always comes."
    yield Finding(code="LADDER_STOPS", says=says, place=place(_of(step, "ladder")), write=write)


def _certain(known: Known, step: Step, rung: Rung) -> bool:
    """Whether a rung surely fires while the step stays open."""
    if rung.every is not None or rung.guard not in (Guard.NONE, Guard.NOT_TRIED_IN_TIME):
        return False
    point = rung.at
    due_known = step.due is not None and known.point(step, step.due)
    return due_known if isinstance(point, Offset) and point.anchor is AnchorKind.DUE else known.point(step, point)


def _fields(protocol: Protocol, place: Places) -> Iterator[Finding]:
    """A field that is read must be one that somebody can set, and can set before it is read."""
    unset, reach = never_set(protocol), Reach(protocol)
    readers: tuple[Step | Link, ...] = (*protocol.steps, *protocol.links)
    for each in readers:
        path: Path = (STEPS_IN + each.lane, each.id)
        read = [(key, name) for key, exprs in (("only if", each.when.only_if), ("unless", each.when.unless))
                for expr in exprs for name in fields_read(protocol, expr)]  # fmt: skip
        if isinstance(each, Step):
            read += [("due", name) for name in point_fields(protocol, each.due)]
            read += [("not before", name) for name in point_fields(protocol, each.not_before)]
            read += [("for each", each.for_each)] if each.for_each is not None else []
        after: set[Ref] | None = None
        for key, name in dict.fromkeys(read):
            if name in unset:
                says = f"{name} is never set: no event brings it and no form asks it."
                write = f"Ask it in an outcome: done: ask {name}"
                yield Finding(code="FIELD_NEVER_SET", says=says, place=place((*path, key)), write=write)
                continue
            if key in ("due", "not before"):
                continue
            after = reach.all(each.id)[1] if after is None else after
            if not after & set(setters(protocol, name)):
                says = f"{each.id} asks for {name}, which can only be set after it."
                write = "Ask the field in an earlier step."
                yield Finding(code="FIELD_BEFORE_SET", says=says, place=place((*path, key)), write=write)


def _held_by(protocol: Protocol, step: Step, anchor: Ref) -> tuple[bool, Slug]:
    """Whether one agency held the case from the anchor to the step's delivery (law 4), else who had it."""
    todo = [ref for arm in step.when.arms for ref in arm]
    seen: set[Ref] = set()
    while todo:
        ref = todo.pop()
        if ref == anchor or ref in seen:
            continue
        seen.add(ref)
        between = step_of(protocol, ref)
        if between is None:
            continue
        if between.agency != step.agency:
            return False, between.agency
        todo.extend(each for arm in between.when.arms for each in arm)
    return True, ""


def _reaches_another(protocol: Protocol, step: Step, place: Places) -> Iterator[Finding]:
    """A missed window must reach a person other than its owner, or end the step."""
    leads = [each for each in protocol.agency[step.agency].leads if each != step.role or step.chosen is not None]
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
