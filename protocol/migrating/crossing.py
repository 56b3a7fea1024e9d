"""A case moves to another text, or back: all of it or nothing, by one function that the preview and the engine share.

What a move may do is bound by the laws of council.md section 3: nothing at or before the move becomes missed (M1),
every open duty is open, mapped or closed by a named line (M2), a survivor's window ends no later without a reason (M3),
nothing fires twice (M4), every open duty keeps a clock or a stated reason (M5), earlier facts stay as they are (M6).
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.engine import clocks, machine, openings
from protocol.engine.machine import Result, concluded
from protocol.engine.points import View, truth
from protocol.engine.running import Occurrence, Running
from protocol.evolving import evolve
from protocol.facts import CaseMigrated, DutyMigrated, Fact, OwnersChanged, StepCancelled
from protocol.kernel import Link, Step
from protocol.messages import TICK
from protocol.migrating import terms
from protocol.migrating.hindrances import Code, Hindrance
from protocol.migrating.plan import Passed
from protocol.migrating.position import Position, full, position, stranded, triggered, with_lane_pauses
from protocol.migrating.returning import Return
from protocol.migrating.route import Route
from protocol.migrating.terms import Sides
from protocol.names import OpaqueId, Ref
from protocol.origins import agencies_behind
from protocol.state import CaseState, Crossed, Instance, Instant, Reply, Status

KEPT_OPEN = 30 * 24 * clocks.HOUR
"""So long a case stays open in which a move closed a duty, also with nothing owed: one that ended has no way back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossing:
    """What a move did: the case after it, under ``pinned`` (a text's hash), and what it recorded; or why it did not.

    ``known`` is set when this very move was made before: the answer is the one given then.
    """

    result: Result
    pinned: OpaqueId = ""
    moved: tuple[DutyMigrated, ...] = ()
    hindrance: Hindrance | None = None
    known: Reply | None = None


def move_id(run: OpaqueId, *, undo: bool = False) -> OpaqueId:
    """The command id of a case's move by a run: the same however often it is asked."""
    return f"{'undo' if undo else 'move'}-{run}"


def migrate(route: Route, state: CaseState, run: OpaqueId, now: Instant) -> Crossing:
    """Move a case to the newer text of a route at an instant.

    Everything due by then happens first, under the older text. With a hindrance nothing changed.
    """
    known = state.replies.get(move_id(run))
    if known is not None:
        return Crossing(result=Result(state, (), (), known, None), known=known)
    try:
        return _migrated(route, state, run, now)
    except Hindrance as hindrance:
        return Crossing(result=Result(state, (), (), None, None), hindrance=hindrance)


def _migrated(route: Route, state: CaseState, run: OpaqueId, now: Instant) -> Crossing:
    if state.status is not Status.OPEN:
        raise Hindrance(code=Code.NOT_OPEN)
    before = machine.step(route.old, state, TICK, now)
    if before.state.status is not Status.OPEN:
        raise Hindrance(code=Code.NOT_OPEN)
    here = before.state
    place = position(route, here, here.now)
    _not_stranded(route, here, place)
    duties = _duties(route, here, place)
    running = Running(route.onto, place.state, here.now)
    running.effects.extend(each for each in before.effects if not _arms(each))
    moved = tuple(told for _, told in duties)
    pinned = _pinned(route, [made for made, _ in duties if made is not None])
    running.record(CaseMigrated(run=run, was=route.was, now=pinned, plan=route.plan.hash), running.now)
    _tell(running, moved)
    for (made, _), each in zip(duties, here.instances, strict=True):
        _put(running, each, made)
    if any(made is None for made, _ in duties):
        running.stays = running.now + KEPT_OPEN
    _open_now(running, route, place)
    result = concluded(running, move_id(run))
    crossed = Crossed(run=run, was=route.was, now=pinned, before=_bare(here), after=_bare(result.state))
    state_now = evolve(result.state, crossed=crossed)
    return Crossing(
        result=Result(state_now, result.effects, (*before.facts, *result.facts), result.reply, None),
        pinned=pinned,
        moved=moved,
    )


def _arms(effect: object) -> bool:
    return getattr(effect, "kind", "") == "arm"


def _bare(state: CaseState) -> CaseState:
    return evolve(state, replies={}, crossed=None)


def _pinned(route: Route, made: list[Instance]) -> OpaqueId:
    """The text the case is pinned to: the newer one, with the older terms and names that the case needs."""
    carried = any(route.onto.step[each.step].stands_for for each in made)
    return route.onto_hash if carried or not route.plain else route.target


def _duties(route: Route, here: CaseState, place: Position) -> list[tuple[Instance | None, DutyMigrated]]:
    sides = sides_of(route, here, place)
    found = []
    for each in here.instances:
        name = route.step_now(each.step)
        made, told = terms.carried(sides, with_lane_pauses(route, here, each, name))
        if made is not None:
            _would_be_owed(route, place, made)
        found.append((made, told))
    return found


def sides_of(route: Route, here: CaseState, place: Position) -> Sides:
    """A case as both texts see it when it moves."""
    older = Running(route.old, here, here.now).view()
    return Sides(route=route, old=older, new=_view(route, place.state, here.now), now=here.now)


def _view(route: Route, state: CaseState, now: Instant) -> View:
    return View(route.onto, state.fields, state.last, (), now, state.counters, state.pauses)


