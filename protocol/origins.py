"""Where occurrences and fields come from: which steps, events and agencies stand behind each. Pure look-ups."""

from __future__ import annotations

from collections.abc import Iterator

from protocol.expressions import (
    AnchorKind,
    Either,
    Expr,
    Extreme,
    Joined,
    Offset,
    Point,
    Test,
    TestKind,
)
from protocol.kernel import Link, Protocol, Step
from protocol.names import Ref, Slug


def step_of(protocol: Protocol, ref: Ref) -> Step | None:
    """The step whose occurrence this is; None for events, waits, counters and linked cases."""
    kind, _, name = ref.partition(":")
    return None if kind in ("event", "wait", "counter") else protocol.step.get(name.partition("/")[0])


def link_of(protocol: Protocol, ref: Ref) -> Link | None:
    """The link whose linked case opened or ended."""
    kind, _, name = ref.partition(":")
    return protocol.link.get(name) if kind in ("opened", "ended") else None


def owners_of(protocol: Protocol, step: Step) -> tuple[Slug, ...]:
    """The agencies that may own an instance of a step."""
    if step.chosen is None:
        return (step.agency,)
    return tuple(dict.fromkeys(protocol.role[each].agency for each in step.chosen.roles if each in protocol.role))


def voters_of(protocol: Protocol, step: Step) -> tuple[Slug, ...]:
    """The roles whose people may vote on a step: its voting roles, and who stands in for them."""
    return standing_in(protocol, () if step.votes is None else step.votes.roles)


def standing_in(protocol: Protocol, roles: tuple[Slug, ...]) -> tuple[Slug, ...]:
    """The roles, then those who may act for them: their deputies, and whom they are deputies of."""
    deputies = [protocol.role[each].deputy for each in roles]
    represented = [each.id for each in protocol.roles if each.deputy in roles]
    return tuple(dict.fromkeys((*roles, *(each for each in deputies if each is not None), *represented)))


def setters(protocol: Protocol, field: Slug) -> tuple[Ref, ...]:
    """The occurrences that may give a field (or vault slot) its value."""
    asked = [
        f"outcome:{step.id}/{outcome.id}"
        for step in protocol.steps
        for outcome in step.outcomes
        if any(ask.name == field for ask in outcome.asks)
    ]
    brought = [f"event:{each.id}" for each in protocol.events if field in (*each.brings, *each.may_bring)]
    return (*asked, *brought)


def behind(protocol: Protocol, ref: Ref) -> tuple[Ref, ...]:
    """The occurrences an occurrence of time or counting follows from; none for what people and the world do."""
    kind, _, name = ref.partition(":")
    if kind == "wait":
        wait = protocol.wait[name]
        return wait.armed_by or setters(protocol, wait.at.name or "")
    if kind == "counter":
        counting = protocol.field[name.partition("/")[0]].counting
        return () if counting is None else counting.of
    return ()


def agencies_behind(protocol: Protocol, ref: Ref) -> set[Slug]:
    """The agencies whose acts may bring an occurrence about."""
    kind, _, name = ref.partition(":")
    if kind == "event":
        return set(protocol.event[name].sources)
    step, link = step_of(protocol, ref), link_of(protocol, ref)
    if step is not None:
        return set(owners_of(protocol, step))
    found = behind(protocol, ref) if link is None else tuple(each for arm in link.when.arms for each in arm)
    return {agency for each in found if each != ref for agency in agencies_behind(protocol, each)}


def offsets(point: Point | None) -> Iterator[Offset]:
    """Every offset of a point."""
    if isinstance(point, Offset):
        yield point
    elif isinstance(point, Extreme):
        for each in point.points:
            yield from offsets(each)
    elif isinstance(point, Either):
        yield from offsets(point.then)
        yield from offsets(point.otherwise)


def tests(expr: Expr) -> Iterator[Test]:
    """Every test of a condition."""
    if isinstance(expr, Joined):
        for part in expr.parts:
            yield from tests(part)
    else:
        yield expr


def refs_read(protocol: Protocol, expr: Expr) -> Iterator[Ref]:
    """The occurrences a condition asks about, through derived fields too."""
    for test in tests(expr):
        if test.test is TestKind.HAPPENED:
            yield test.name
        elif test.test is not TestKind.OPEN:
            found = protocol.field[test.name]
            if found.expr is not None:
                yield from refs_read(protocol, found.expr)
            if found.counting is not None:
                yield from found.counting.of


def fields_read(protocol: Protocol, expr: Expr) -> Iterator[Slug]:
    """The stored fields a condition reads, through derived fields too."""
    for test in tests(expr):
        if test.test in (TestKind.HAPPENED, TestKind.OPEN):
            continue
        found = protocol.field[test.name]
        if found.expr is not None:
            yield from fields_read(protocol, found.expr)
        elif found.counting is None:
            yield test.name


def point_fields(protocol: Protocol, point: Point | None) -> Iterator[Slug]:
    """The stored fields a time is measured from or depends on."""
    for each in offsets(point):
        if each.anchor is AnchorKind.FIELD and each.name is not None:
            yield each.name
    if isinstance(point, Either):
        yield from fields_read(protocol, point.test)
