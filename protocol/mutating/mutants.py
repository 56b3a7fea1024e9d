"""Every mutant of a compiled protocol: the same text with one thing wrong in it.

Made of the kernel, not of the text, so that each runs: what the checks would find before publishing
(``tests/protocol/mutants.py`` breaks texts for them) is not asked of scenarios. A mutant names what it is about, so
that only the scenarios which come by there need to be played.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from protocol.compiling.ladders import unwritten
from protocol.expressions import (
    Either,
    Expr,
    Extreme,
    Joined,
    Length,
    Offset,
    Point,
    Unit,
)
from protocol.kernel import (
    Act,
    ActKind,
    Event,
    Field,
    Guard,
    Outcome,
    Protocol,
    Rung,
    Step,
    When,
)
from protocol.names import Ref

T = TypeVar("T")
FIRST_ACTS = (ActKind.TELL, ActKind.PAGE)
HANDS_ON = (ActKind.ADD, ActKind.MOVE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """One changed protocol. ``about``: what a scenario must come by to notice, as ``step:..``, ``event:..``."""

    kind: str
    unit: str
    about: frozenset[str]
    protocol: Protocol


def mutants(protocol: Protocol) -> Iterator[Mutant]:
    """Every mutant, step by step in text order, then events, record and calendars."""
    for step in protocol.steps:
        if step.stands_for is None:
            yield from _of_step(protocol, step)
    for event in protocol.events:
        for kind, acts in _without(event.acts, "act"):
            yield _event(protocol, event, kind, replace(event, acts=acts))
    for field in protocol.fields:
        if field.expr is not None:
            yield _field(protocol, field, field.expr)
    for calendar in protocol.calendars:
        if calendar.closed:
            days = tuple(replace(e, closed=()) if e.id == calendar.id else e for e in protocol.calendars)
            about = frozenset(f"step:{each.id}" for each in protocol.steps if each.agency == calendar.id)
            changed = replace(protocol, calendars=days)
            yield Mutant(kind="holidays dropped", unit=f"calendar:{calendar.id}", about=about, protocol=changed)


def _of_step(protocol: Protocol, step: Step) -> Iterator[Mutant]:
    for kind, changed in _changes(protocol, step):
        steps = tuple(changed if each.id == step.id else each for each in protocol.steps)
        about = {f"step:{step.id}", *(_from(ref) for arm in (*step.when.arms, *changed.when.arms) for ref in arm)}
        yield Mutant(
            kind=kind,
            unit=f"step:{step.id}",
            about=frozenset(about),
            protocol=replace(protocol, steps=steps),
        )


def _changes(protocol: Protocol, step: Step) -> Iterator[tuple[str, Step]]:
    yield from _clock(step)
    for kind, when in _whens(protocol, step.when):
        yield kind, replace(step, when=when)
    for number, rung in enumerate(step.rungs):
        if unwritten(step, rung):
            continue
        yield "rung dropped", replace(step, rungs=(*step.rungs[:number], *step.rungs[number + 1 :]))
        for kind, changed in _rungs(protocol, step, rung):
            yield kind, replace(step, rungs=_put(step.rungs, number, changed))
    for number, outcome in enumerate(step.outcomes):
        for kind, other in _outcomes(outcome):
            yield kind, replace(step, outcomes=_put(step.outcomes, number, other))
    yield from _people(protocol, step)


def _clock(step: Step) -> Iterator[tuple[str, Step]]:
    """Its window, its waiting, its rounds, what stops it."""
    if step.due is not None:
        for kind, due in _points(step.due):
            yield kind, replace(step, due=due)
    if step.not_before is not None:
        yield "waiting dropped", replace(step, not_before=None)
    if step.series is not None and step.series.after:
        yield "round dropped", replace(step, series=replace(step.series, after=step.series.after[:-1]))
    if step.series is not None and step.series.every is not None:
        for kind, every in _lengths(step.series.every):
            # Rounds without a time between them would never end.
            if every.count:
                yield kind, replace(step, series=replace(step.series, every=every))
    if step.pausing.condition is not None:
        yield "guard negated", replace(step, pausing=replace(step.pausing, condition=negated(step.pausing.condition)))
    if step.pausing.cap is not None:
        yield "cap dropped", replace(step, pausing=replace(step.pausing, cap=None))


def _people(protocol: Protocol, step: Step) -> Iterator[tuple[str, Step]]:
    """Who owes it, how often it is tried, how many decide it."""
    if step.tries is not None:
        for count in (step.tries.count - 1, step.tries.count + 1):
            if count > 0:
                yield "tries counted wrong", replace(step, tries=replace(step.tries, count=count))
    if step.votes is not None:
        for needed in (step.votes.needed - 1, step.votes.needed + 1):
            if 0 < needed <= len(step.votes.roles):
                yield "votes counted wrong", replace(step, votes=replace(step.votes, needed=needed))
    other = next((each for each in protocol.agency[step.agency].roles if each != step.role), None)
    if step.chosen is None and other is not None:
        yield "owner swapped", replace(step, role=other)


def _whens(protocol: Protocol, when: When) -> Iterator[tuple[str, When]]:
    for number, arm in enumerate(when.arms):
        for ref in arm:
            left = tuple(each for each in arm if each != ref)
            if left or len(when.arms) > 1:
                arms = (*when.arms[:number], *((left,) if left else ()), *when.arms[number + 1 :])
                yield "trigger dropped", replace(when, arms=arms)
            for rerouted in _other_outcomes(protocol, ref)[:1]:
                swapped = tuple(rerouted if each == ref else each for each in arm)
                yield (
                    "outcome rerouted",
                    replace(when, arms=(*when.arms[:number], swapped, *when.arms[number + 1 :])),
                )
    if len(when.arms) > 1:
        yield "any for all", replace(when, arms=(tuple(ref for arm in when.arms for ref in arm),))
    elif when.arms and len(when.arms[0]) > 1:
        yield "all for any", replace(when, arms=tuple((ref,) for ref in when.arms[0]))
    if when.latest is not None:
        yield "time-out dropped", replace(when, latest=None)
    for kind, only_if in _guards(when.only_if):
        yield kind, replace(when, only_if=only_if)
    for kind, unless in _guards(when.unless):
        yield kind, replace(when, unless=unless)


def _guards(tests: tuple[Expr, ...]) -> Iterator[tuple[str, tuple[Expr, ...]]]:
    for number, test in enumerate(tests):
        yield "guard dropped", (*tests[:number], *tests[number + 1 :])
        yield "guard negated", _put(tests, number, negated(test))


def _other_outcomes(protocol: Protocol, ref: Ref) -> list[Ref]:
    """Of an outcome that opens something: the step's others."""
    kind, _, name = ref.partition(":")
    step, _, outcome = name.partition("/")
    known = protocol.step.get(step)
    if kind != "outcome" or known is None:
        return []
    return [f"outcome:{step}/{each.id}" for each in known.outcomes if each.id != outcome]


