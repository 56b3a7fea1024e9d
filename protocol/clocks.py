"""Time arithmetic on an agency's calendar: elapsed time, open hours, counted days, across clock changes.

Rules (reference §4 Clocks). A length of hours is counted as elapsed time inside local opening intervals.
A missing local time moves forward to the next instant; a repeated hour is counted as it elapses, opening at the
first and falling due at the second. A length of days ends at the close of the n-th counting day after the
starting day (24:00 for plain days), or at a stated time of that day. Suspended stretches do not count.
Everything is exact: instants are microseconds, and nothing is rounded.
"""

from __future__ import annotations

import calendar as month_table
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from protocol.kernel import Calendar, Edge, Length, Unit
from protocol.state import Instant

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ELAPSED = {Unit.SECOND: SECOND, Unit.MINUTE: MINUTE, Unit.HOUR: HOUR}
DAY_END = 24 * 60
SEARCH_DAYS = 3660
"""How far a search for an open day goes. A calendar that never opens is refused at compile time."""

Stretch = tuple[Instant, Instant]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def instant(moment: datetime) -> Instant:
    """Microseconds since the epoch of an aware datetime."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def moment(at: Instant, zone: str = "UTC") -> datetime:
    """The aware datetime of an instant, in a zone."""
    return (_EPOCH + timedelta(microseconds=at)).astimezone(ZoneInfo(zone))


@lru_cache(maxsize=65536)
def local_instant(zone: str, day: int, minute: int, *, last: bool) -> Instant:
    """The instant of a local minute of a day.

    A repeated minute gives its first instant, or its second if ``last``. A missing one gives the next instant
    that exists, the moment the clocks moved.
    """
    wall = datetime.fromordinal(day) + timedelta(minutes=minute)
    first = wall.replace(tzinfo=ZoneInfo(zone), fold=0)
    second = wall.replace(tzinfo=ZoneInfo(zone), fold=1)
    early, late = instant(first.astimezone(UTC)), instant(second.astimezone(UTC))
    if early > late:
        return _change_between(zone, late, early)
    return late if last else early


def _change_between(zone: str, low: Instant, high: Instant) -> Instant:
    """The instant in (low, high] at which the zone's offset changes (zone rules change on whole seconds)."""
    before = moment(low, zone).utcoffset()
    while high - low > SECOND:
        middle = low + (high - low) // (2 * SECOND) * SECOND
        if moment(middle, zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


@lru_cache(maxsize=65536)
def local_day(zone: str, at: Instant) -> int:
    """The local date of an instant, as an ordinal."""
    return moment(at, zone).toordinal()


def hours_of(calendar: Calendar, day: int) -> tuple[tuple[int, int], ...]:
    """Opening intervals of a local day, in minutes; empty when closed."""
    if calendar.always:
        return ((0, DAY_END),)
    if day in calendar.closed:
        return ()
    return calendar.week[(day + 6) % 7]


def open_stretches(calendar: Calendar, start: Instant, *, back: bool = False) -> Iterator[Stretch]:
    """Opening intervals as instants, from the day of ``start`` onwards (or backwards, latest first)."""
    today = local_day(calendar.zone, start)
    for count in range(SEARCH_DAYS):
        day = today - count if back else today + count
        spans = hours_of(calendar, day)
        for opens, closes in reversed(spans) if back else spans:
            yield (
                local_instant(calendar.zone, day, opens, last=False),
                local_instant(calendar.zone, day, closes, last=True),
            )


def _without(stretch: Stretch, suspended: tuple[Stretch, ...]) -> Iterator[Stretch]:
    """The parts of a stretch outside the suspended ones, in order."""
    start, end = stretch
    for low, high in suspended:
        if high <= start or low >= end:
            continue
        if low > start:
            yield start, low
        start = max(start, high)
    if start < end:
        yield start, end


def _forward(stretches: Iterator[Stretch], start: Instant, budget: int, suspended: tuple[Stretch, ...]) -> Instant:
    """The least instant at which ``budget`` microseconds have run inside the stretches, from ``start``."""
    for opens, closes in stretches:
        if closes <= start:
            continue
        for low, high in _without((max(opens, start), closes), suspended):
            if high - low >= budget:
                return low + budget
            budget -= high - low
    raise OverflowError("no open time found within the search horizon")


def _backward(stretches: Iterator[Stretch], end: Instant, budget: int) -> Instant:
    """The greatest instant from which ``budget`` microseconds run inside the stretches until ``end``."""
    for opens, closes in stretches:
        if opens >= end:
            continue
        low, high = opens, min(closes, end)
        if high - low >= budget:
            return high - budget
        budget -= high - low
    raise OverflowError("no open time found within the search horizon")


def _day_moment(calendar: Calendar, day: int, edge: Edge, at: int | None, *, plain: bool) -> Instant | None:
    """The moment of a counted day that a length ends at; None when the day does not count."""
    spans = ((0, DAY_END),) if plain else hours_of(calendar, day)
    if not spans:
        return None
    if edge is Edge.AT and at is not None:
        return local_instant(calendar.zone, day, at, last=True)
    if edge is Edge.START:
        return local_instant(calendar.zone, day, spans[0][0], last=False)
    return local_instant(calendar.zone, day, spans[-1][1], last=True)


def _in(at: Instant, suspended: tuple[Stretch, ...]) -> bool:
    return any(low < at <= high for low, high in suspended)


@lru_cache(maxsize=65536)
def _counted_day(  # noqa: PLR0913 - the parts of one limit
    calendar: Calendar,
    start: Instant,
    length: Length,
    *,
    before: bool,
    edge: Edge,
    at: int | None,
    suspended: tuple[Stretch, ...],
) -> Instant:
    plain = length.calendar is None
    today = local_day(calendar.zone, start)
    left = length.count * (7 if length.unit is Unit.WEEK else 1)
    if left == 0:
        for day in range(today, today + SEARCH_DAYS):
            found = _day_moment(calendar, day, edge, at, plain=plain)
            if found is not None and found >= start and not _in(found, suspended):
                return found
    step = -1 if before else 1
    for count in range(1, SEARCH_DAYS):
        found = _day_moment(calendar, today + step * count, edge, at, plain=plain)
        if found is None or _in(found, suspended):
            continue
        left -= 1
        if left == 0:
            return found
    raise OverflowError("no counting day found within the search horizon")


def _month_day(day: int, months: int) -> int:
    """The same date some months away, clipped to the month's last day."""
    start = date.fromordinal(day)
    index = start.year * 12 + start.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(start.day, month_table.monthrange(year, month + 1)[1])).toordinal()


