"""Two worlds of one protocol on the core: alike in what outsiders do, different in everything done inside.

Alike, too, in when a confidential agency first acts on each handoff from outside: that much is declared public
(privacy note §5). What outsiders observe is said here anew, from facts, and not by the code that shows it to them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from protocol.checks.labels import Labels
from protocol.engine import clocks
from protocol.engine.machine import step
from protocol.facts import (
    CaseEnded,
    CaseOpened,
    Counted,
    EventRecorded,
    Fact,
    FieldSet,
    LaneClosed,
    LanePaused,
    LaneReopened,
    LaneResumed,
    LinkedCaseStarted,
    LinkNoticed,
    LinkNotStarted,
    LinkStarted,
    PageStopped,
    PassedOn,
    SlotFilled,
    StepDelivered,
    TakenUp,
    Told,
)
from protocol.kernel import Guard, Protocol, Step
from protocol.messages import Actor, EventHappened, Input, TakeUp
from protocol.names import Slug
from protocol.state import Instance, Instant, Phase, Status
from tests.protocol.random_runs import START, Run, actor, some_act, values
from tests.protocol.random_texts import accepted
from tests.protocol.texts import compiled

STRIDE = 20 * clocks.MINUTE


@dataclass
class Script:
    """What both worlds share: a seed for outsiders' acts by stride, and the strides until each handoff's first act."""

    outside: dict[int, int]
    first_acts: tuple[int | None, ...]
    strides: int


@dataclass
class World:
    """One world and what its outsiders were answered."""

    run: Run
    answers: list[object] = field(default_factory=list)
    ended: Instant | None = None


def inside_of(protocol: Protocol) -> set[Slug]:
    """The confidential agencies."""
    return {each.id for each in protocol.agencies if each.confidential}


def play(protocol: Protocol, script: Script, seed: int) -> World:
    """One world: the script outside, chance inside."""
    world = World(Run(protocol))
    begin = Random(script.strides)
    starts = [each for each in protocol.events if each.starts and set(each.sources) - inside_of(protocol)]
    _report(world, starts[begin.randrange(len(starts))].id, begin)
    chance = Random(seed)
    meant: dict[int, Instant | None] = {}
    for stride in range(1, script.strides):
        if world.run.state.status is Status.ENDED:
            break
        world.run.until(START + stride * STRIDE)
        if stride in script.outside:
            _outside_act(world, Random(script.outside[stride]))
        _meet(world, script, meant)
        for number, at in list(meant.items()):
            if at is not None and at <= world.run.now:
                meant[number] = None
                _first_act(world, number, chance)
        for _ in range(3):
            if chance.random() < 0.4:
                _inner_act(world, chance)
        _meet(world, script, meant)
    ends = [each.recorded for each in world.run.facts if isinstance(each.body, CaseEnded)]
    world.ended = ends[0] if ends else None
    return world


# Outside: the same in both worlds, chosen by what outsiders see.


def _outsiders(world: World) -> list[Instance]:
    inside = inside_of(world.run.protocol)
    return [each for each in world.run.state.instances if each.agency not in inside and each.phase is Phase.OPEN]


def _outside_act(world: World, chance: Random) -> None:
    run, live = world.run, _outsiders(world)
    inside = inside_of(run.protocol)
    if not live or chance.random() < 0.4:
        events = [each for each in run.protocol.events if set(each.sources) - inside]
        _report(world, events[chance.randrange(len(events))].id, chance)
        return
    each = live[chance.randrange(len(live))]
    body, role = some_act(run, each, chance)
    _answered(world, run.send(body, actor(run.protocol, role or each.owners[0])))


def _report(world: World, name: Slug, chance: Random) -> None:
    run = world.run
    event = run.protocol.event[name]
    names = [*((each, True) for each in event.brings), *((each, False) for each in event.may_bring)]
    fields, refs = values(run.protocol, names, chance, run.now)
    source = next(each for each in event.sources if each not in inside_of(run.protocol))
    who = Actor(person=f"{source}-records", role=None, agency=source)
    _answered(world, run.send(EventHappened(event=name, fields=fields, refs=refs), who))


def _answered(world: World, result: Any) -> None:
    """Outsiders learn whether they were refused, and why."""
    world.answers.append((world.run.now, None if result.refusal is None else result.refusal.code))


# Inside: the first act on each handoff comes when the script says, whatever act it is; the rest is chance.


def _outside_step(world: World, each: Instance) -> Step | None:
    known = world.run.protocol.step[each.step]
    return known if known.outside and each.round == 0 else None


def _waiting(world: World) -> list[Instance]:
    found = [each for each in world.run.state.instances if _outside_step(world, each) is not None]
    return [each for each in found if each.phase is Phase.OPEN and each.taken is None]


def _meet(world: World, script: Script, meant: dict[int, Instant | None]) -> None:
    for each in _waiting(world):
        if each.n not in meant:
            wait = script.first_acts[len(meant) % len(script.first_acts)]
            meant[each.n] = None if wait is None else (each.delivered or 0) + wait * STRIDE


def _first_act(world: World, number: int, chance: Random) -> None:
    for each in _waiting(world):
        if each.n == number and not _try_inside(world, each, chance, number):
            who = actor(world.run.protocol, each.owners[0])
            world.run.send(TakeUp(instance=number), who)


def _inner_act(world: World, chance: Random) -> None:
    run, inside = world.run, inside_of(world.run.protocol)
    waiting = {each.n for each in _waiting(world)}
    mine = [each for each in run.state.instances if each.agency in inside and each.phase is Phase.OPEN]
    free = [each for each in mine if each.n not in waiting]
    if chance.random() < 0.15:
        events = [each for each in run.protocol.events if each.sources and set(each.sources) <= inside]
        if events:
            event = events[chance.randrange(len(events))]
            names = [*((each, True) for each in event.brings), *((each, False) for each in event.may_bring)]
            fields, refs = values(run.protocol, names, chance, run.now)
            who = Actor(person="inside-records", role=None, agency=event.sources[0])
            _unless_taken_up(
                world, Input(command="", actor=who, body=EventHappened(event=event.id, fields=fields, refs=refs)), None
            )
    elif free:
        _try_inside(world, free[chance.randrange(len(free))], chance, None)


def _try_inside(world: World, each: Instance, chance: Random, first: int | None) -> bool:
    run = world.run
    body, role = some_act(run, each, chance)
    who = actor(run.protocol, role or each.owners[0])
    return _unless_taken_up(world, Input(command="", actor=who, body=body), first)


def _unless_taken_up(world: World, command: Input, first: int | None) -> bool:
    """Do it, unless it is a first act on a handoff whose first act is not yet to come, or it is refused."""
    run = world.run
    asked = step(run.protocol, run.state, Input(command="ask", actor=command.actor, body=command.body), run.now)
    taken = {each.body.instance for each in asked.facts if isinstance(each.body, TakenUp)}
    waiting = {each.n for each in _waiting(world)}
    if asked.refusal is not None or (taken & waiting) - {first} or (first is not None and first not in taken):
        return False
    run.send(command.body, command.actor)
    return True


# What outsiders observe.


def observed(world: World, until: Instant) -> list[object]:
    """Everything outsiders may see of a case up to an instant, in order, without numbers of its insides."""
    protocol = world.run.protocol
    labels = Labels(protocol)
    inside = labels.inside
    seen: list[object] = [each for each in world.answers if isinstance(each, tuple) and each[0] < until]
    number: dict[int, int] = {}
    kinds: dict[int, bool] = {}
    per_instant: list[tuple[Instant, str]] = []
    for fact in world.run.facts:
        if fact.recorded >= until:
            break
        shown = _shown(protocol, labels, fact, number, kinds)
        if shown is not None:
            per_instant.append((fact.recorded, repr(shown)))
    assert inside
    # Of one instant outsiders see everything at once; the order inside it is nobody's.
    return [*seen, sorted(Counter(per_instant).items())]


def _shown(  # noqa: C901, PLR0911, PLR0912 - one line for each kind of fact
    protocol: Protocol, labels: Labels, fact: Fact, number: dict[int, int], outside: dict[int, bool]
) -> object:
    body: Any = fact.body
    inside = labels.inside
    match body:
        case CaseOpened():
            return (body.kind, body.event, fact.at)
        case CaseEnded() | PageStopped():
            return None
        case EventRecorded():
            return None if body.agency in inside else (body.kind, body.event, body.agency, fact.at)
        case FieldSet() | Counted():
            return None if body.field in labels.fields else (body.kind, body.field, body.value, fact.at)
        case SlotFilled():
            return None if protocol.slot[body.slot].keeper in inside else (body.kind, body.slot, fact.at)
        case LaneClosed() | LaneReopened() | LanePaused() | LaneResumed():
            return None if protocol.lane[body.lane].agency else (body.kind, body.lane, fact.at)
        case LinkedCaseStarted():
            return (body.kind, body.event, fact.at)
        case LinkStarted() | LinkNotStarted() | LinkNoticed() | PassedOn():
            return None if protocol.lane[protocol.link[body.link].lane].agency else (body.kind, body.link, fact.at)
        case Told():
            return _told(protocol, body, fact, inside, number, outside)
    known = protocol.step[body.step]
    instance: int = getattr(body, "instance", 0)
    if isinstance(body, StepDelivered):
        agency = body.agency or known.agency
        if agency not in inside or (known.outside and body.round == 0):
            number[body.instance] = len(number) + 1
            outside[body.instance] = agency in inside
            if agency in inside:
                return ("delivered", number[body.instance], body.step, body.from_agency, fact.recorded)
    if known.agency in inside or (outside.get(instance)):
        taken = isinstance(body, TakenUp) and instance in number
        return ("taken up", number[instance], body.step, fact.recorded) if taken else None
    shown = {name: getattr(body, name) for name in body.__dataclass_fields__ if name != "instance"}
    return (sorted(shown.items(), key=repr), number.get(instance), fact.at)


def _told(
    protocol: Protocol, body: Told, fact: Fact, inside: set[Slug], number: dict[int, int], outside: dict[int, bool]
) -> object:
    roles = tuple(each for each in body.roles if protocol.role[each].agency not in inside)
    if not roles:
        return None
    known = protocol.step[body.step]
    rung = next((each for each in known.rungs if each.id == body.rung), None)
    if known.agency in inside and rung is not None and rung.guard is Guard.NOT_TAKEN_UP:
        return ("not taken up", number.get(body.instance), body.step, roles, fact.at)
    return ("told", number.get(body.instance), body.step, body.rung, body.how, roles, body.repeat, fact.at)


def script_of(seed: int) -> Script:
    """A script by chance: ten acts outside in a day, and when each handoff is first acted on, if ever."""
    chance = Random(seed)
    acts = {chance.randint(1, 79): chance.randint(0, 10**6) for _ in range(10)}
    return Script(acts, tuple(chance.choice((0, 1, 3, 9, None)) for _ in range(3)), 80)


def differ(protocol: Protocol, script: Script, seeds: tuple[int, int]) -> object:
    """What outsiders see of one of two worlds and not of the other, up to the end of either; None if nothing."""
    worlds = [play(protocol, script, each) for each in seeds]
    until = min((each.ended for each in worlds if each.ended is not None), default=1 << 62)
    one, other = (observed(each, until) for each in worlds)
    return None if one == other else [(a, b) for a, b in zip(one, other, strict=False) if a != b]


def main() -> None:
    """Compare many pairs of worlds and print how many differed outside: ``python -m tests.protocol.core_worlds``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    leaks = 0
    for seed in range(asked.seed, asked.seed + asked.pairs):
        made = compiled("post-arrest-advocacy") if seed % 10 == 0 else accepted(seed // 2)
        found = differ(made.protocol, script_of(seed), (2 * seed, 2 * seed + 1))
        if found is not None:
            leaks += 1
            sys.stdout.write(f"seed {seed}: {found}\n")
        if (seed + 1) % 1_000 == 0:
            sys.stdout.write(f"{seed + 1 - asked.seed:,} pairs of worlds, {leaks} observed to differ\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
