"""Where a point of the protocol lies for one instance, and what a condition says of a case.

Both read the same view of a case. A point is derived each time it is needed and never stored as truth; it is
None while something it is measured from is not known. Conditions are three-valued: None means "not known".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from protocol.engine import clocks
from protocol.engine.clocks import Stretch
from protocol.expressions import (
    OWNER,
    AnchorKind,
    Expr,
    Extreme,
    Joined,
    Offset,
    Point,
    Test,
    TestKind,
    Unit,
)
from protocol.kernel import Calendar, FieldType, Protocol
from protocol.names import Ref, Slug
from protocol.state import Instance, Instant, LanePause, Mark, Phase, Suspension, Value

DAYS = (Unit.DAY, Unit.WEEK, Unit.MONTH)


@dataclass(slots=True)
class View:
    """What points and conditions may read of a case at an instant."""

    protocol: Protocol
    fields: Mapping[Slug, Value]
    last: Mapping[Ref, Mark]
    instances: tuple[Instance, ...]
    now: Instant
    counters: Mapping[Slug, tuple[Instant, ...]] = field(default_factory=dict)
    pauses: tuple[LanePause, ...] = ()


def stretches(view: View, instance: Instance) -> tuple[Stretch, ...]:
    """The suspended stretches of an instance and of its lane, sorted and apart.

    Each ends at its cap if nothing ended it before.
    """
    if not instance.suspensions and not view.pauses:
        return ()
    lane = view.protocol.step[instance.step].lane
    found: list[Suspension | LanePause] = [*instance.suspensions]
    found.extend(each for each in view.pauses if each.lane == lane)
    merged: list[Stretch] = []
    for start, end in sorted(
        (each.start, each.cap if each.until is None else min(each.until, each.cap)) for each in found
    ):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif start < end:
            merged.append((start, end))
    return tuple(merged)


def suspended(view: View, instance: Instance) -> bool:
    """Whether the clock of an instance stands still now."""
    lane = view.protocol.step[instance.step].lane
    return any(each.until is None for each in instance.suspensions) or any(
        each.until is None and each.lane == lane for each in view.pauses
    )


def calendar_of(protocol: Protocol, agency: Slug, owner: Slug) -> Calendar:
    """The calendar of an agency, or of the owner's for ``OWNER``."""
    return protocol.calendar[owner if agency == OWNER else agency]


def count_of(view: View, name: Slug) -> int:
    """How much a counter counts now."""
    counting = view.protocol.field[name].counting
    found = view.counters.get(name, ())
    if counting is None or counting.within is None:
        return len(found)
    return sum(clocks.shift(view.protocol.clock, each, counting.within) > view.now for each in found)


def resolve(
    view: View, point: Point, instance: Instance, *, due: Instant | None = None, last_rung: Instant | None = None
) -> Instant | None:
    """The instant of a point for an instance, or None while it is not known."""
    if isinstance(point, Offset):
        return _offset(view, point, instance, due, last_rung)
    if isinstance(point, Extreme):
        found = [resolve(view, each, instance, due=due, last_rung=last_rung) for each in point.points]
        known = [each for each in found if each is not None]
        if not known:
            return None
        return min(known) if point.pick == "earliest" else max(known)
    chosen = point.then if truth(view, point.test) is True else point.otherwise
    return resolve(view, chosen, instance, due=due, last_rung=last_rung)


def _offset(
    view: View, point: Offset, instance: Instance, due: Instant | None, last_rung: Instant | None
) -> Instant | None:
    anchor = _anchor(view, point, instance, due, last_rung)
    if anchor is None:
        return None
    length = point.length
    pausable = point.anchor in (AnchorKind.DELIVERY, AnchorKind.DUE)
    still = stretches(view, instance) if pausable else ()
    if length.calendar is None and not still and (each := clocks.ELAPSED.get(length.unit)) is not None:
        return anchor - length.count * each if point.before else anchor + length.count * each
    calendar = calendar_of(view.protocol, length.calendar or instance.agency, instance.agency)
    if point.anchor in (AnchorKind.DUE, AnchorKind.LAST_RUNG) and point.length.unit in DAYS:
        # A duty due at midnight was due on the day that ended then: a day later is the end of the next one.
        anchor -= 1
    return clocks.shift(calendar, anchor, length, before=point.before, edge=point.edge, at=point.at, suspended=still)


