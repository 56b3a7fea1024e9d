"""What a newer text and a plan would do to one open case: the move is made and looked at, so it cannot be wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.checks.reach import Reach, made_by
from protocol.engine.machine import Due, deadlines
from protocol.engine.points import View
from protocol.engine.running import Running
from protocol.facts import DutyMigrated
from protocol.kernel import ActKind, Protocol
from protocol.migrating.crossing import migrate
from protocol.migrating.hindrances import IMPOSSIBLE, TO_DECIDE, Hindrance
from protocol.migrating.route import Route
from protocol.names import RungId, Slug
from protocol.state import CaseState, Instance, Instant

PREVIEW = "preview"
TELLING = (ActKind.TELL, ActKind.PAGE, ActKind.REMIND)


class Class(StrEnum):
    """What becomes of a case (council.md section 3); a case is in exactly one class."""

    UNAFFECTED = "unaffected"
    SAFE = "safe"
    DECISION = "needs a decision"
    OLD_TEXT = "finishes on the old text"
    IMPOSSIBLE = "impossible"


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Who would be told of an open duty, when, by which rung."""

    instance: int
    step: Slug
    rung: RungId
    role: Slug
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One case's class, why, each due time before and after, and who is newly or no longer told of an open duty."""

    kind: Class
    hindrance: Hindrance | None = None
    moved: tuple[DutyMigrated, ...] = ()
    newly_told: tuple[Telling, ...] = ()
    no_longer_told: tuple[Telling, ...] = ()

    @property
    def due_moved(self) -> tuple[DutyMigrated, ...]:
        """The open duties whose due time is another."""
        return tuple(each for each in self.moved if each.due != each.due_was)


def effect(route: Route, state: CaseState, now: Instant) -> Effect:
    """What the move would do to a case at an instant."""
    if route.plan.case != "moves":
        return Effect(kind=Class.OLD_TEXT)
    crossing = migrate(route, state, PREVIEW, now)
    found = crossing.hindrance
    if found is not None:
        kind = Class.IMPOSSIBLE if found.code in IMPOSSIBLE else Class.OLD_TEXT
        return Effect(kind=Class.DECISION if found.code in TO_DECIDE else kind, hindrance=found)
    after = crossing.result.state
    crossed = after.crossed
    before = state if crossed is None else crossed.before
    was, will = tellings(route.old, before), tellings(route.onto, after)
    names = {each.step: route.step_now(each.step) for each in before.instances}
    keyed_was = {(each.instance, each.rung, each.role): each for each in was}
    keyed_will = {(each.instance, each.rung, each.role): each for each in will}
    newly = tuple(each for key, each in keyed_will.items() if key not in keyed_was)
    no_longer = tuple(each for key, each in keyed_was.items() if key not in keyed_will)
    touched = (
        newly
        or no_longer
        or any(each.how != "unchanged" or each.due != each.due_was for each in crossing.moved)
        or len(after.instances) != len(before.instances)
        or any(each.step != names.get(each.step, each.step) for each in before.instances)
        or changed_ahead(route, after)
    )
    return Effect(
        kind=Class.SAFE if touched else Class.UNAFFECTED,
        moved=crossing.moved,
        newly_told=newly,
        no_longer_told=no_longer,
    )


def tellings(protocol: Protocol, state: CaseState) -> list[Telling]:
    """Who would hear of each open duty if nobody did anything, as far as is known now."""
    running = Running(protocol, state, state.now)
    here = {each.n: each for each in state.instances}
    view = running.view()
    found = []
    for each in deadlines(protocol, state):
        if each.kind is Due.RUNG and each.instance in here:
            found.extend(_told(running, view, here[each.instance], each.rung, each.at))
    return found


def _told(running: Running, view: View, each: Instance, name: RungId, at: Instant) -> list[Telling]:
    step = view.protocol.step[each.step]
    rung = next(one for one in step.rungs if one.id == name)
    roles = [
        role
        for act in rung.acts
        if act.act in TELLING
        for target in act.targets
        for role in running.roles_of(each, target)
    ]
    return [
        Telling(instance=each.n, step=view.protocol.known_as[each.step], rung=name, role=role, at=at)
        for role in dict.fromkeys(roles)
    ]


def changed_ahead(route: Route, state: CaseState) -> bool:
    """Whether a step that the newer text changes, brings or opens otherwise may still open in this case."""
    begin = {ref for each in state.instances for ref in made_by(route.onto.step[each.step])}
    known = {f"{ref.partition(':')[0]}:{_plain(route, ref)}" for ref in begin}
    opened, _ = Reach(route.new).all(begin=known, had=state.last)
    before = {each.id for each in route.new.steps if each.id in route.changed or each.id in route.opened_otherwise}
    gone = [each for each in route.renamed.steps if each.id not in route.new.step and each.stands_for is None]
    return bool(opened & before) or bool(gone)


def _plain(route: Route, ref: str) -> str:
    """An occurrence's name, of a step's carried terms that of the step."""
    name = ref.partition(":")[2]
    step, slash, rest = name.partition("/")
    return f"{route.onto.known_as.get(step, step)}{slash}{rest}"