def _rungs(protocol: Protocol, step: Step, rung: Rung) -> Iterator[tuple[str, Rung]]:
    for kind, at in _points(rung.at):
        # One more is noticed by whatever notices twice as much.
        if kind != "window one more":
            yield f"rung's {kind}", replace(rung, at=at)
    if rung.guard is not Guard.NONE:
        yield "acknowledgement dropped", replace(rung, guard=Guard.NONE)
    if rung.only_if is not None:
        yield "guard negated", replace(rung, only_if=negated(rung.only_if))
    mates = {*protocol.agency[step.agency].roles, *protocol.agency[step.agency].leads}
    for number, act in enumerate(rung.acts):
        if act.act in HANDS_ON:
            yield "told for handed on", replace(rung, acts=_put(rung.acts, number, replace(act, act=ActKind.TELL)))
        elif act.act in FIRST_ACTS and set(act.targets) <= mates:
            moved = replace(act, act=ActKind.MOVE, targets=act.targets[:1])
            yield "handed on for told", replace(rung, acts=_put(rung.acts, number, moved))
    if len(rung.acts) > 1:
        yield from ((kind, replace(rung, acts=acts)) for kind, acts in _without(rung.acts, "act of a rung"))


def _outcomes(outcome: Outcome) -> Iterator[tuple[str, Outcome]]:
    for kind, acts in _without(outcome.acts, "act"):
        yield kind, replace(outcome, acts=acts)
    if outcome.only_if is not None:
        yield "guard negated", replace(outcome, only_if=negated(outcome.only_if))


