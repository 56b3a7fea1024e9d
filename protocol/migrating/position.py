"""Where a case stands under the newer text: its record, its joins, waits, pauses, counters and linked cases.

The state decides where a case stands, and what has occurred decides what must be asked (docs/decisions/0024).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol.checks.reach import Reach, made_by
from protocol.engine import clocks
from protocol.engine.clocks import SECOND
from protocol.engine.running import Running
from protocol.engine.waits import wait_times
from protocol.evolving import evolve
from protocol.kernel import (
    FieldType,
    Link,
    Protocol,
    Step,
    Wait,
    When,
)
from protocol.migrating.hindrances import Code, Hindrance
from protocol.migrating.route import Route
from protocol.names import Ref, Slug
from protocol.revising.renames import Names
from protocol.state import Armed, CaseState, Instance, Instant, LanePause, Linked, Mark, PauseReason, Suspension, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """A case but for its duties, as the newer text has it. ``passed`` are waits whose moment is already over."""

    state: CaseState
    passed: frozenset[Ref]

    @property
    def had(self) -> frozenset[Ref]:
        """All that has occurred."""
        return self.passed | frozenset(self.state.last)


def position(route: Route, state: CaseState, now: Instant) -> Position:
    """The case's record and position under the newer text; its duties are left as they were.

    Raises:
        Hindrance: something recorded, or a linked case that is waited for, has no place there.
    """
    names = Names(route.names)
    last = {names.ref(ref): mark for ref, mark in state.last.items()}
    waits, done, passed = _waits(route, state, last, now)
    moved = evolve(
        state,
        fields=dict(_fields(route, names, state)),
        last=last | done,
        closed=tuple(each for each in state.closed if each in route.new.lane),
        waits=waits,
        pauses=tuple(_pauses(route, names, state)),
        links=dict(_links(route, state)),
        counters={
            name: found
            for name, found in ((names.named("field", each), one) for each, one in state.counters.items())
            if name in route.new.field
        },
    )
    return Position(state=evolve(moved, arms=_joins(route, moved)), passed=frozenset(passed))


def _fields(route: Route, names: Names, state: CaseState) -> Iterator[tuple[Slug, Value]]:
    for name, value in state.fields.items():
        known = route.new.field.get(names.named("field", name))
        if known is None:
            continue
        if known.type is not route.old.field[name].type or (
            (known.type is FieldType.ONE_OF and value not in known.choices)
            or (known.type is FieldType.ROLE and value not in route.new.role)
        ):
            raise Hindrance(code=Code.VALUE_HOMELESS, place=known.id)
        yield known.id, value


def _pauses(route: Route, names: Names, state: CaseState) -> Iterator[LanePause]:
    for each in state.pauses:
        if each.lane in route.new.lane:
            yield evolve(each, refs=tuple(names.ref(ref) for ref in each.refs))


def _links(route: Route, state: CaseState) -> Iterator[tuple[Slug, Linked]]:
    for name, linked in state.links.items():
        if name in route.new.link:
            yield name, linked
        elif not linked.ended:
            raise Hindrance(code=Code.LINK_GONE, place=name)


def with_lane_pauses(route: Route, state: CaseState, each: Instance, step: Slug) -> Instance:
    """A duty whose lane is another now keeps what its old lane's pauses took from its clock."""
    lane = route.old.step[each.step].lane
    if step not in route.new.step or (route.new.step[step].lane == lane and lane in route.new.lane):
        return each
    found = [pause for pause in state.pauses if pause.lane == lane]
    if not found:
        return each
    ended = tuple(
        Suspension(
            start=one.start, cap=one.cap, until=state.now if one.until is None else one.until, reason=PauseReason.OTHER
        )
        for one in found
    )
    return evolve(each, suspensions=(*each.suspensions, *ended))


# Waits


