"""Two windows compared as functions of the moment of delivery: never later, never sooner, or sooner and later.

Between two breakpoints (a boundary of a calendar's day, a change of the clocks, or a delivery whose due time meets one)
both due times either stand still or move with the delivery, so what lies between them is linear there and its extremes
are at the breakpoints' two sides (council.md section 2). Days whose surroundings are alike are looked at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from protocol.engine import clocks
from protocol.engine.points import View, resolve
from protocol.expressions import (
    OWNER,
    AnchorKind,
    Extreme,
    Offset,
    Point,
    Unit,
)
from protocol.kernel import Calendar, Protocol
from protocol.names import Slug
from protocol.state import Instance, Instant, Phase

DAY = 24 * 60 * 60 * 1_000_000
LOOKS_AHEAD = 12
"""Days around a day that decide whether it is like another; windows of more counted days add theirs."""

MOST_DAYS = 3_000


class Verdict(StrEnum):
    """How a newer window lies to an older one."""

    SAME = "same"
    SOONER = "never later"
    LATER = "never sooner"
    MIXED = "sooner and later"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """The verdict, with the most a due time moves each way, in microseconds."""

    verdict: Verdict
    sooner: int = 0
    later: int = 0


def compare(old: Protocol, new: Protocol, before: Point, after: Point, agency: Slug) -> Compared:
    """Compare the windows of a step of an agency.

    A window measured from something else than its delivery is compared part by part with one of the same shape; where
    the shapes differ nothing is decided, and that counts as the loss of a safeguard.
    """
    if before == after and not _hours_differ(old, new, before, agency):
        return Compared(verdict=Verdict.SAME)
    if _from_delivery(before) and _from_delivery(after):
        return _measured(old, new, before, after, agency)
    return _part_by_part(old, new, before, after, agency)


def _measured(old: Protocol, new: Protocol, before: Point, after: Point, agency: Slug) -> Compared:
    sooner = later = 0
    for at in moments(old, new, before, after, agency):
        first, second = _due(old, before, agency, at), _due(new, after, agency, at)
        if first is None or second is None:
            return Compared(verdict=Verdict.UNDECIDED)
        sooner, later = max(sooner, first - second), max(later, second - first)
    return Compared(verdict=_verdict(sooner, later), sooner=sooner, later=later)


def _verdict(sooner: int, later: int) -> Verdict:
    if sooner and later:
        return Verdict.MIXED
    return Verdict.SOONER if sooner else Verdict.LATER if later else Verdict.SAME


def _part_by_part(old: Protocol, new: Protocol, before: Point, after: Point, agency: Slug) -> Compared:
    """Extremes grow with each of their parts, so parts that all move one way move the whole that way."""
    if isinstance(before, Extreme) and isinstance(after, Extreme) and before.pick == after.pick:
        if len(before.points) != len(after.points):
            return Compared(verdict=Verdict.UNDECIDED)
        pairs = zip(before.points, after.points, strict=True)
        found = [compare(old, new, first, second, agency) for first, second in pairs]
        if any(each.verdict is Verdict.UNDECIDED for each in found):
            return Compared(verdict=Verdict.UNDECIDED)
        sooner, later = max(each.sooner for each in found), max(each.later for each in found)
        return Compared(verdict=_verdict(sooner, later), sooner=sooner, later=later)
    if isinstance(before, Offset) and isinstance(after, Offset):
        same = (before.anchor, before.name) == (after.anchor, after.name)
        if same:
            # Measured from the same moment, whatever it is: as if that were the delivery, backwards too.
            return _measured(old, new, _as_delivery(before), _as_delivery(after), agency)
    return Compared(verdict=Verdict.UNDECIDED)


def _as_delivery(point: Offset) -> Offset:
    return Offset(anchor=AnchorKind.DELIVERY, length=point.length, before=point.before, edge=point.edge, at=point.at)


def _from_delivery(point: Point) -> bool:
    if isinstance(point, Extreme):
        return all(_from_delivery(each) for each in point.points)
    return isinstance(point, Offset) and point.anchor is AnchorKind.DELIVERY


def _hours_differ(old: Protocol, new: Protocol, point: Point, agency: Slug) -> bool:
    if old.zone != new.zone:
        return True
    return any(old.calendar.get(each) != new.calendar.get(each) for each in _calendars(point, agency))


def _calendars(point: Point, agency: Slug) -> Iterator[Slug]:
    if isinstance(point, Extreme):
        for each in point.points:
            yield from _calendars(each, agency)
    elif isinstance(point, Offset) and point.length.calendar is not None:
        yield point.length.calendar if point.length.calendar != OWNER else agency


def _due(protocol: Protocol, point: Point, agency: Slug, at: Instant) -> Instant | None:
    instance = Instance(
        n=1, step=next(iter(protocol.step)), agency=agency, phase=Phase.OPEN, born=at, cause="event:delivered",
        cause_effective=at, delivered=at, owners=(),
    )  # fmt: skip
    return resolve(View(protocol, {}, {}, (), at), point, instance)


def moments(old: Protocol, new: Protocol, before: Point, after: Point, agency: Slug) -> list[Instant]:
    """Every delivery at which two windows can begin to lie otherwise to each other, and a moment before it."""
    edges: set[Instant] = set()
    pairs = ((old, before), (new, after))
    calendars = {_calendar(side, each) for side, point in pairs for each in _calendars(point, agency)}
    clocks_ = [*calendars, old.clock, new.clock]
    spread = LOOKS_AHEAD + max((_days(each) for _, point in pairs for each in _offsets(point)), default=0)
    known = tuple(sorted(calendars, key=lambda each: each.id))
    for day in _days_unlike(frozenset({old.zone, new.zone}), min(old.horizon, new.horizon), known, spread):
        for calendar in clocks_:
            minutes = {0, *(edge for span in clocks.hours_of(calendar, day) for edge in span)}
            minutes |= {each.at for _, point in pairs for each in _offsets(point) if each.at is not None}
            for minute in minutes:
                edges.add(clocks.local_instant(calendar.zone, day, minute, last=False))
                edges.add(clocks.local_instant(calendar.zone, day, minute, last=True))
    back = {
        clocks.shift(_calendar(side, each.length.calendar or agency, agency), edge, each.length, before=not each.before)
        for side, point in pairs
        for each in _offsets(point)
        if each.length.unit in (Unit.SECOND, Unit.MINUTE, Unit.HOUR)
        for edge in edges
    }
    return sorted({each + d for each in edges | back for d in (-1, 0, 1)})


def _calendar(protocol: Protocol, name: Slug, agency: Slug = "") -> Calendar:
    return protocol.calendar.get(agency if name == OWNER else name, protocol.clock)


def _offsets(point: Point) -> Iterator[Offset]:
    if isinstance(point, Extreme):
        for each in point.points:
            yield from _offsets(each)
    elif isinstance(point, Offset):
        yield point


def _days(offset: Offset) -> int:
    length = offset.length
    each = {Unit.DAY: 1, Unit.WEEK: 7, Unit.MONTH: 31}.get(length.unit, 0)
    hours = length.count // 8 if length.unit is Unit.HOUR and length.calendar else 0
    return length.count * each * (2 if length.calendar else 1) + hours


@lru_cache(maxsize=64)
def _days_unlike(zones: frozenset[str], horizon: int, calendars: tuple[Calendar, ...], spread: int) -> tuple[int, ...]:
    """Days of the years that both texts know, one of each kind: alike in weekday, closed days and changes of clocks."""
    last = horizon - spread
    first = max(last - MOST_DAYS, last - 366 * 5)
    closed = [frozenset(each.closed) for each in calendars]
    shifts = _clock_changes(zones, first - spread, last + spread)
    found: dict[tuple[object, ...], int] = {}
    for day in range(first, last):
        around = range(day - spread, day + spread + 1)
        kind = (
            day % 7,
            tuple(tuple(each - day for each in around if each in shut) for shut in closed),
            tuple((each - day, shifts[each]) for each in around if each in shifts),
        )
        found.setdefault(kind, day)
    return tuple(sorted(found.values()))


def _clock_changes(zones: frozenset[str], first: int, last: int) -> dict[int, tuple[int, ...]]:
    """The days that are longer or shorter than others, and by how much in each zone."""
    found: dict[int, tuple[int, ...]] = {}
    for day in range(first, last):
        longer = tuple(
            clocks.local_instant(zone, day + 1, 0, last=False) - clocks.local_instant(zone, day, 0, last=False) - DAY
            for zone in sorted(zones)
        )
        if any(longer):
            found[day] = longer
    return found
