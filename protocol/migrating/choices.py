"""What each of the four decisions would make of an open duty whose terms change: shown before one is chosen.

The engine's own functions answer, under a plan that decides every changed step alike; what needs a reason is told with
the due time that it would have with one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol.engine import machine
from protocol.engine.points import due_of
from protocol.evolving import evolve
from protocol.messages import TICK
from protocol.migrating import terms
from protocol.migrating.crossing import sides_of
from protocol.migrating.hindrances import Code, Hindrance
from protocol.migrating.plan import Clock, Plan, StepPlan
from protocol.migrating.position import Position, position, with_lane_pauses
from protocol.migrating.route import Route, route
from protocol.migrating.terms import Sides
from protocol.names import Slug
from protocol.state import CaseState, Instance, Instant, Status

REASONED = frozenset((Code.LATER_UNREASONED, Code.RESTART_UNREASONED, Code.NO_CLOCK))
"""What a reason in the plan answers."""
SOME_REASON = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Foretold:
    """One open duty under one decision. ``reason``: it needs one; ``code``: why it cannot be decided so at all."""

    step: Slug
    clock: Clock
    due_was: Instant | None
    due: Instant | None
    reason: bool = False
    code: Code | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """The way between two texts under one decision, without and with a reason for every step."""

    bare: Route
    reasoned: Route


def offered(old: bytes, new: bytes, slug: Slug) -> dict[Clock, Offered]:
    """The ways between two compiled texts, by decision.

    Raises:
        HandoffError: as ``protocol.migrating.route.route``.
    """
    found = {}
    for clock in Clock:
        bare = route(old, new, Plan(migration=slug, clock=clock).dump())
        line = StepPlan(clock=clock, because=SOME_REASON)
        plan = Plan(migration=slug, clock=clock, steps=dict.fromkeys(sorted(bare.changed), line))
        found[clock] = Offered(bare=bare, reasoned=route(old, new, plan.dump()))
    return found


def foretold(ways: Mapping[Clock, Offered], state: CaseState, now: Instant) -> tuple[Foretold, ...]:
    """Each open duty of a case whose terms change, under each decision; nothing of a case that is not open."""
    if state.status is not Status.OPEN:
        return ()
    older = next(iter(ways.values())).bare.old
    here = machine.step(older, state, TICK, now).state
    return tuple(each for clock, way in ways.items() for each in _under(clock, way, here))


def open_duties(way: Route, state: CaseState) -> Iterator[Slug]:
    """The step of each open duty, by its newer name."""
    if state.status is Status.OPEN:
        yield from (way.step_now(each.step) for each in state.instances)


def _under(clock: Clock, way: Offered, here: CaseState) -> Iterator[Foretold]:
    if here.status is not Status.OPEN:
        return
    sides = [sides_of(each, here, _placed(each, here)) for each in (way.bare, way.reasoned)]
    for each in here.instances:
        name = way.bare.step_now(each.step)
        if name in way.bare.changed:
            told = _one(clock, sides[0], sides[1], name, with_lane_pauses(way.bare, here, each, name))
            if told is not None:
                yield told


def _placed(way: Route, here: CaseState) -> Position:
    """The case's position. What keeps it from moving at all, and no clock decides, is left out of what is told here."""
    try:
        return position(way, here, here.now)
    except Hindrance:
        return position(way, evolve(here, fields={}, links={}), here.now)


def _one(clock: Clock, bare: Sides, reasoned: Sides, name: Slug, each: Instance) -> Foretold | None:
    was, _ = due_of(bare.old, each)
    reason = False
    try:
        try:
            _, told = terms.carried(bare, each)
        except Hindrance as hindrance:
            if hindrance.code not in REASONED:
                raise
            reason = True
            _, told = terms.carried(reasoned, each)
    except Hindrance as hindrance:
        return Foretold(step=name, clock=clock, due_was=was, due=None, code=hindrance.code)
    if told.how == "unchanged":
        return None
    return Foretold(step=name, clock=clock, due_was=was, due=told.due, reason=reason)
