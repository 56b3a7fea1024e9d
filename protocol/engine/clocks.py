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

from protocol.expressions import Edge, Length, Unit
from protocol.kernel import Calendar
from protocol.state import Instant

SECOND = 1_000_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
ELAPSED = {Unit.SECOND: SECOND, Unit.MINUTE: MINUTE, Unit.HOUR: HOUR}
DAY_END = 24 * 60
SEARCH_DAYS = 3660
"""How many closed days in a row a search passes over. A calendar that never opens is refused at compile time."""

FOR_EVER = 1 << 62

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


@lru_cache(maxsize=1024)
def _closed(calendar: Calendar) -> frozenset[int]:
    return frozenset(calendar.closed)


def hours_of(calendar: Calendar, day: int) -> tuple[tuple[int, int], ...]:
    """Opening intervals of a local day, in minutes; empty when closed."""
    if calendar.always:
        return ((0, DAY_END),)
    if day in _closed(calendar):
        return ()
    return calendar.week[(day + 6) % 7]


@lru_cache(maxsize=65536)
def _spans(calendar: Calendar, day: int) -> tuple[Stretch, ...]:
    """Opening intervals of a local day, as instants; in a repeated hour one may begin before the last has ended."""
    return tuple(
        (
            local_instant(calendar.zone, day, opens, last=False),
            local_instant(calendar.zone, day, closes, last=True),
        )
        for opens, closes in hours_of(calendar, day)
    )


def open_stretches(calendar: Calendar, start: Instant, *, back: bool = False) -> Iterator[Stretch]:
    """Opening intervals as instants, from the day of ``start`` onwards (or backwards, latest first); none overlap."""
    today = local_day(calendar.zone, start)
    step = -1 if back else 1
    edge: Instant | None = None
    day = idle = 0
    while idle < SEARCH_DAYS:
        spans = _spans(calendar, today + day)
        for opens, closes in reversed(spans) if back else spans:
            low, high = (opens, closes) if edge is None else _apart(opens, closes, edge, back=back)
            if low < high:
                yield low, high
                edge = low if back else high
        day += step
        idle = 0 if spans else idle + 1


def _apart(opens: Instant, closes: Instant, edge: Instant, *, back: bool) -> Stretch:
    """An interval without what the one before it has in common with it."""
    return (opens, min(closes, edge)) if back else (max(opens, edge), closes)


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


def _day_moment(calendar: Calendar, day: int, edge: Edge, at: int | None, *, plain: bool) -> Instant:
    """The moment of a counted day that a length ends at."""
    if edge is Edge.AT and at is not None:
        return local_instant(calendar.zone, day, at, last=True)
    spans = ((0, DAY_END),) if plain else hours_of(calendar, day)
    if edge is Edge.START:
        return local_instant(calendar.zone, day, spans[0][0], last=False)
    return local_instant(calendar.zone, day, spans[-1][1], last=True)


@lru_cache(maxsize=65536)
def _counted_day(  # noqa: PLR0913 - the parts of one limit
    calendar: Calendar,
    start: Instant,
    count: int,
    *,
    plain: bool,
    before: bool,
    edge: Edge,
    at: int | None,
    suspended: tuple[Stretch, ...],
) -> Instant:
    """The moment of the ``count``-th counting day after (or before) the day of ``start``; of the first from it if 0."""
    today = local_day(calendar.zone, start)
    if plain and count and not suspended:
        return _day_moment(calendar, today + (-count if before else count), edge, at, plain=True)
    left = count
    for day in _open_days(calendar, today, plain=plain, before=before and count > 0):
        if day == today and count > 0:
            continue
        if left <= 1 or suspended:
            found = _day_moment(calendar, day, edge, at, plain=plain)
            if any(low < found <= high for low, high in suspended) or (count == 0 and found < start):
                continue
            if left <= 1:
                return found
        left -= 1
    raise OverflowError("no counting day found within the search horizon")


def _open_days(calendar: Calendar, today: int, *, plain: bool, before: bool) -> Iterator[int]:
    """The open days from ``today`` on, or backwards; every day if ``plain``."""
    every = plain or calendar.always
    closed, week = _closed(calendar), calendar.week
    step = -1 if before else 1
    day, idle = today, 0
    while idle < SEARCH_DAYS:
        if every or (day not in closed and week[(day + 6) % 7]):
            yield day
            idle = 0
        idle += 1
        day += step


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
    stretches that do not count; they are ignored when going back, for a pause moves no hearing. A day whose moment
    lies in one does not count, or whose moment is the end of one; months are as many days as lie between the dates.

    Raises:
        OverflowError: the calendar has no open time within ten years (refused when compiling).
    """
    if before:
        suspended = ()
    each = ELAPSED.get(length.unit)
    if each is not None:
        budget = length.count * each
        if length.calendar is not None and budget:
            stretches = open_stretches(calendar, start, back=before)
            return _backward(stretches, start, budget) if before else _forward(stretches, start, budget, suspended)
        if suspended and budget:
            return _forward(iter(((start, FOR_EVER),)), start, budget, suspended)
        return start - budget if before else start + budget
    count, plain = length.count, length.calendar is None
    if length.unit is Unit.WEEK:
        count *= 7
    elif length.unit is Unit.MONTH:
        today = local_day(calendar.zone, start)
        count, plain = abs(_month_day(today, -count if before else count) - today), True
    return _counted_day(calendar, start, count, plain=plain, before=before, edge=edge, at=at, suspended=suspended)


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