def _anchor(
    view: View, point: Offset, instance: Instance, due: Instant | None, last_rung: Instant | None
) -> Instant | None:
    match point.anchor:
        case AnchorKind.DELIVERY:
            if instance.clock is not None:
                return instance.clock
            return instance.born if instance.delivered is None else instance.delivered
        case AnchorKind.DUE:
            return due
        case AnchorKind.LAST_RUNG:
            return last_rung
        case AnchorKind.FIELD:
            return _as_instant(view.fields.get(point.name or ""))
        case AnchorKind.ITEM:
            return _as_instant((instance.item or {}).get(point.name or ""))
        case AnchorKind.REF:
            mark = view.last.get(point.name or "")
            return None if mark is None else mark.effective


def _as_instant(value: Value | None) -> Instant | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def due_of(view: View, instance: Instance) -> tuple[Instant | None, Instant | None]:
    """The instance's (due, raw) instants; due is raw, but never before the instance's floor."""
    point = view.protocol.step[instance.step].due
    if point is None or instance.delivered is None:
        return None, None
    raw = resolve(view, point, instance)
    if raw is None:
        return None, None
    raw = max(raw, instance.grace)
    return max(raw, instance.floor), raw


def turns(view: View, test: Test) -> Iterator[Instant]:
    """The instants at which time alone may change a test."""
    counting = view.protocol.field[test.name].counting
    if counting is not None and counting.within is not None:
        for each in view.counters.get(test.name, ()):
            yield clocks.shift(view.protocol.clock, each, counting.within)
    elif test.test is TestKind.PASSED and (value := _as_instant(view.fields.get(test.name))) is not None:
        yield value


def truth(view: View, expr: Expr) -> bool | None:
    """True, False, or None when what the condition reads is not known (Kleene's three values)."""
    if isinstance(expr, Test):
        return _test(view, expr)
    return _joined(view, expr)


def _joined(view: View, expr: Joined) -> bool | None:
    deciding = expr.word == "or"
    unknown = False
    for part in expr.parts:
        found = truth(view, part)
        if found is deciding:
            return deciding
        unknown = unknown or found is None
    return None if unknown else not deciding


def _test(view: View, test: Test) -> bool | None:
    found = _plain_test(view, test)
    return found if found is None or not test.negate else not found


def _plain_test(view: View, test: Test) -> bool | None:
    if test.test is TestKind.HAPPENED:
        return test.name in view.last
    if test.test is TestKind.OPEN:
        names = view.protocol.known_as
        return any(names[each.step] == test.name and each.phase is Phase.OPEN for each in view.instances)
    known = view.protocol.field[test.name]
    if known.type is FieldType.DERIVED and known.expr is not None:
        derived = truth(view, known.expr)
        return derived is not None if test.test is TestKind.KNOWN else derived
    if known.type is FieldType.COUNT:
        return True if test.test is TestKind.KNOWN else _compare(test, count_of(view, test.name), view.now)
    value = view.fields.get(test.name)
    if test.test is TestKind.KNOWN:
        return value is not None
    return None if value is None else _compare(test, value, view.now)


def _compare(test: Test, value: Value, now: Instant) -> bool:
    if test.test is TestKind.TRUE:
        return value is True
    if test.test is TestKind.IS:
        return value == test.value
    if not isinstance(value, int):
        return False
    if test.test is TestKind.PASSED:
        return value <= now
    bound = test.value if isinstance(test.value, int) else 0
    return {
        TestKind.AT_LEAST: value >= bound,
        TestKind.AT_MOST: value <= bound,
        TestKind.OVER: value > bound,
        TestKind.UNDER: value < bound,
    }[test.test]