def _without(acts: tuple[Act, ...], what: str) -> Iterator[tuple[str, tuple[Act, ...]]]:
    """Each act, and each target of one that has several, left out."""
    for number, act in enumerate(acts):
        if len(act.targets) < 2:
            yield f"{what} dropped", (*acts[:number], *acts[number + 1 :])
            continue
        for target in act.targets:
            left = tuple(each for each in act.targets if each != target)
            yield f"{what} dropped", _put(acts, number, replace(act, targets=left))


def _put(values: Sequence[T], number: int, value: T) -> tuple[T, ...]:
    return (*values[:number], value, *values[number + 1 :])


def _points(point: Point) -> Iterator[tuple[str, Point]]:
    match point:
        case Offset():
            for kind, length in _lengths(point.length):
                yield kind, replace(point, length=length)
        case Extreme():
            yield "earliest for latest", replace(point, pick="earliest" if point.pick == "latest" else "latest")
            for number, each in enumerate(point.points):
                for kind, changed in _points(each):
                    yield kind, replace(point, points=_put(point.points, number, changed))
        case Either():
            yield "guard negated", replace(point, test=negated(point.test))
            yield from ((kind, replace(point, then=each)) for kind, each in _points(point.then))
            yield from ((kind, replace(point, otherwise=each)) for kind, each in _points(point.otherwise))


def _lengths(length: Length) -> Iterator[tuple[str, Length]]:
    if length.count:
        yield "window doubled", replace(length, count=2 * length.count)
        yield "window one less", replace(length, count=length.count - 1)
        yield "window one more", replace(length, count=length.count + 1)
        if length.calendar is not None and length.unit is not Unit.SECOND:
            yield "working time on the clock", replace(length, calendar=None)


def _event(protocol: Protocol, event: Event, kind: str, changed: Event) -> Mutant:
    events = tuple(changed if each.id == event.id else each for each in protocol.events)
    about = frozenset({f"event:{event.id}"})
    return Mutant(kind=kind, unit=f"event:{event.id}", about=about, protocol=replace(protocol, events=events))


def _field(protocol: Protocol, field: Field, expr: Expr) -> Mutant:
    """A named condition the other way round; every scenario may come by it."""
    fields = tuple(replace(each, expr=negated(expr)) if each.id == field.id else each for each in protocol.fields)
    about = frozenset(f"step:{each.id}" for each in protocol.steps)
    changed = replace(protocol, fields=fields)
    return Mutant(kind="guard negated", unit=f"field:{field.id}", about=about, protocol=changed)


def negated(expr: Expr) -> Expr:
    """A condition that is true where this one is false; unknown stays unknown."""
    if isinstance(expr, Joined):
        return Joined(word="or" if expr.word == "and" else "and", parts=tuple(negated(each) for each in expr.parts))
    return replace(expr, negate=not expr.negate)


def _from(ref: Ref) -> str:
    """What a cause comes from: a step, an event, or itself."""
    kind, _, name = ref.partition(":")
    return f"event:{name}" if kind == "event" else f"step:{name.partition('/')[0]}"