def _would_be_owed(route: Route, place: Position, made: Instance) -> None:
    """A duty that the newer text would not have opened needs a line of the plan."""
    name = route.onto.known_as[made.step]
    if name not in route.opened_otherwise or route.line(name).stays or name not in route.renamed.step:
        return
    if triggered(route.new.step[name].when, place.had) is None:
        raise Hindrance(code=Code.WOULD_NOT_BE_OWED, place=name)


def _not_stranded(route: Route, here: CaseState, place: Position) -> None:
    lost = stranded(route.new, evolve(place.state, instances=_as_new(route, here)))
    for name in sorted(lost - stranded(route.old, here)):
        raise Hindrance(code=Code.JOIN_STRANDED, place=name)


def _as_new(route: Route, here: CaseState) -> tuple[Instance, ...]:
    names = ((route.step_now(each.step), each) for each in here.instances)
    return tuple(
        evolve(each, step=name) for name, each in names if name in route.new.step and route.line(name).close is None
    )


def _tell(running: Running, moved: tuple[DutyMigrated, ...]) -> None:
    """Record what the move did to each duty that it touched."""
    for each in moved:
        if each.how != "unchanged" or each.was != each.step:
            running.record(each, running.now)


def _put(running: Running, each: Instance, made: Instance | None) -> None:
    """Record what became of a duty beyond its clock."""
    if made is None:
        del running.instances[each.n]
        running.record(StepCancelled(instance=each.n, step=each.step, superseded=True, cause=None), running.now)
        return
    running.put(made)
    if made.owners != each.owners:
        running.record(
            OwnersChanged(instance=made.n, step=made.step, owners=made.owners, person=made.person, rung=None),
            running.now,
        )
    if made.starts != each.starts and made.starts is not None:
        running.schedule(made, made.starts)


# What would have been open by now


def _open_now(running: Running, route: Route, place: Position) -> None:
    """Open what a join has waited for and the newer text waits for no more, and what the plan says to open."""
    openings_: tuple[Step | Link, ...] = (*route.new.steps, *route.new.links)
    for each in openings_:
        filled = place.state.arms.get(each.id, ())
        if full(each.when, filled) and each.id in route.renamed.step:
            running.arms[each.id] = ()
            _open(running, each, next(ref for ref in each.when.arms[filled[-1]] if ref in place.had))
    for name in sorted(route.opened_otherwise, key=lambda one: route.new.step[one].position):
        step = route.new.step[name]
        ref = _owed(running, step, place)
        if ref is None:
            continue
        said = route.line(name).passed
        if said is None:
            raise Hindrance(code=Code.WOULD_BE_OWED, place=name)
        if said is Passed.OPEN:
            _open(running, step, ref)


def _owed(running: Running, step: Step, place: Position) -> Ref | None:
    """What should have opened a step, if it is not open and never was."""
    if f"opened:{step.id}" in place.state.last or step.lane in running.closed:
        return None
    if any(running.is_of(each, (step.id,)) for each in running.instances.values()):
        return None
    view = running.view()
    if not all(truth(view, each) is True for each in step.when.only_if):
        return None
    if any(truth(view, each) is True for each in step.when.unless):
        return None
    return triggered(step.when, place.had)


def _open(running: Running, opened: Step | Link, ref: Ref) -> None:
    agencies = sorted(agencies_behind(running.protocol, ref)) if ref in running.protocol.awaited else []
    occurrence = Occurrence(refs=(ref,), effective=running.now, agency=next(iter(agencies), None))
    if isinstance(opened, Step):
        openings.open_step(running, opened, ref, occurrence)


# The way back


def undo(back: Route, state: CaseState, run: OpaqueId, now: Instant) -> Crossing:
    """Take a case's last move back: ``back`` leads from what it runs on to what it ran on before.

    Position and clocks are as they were before, less what people did meanwhile; what has fired stays fired.
    """
    known = state.replies.get(move_id(run, undo=True))
    if known is not None:
        return Crossing(result=Result(state, (), (), known, None), known=known)
    try:
        return _undone(back, state, run, now)
    except Hindrance as hindrance:
        return Crossing(result=Result(state, (), (), None, None), hindrance=hindrance)


def _undone(back: Route, state: CaseState, run: OpaqueId, now: Instant) -> Crossing:
    if state.status is not Status.OPEN:
        raise Hindrance(code=Code.NOT_OPEN)
    if state.crossed is None or state.crossed.run != run or state.crossed.was != back.target:
        raise Hindrance(code=Code.NOT_MOVED)
    before = machine.step(back.old, state, TICK, now)
    if before.state.status is not Status.OPEN:
        raise Hindrance(code=Code.NOT_OPEN)
    way = Return(back, before.state, state.crossed)
    running = Running(back.onto, way.state, before.state.now)
    running.effects.extend(each for each in before.effects if not _arms(each))
    duties = way.duties(_view(back, way.state, before.state.now))
    pinned = _pinned(back, [made for made, _ in duties])
    moved = tuple(told for _, told in duties)
    running.record(
        CaseMigrated(run=run, was=state.crossed.now, now=pinned, plan=back.plan.hash, undo=True),
        running.now,
    )
    _tell(running, moved)
    way.put(running, duties)
    result = concluded(running, move_id(run, undo=True))
    facts: tuple[Fact, ...] = (*before.facts, *result.facts)
    state_now = evolve(result.state, crossed=None)
    return Crossing(result=Result(state_now, result.effects, facts, result.reply, None), pinned=pinned, moved=moved)