def shift(  # noqa: PLR0913 - the parts of one limit, each named where it is called
    calendar: Calendar,
    start: Instant,
    length: Length,
    *,
    before: bool = False,
    edge: Edge = Edge.END,
    at: int | None = None,
    suspended: tuple[Stretch, ...] = (),
) -> Instant:
    """The instant a length after (or before) ``start``.

    ``calendar`` gives the zone for plain days and the hours for counted ones. ``suspended`` are sorted, disjoint
    stretches that do not count; they are ignored when going back, for a pause moves no hearing.

    Raises:
        OverflowError: the calendar has no open time within ten years (refused when compiling).
    """
    if length.unit is Unit.MONTH:
        day = _month_day(local_day(calendar.zone, start), -length.count if before else length.count)
        minute = DAY_END if at is None else at
        return local_instant(calendar.zone, day, minute, last=True)
    if length.unit in (Unit.DAY, Unit.WEEK):
        return _counted_day(
            calendar, start, length, before=before, edge=edge, at=at, suspended=() if before else suspended
        )
    budget = length.count * ELAPSED[length.unit]
    if length.calendar is None:
        if before:
            return start - budget
        return _forward(iter(((start, 1 << 62),)), start, budget, suspended) if budget else start
    if budget == 0:
        return start
    stretches = open_stretches(calendar, start, back=before)
    return _backward(stretches, start, budget) if before else _forward(stretches, start, budget, suspended)


def consumed(calendar: Calendar | None, start: Instant, end: Instant, suspended: tuple[Stretch, ...] = ()) -> int:
    """Microseconds that count between two instants: elapsed, or inside the calendar's open hours."""
    if end <= start:
        return 0
    if calendar is None:
        return sum(high - low for low, high in _without((start, end), suspended))
    total = 0
    for opens, closes in open_stretches(calendar, start):
        if opens >= end:
            break
        low, high = max(opens, start), min(closes, end)
        if low < high:
            total += sum(b - a for a, b in _without((low, high), suspended))
    return total