def _waits(
    route: Route, state: CaseState, last: dict[Ref, Mark], now: Instant
) -> tuple[tuple[Armed, ...], dict[Ref, Mark], set[Ref]]:
    """The waits that go on; those that count as over because their older one was; and those whose moment has passed."""
    armed = {each.wait: each for each in state.waits}
    kept = [
        each for each in state.waits if route.new.wait.get(each.wait) == route.renamed.wait.get(each.wait) is not None
    ]
    there = {each.wait for each in kept}
    done: dict[Ref, Mark] = {}
    passed: set[Ref] = set()
    for wait in route.new.waits:
        marks = [last[ref] for ref in wait.armed_by if ref in last]
        if wait.id in there or wait.id in route.renamed.wait or not marks or f"wait:{wait.id}" in last:
            continue
        older = [
            each for each in route.renamed.waits if each.armed_by == wait.armed_by and each.id not in route.new.wait
        ]
        anchor = max(mark.effective for mark in marks)
        at = _over(route.new, wait, anchor)
        pending = [armed[each.id] for each in older if each.id in armed]
        over = [last[f"wait:{each.id}"] for each in older if f"wait:{each.id}" in last]
        if over and not pending:
            done[f"wait:{wait.id}"] = max(over, key=lambda mark: mark.effective)
        elif at > now:
            kept.append(Armed(wait=wait.id, anchor=anchor))
        elif pending:
            kept.append(Armed(wait=wait.id, anchor=anchor + (now - at) + route.plan.grace.least * SECOND))
        else:
            passed.add(f"wait:{wait.id}")
    return tuple(kept), done, passed


def _over(protocol: Protocol, wait: Wait, anchor: Instant) -> Instant:
    span = wait.at.length
    calendar = protocol.clock if span.calendar is None else protocol.calendar[span.calendar]
    return clocks.shift(calendar, anchor, span, before=wait.at.before, edge=wait.at.edge, at=wait.at.at)


# Joins


def _joins(route: Route, state: CaseState) -> dict[Slug, tuple[int, ...]]:
    """The arms of each join that are filled. One that is new counts as filled when what it waits for has occurred."""
    found: dict[Slug, tuple[int, ...]] = {}
    openings: tuple[Step | Link, ...] = (*route.new.steps, *route.new.links)
    for each in openings:
        arms = each.when.arms
        old = route.renamed.step.get(each.id) or route.renamed.link.get(each.id)
        before = state.arms.get(_old_name(route, each.id), ())
        if len(arms) < 2 or old is None or not before:
            continue
        if old.when.arms == arms:
            found[each.id] = before
            continue
        filled = {ref for number in before if number < len(old.when.arms) for ref in old.when.arms[number]}
        known = {ref for arm in old.when.arms for ref in arm}
        kept = tuple(
            number
            for number, arm in enumerate(arms)
            if filled & set(arm) or (not known & set(arm) and set(arm) & set(state.last))
        )
        if kept:
            found[each.id] = kept
    return found


def _old_name(route: Route, name: Slug) -> Slug:
    was = next((unit for unit, now in route.names.items() if now == f"step:{name}"), f"step:{name}")
    return was.partition(":")[2]


def full(when: When, filled: tuple[int, ...]) -> bool:
    """Whether every arm of a join is filled that must be."""
    wanted = [number for number, arm in enumerate(when.arms) if when.latest not in arm]
    return len(when.arms) > 1 and all(number in filled for number in wanted)


def triggered(when: When, had: frozenset[Ref]) -> Ref | None:
    """What would have opened a step, of all that has occurred; None when it would not be open yet."""
    wanted = [arm for arm in when.arms if when.latest not in arm]
    arms = [next((ref for ref in arm if ref in had), None) for arm in wanted]
    if not arms:
        return None
    if when.latest in had and any(arms):
        return when.latest
    return arms[-1] if all(arms) else None


def stranded(protocol: Protocol, state: CaseState) -> frozenset[Slug]:
    """The joins that have begun to fill and wait for something that can no longer come."""
    running = Running(protocol, state, state.now)
    begin: set[Ref] = {f"wait:{wait.id}" for wait, _ in wait_times(running)}
    for each in state.instances:
        step = protocol.step[each.step]
        name = step.stands_for or step.id
        begin |= {ref.replace(f":{step.id}", f":{name}", 1) for ref in made_by(step)}
    for name, linked in state.links.items():
        begin |= {ref for ref in (f"opened:{name}", f"ended:{name}") if not linked.ended}
    _, coming = Reach(protocol).all(begin=begin, had=state.last)
    openings: dict[Slug, Step | Link] = {**protocol.step, **protocol.link}
    found = set()
    for name, filled in state.arms.items():
        when = openings[name].when if name in openings else None
        here = [number for number in filled if when is not None and number < len(when.arms)]
        if when is None or not here or (when.latest is not None and when.latest in coming):
            continue
        if any(
            number not in filled and coming.isdisjoint(arm)
            for number, arm in enumerate(when.arms)
            if when.latest not in arm
        ):
            found.add(name)
    return frozenset(found)
