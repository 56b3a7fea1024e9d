r"""Windows worked out from their definitions alone, to hold ``protocol.engine.clocks`` against; the two share no code.

Reference §4 Clocks. A zone is the list of its stretches of one offset, found by asking the zone database day by day.
A wall time *opens* at the first instant that shows it and *falls due* at the last; one that is skipped is the next
instant that exists. Open time O is the union of the intervals so placed, paused time S that of the pauses, and a window
of B ends at the least t with m([a, t] & O \ S) = B: found on the sorted pieces of O \ S, and for some windows also by
stepping through them second by second or minute by minute. A day counts if it is open and the instant before its moment
is not paused.
"""

from __future__ import annotations

import argparse
import sys
import time
from bisect import bisect_right
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import count as counting_from
from random import Random
from zoneinfo import ZoneInfo

from protocol.engine import clocks
from protocol.expressions import Edge, Length, Unit
from protocol.kernel import Calendar

ZONES = (
    "America/New_York", "America/Detroit", "America/Kentucky/Louisville", "America/Kentucky/Monticello",
    "America/Indiana/Indianapolis", "America/Indiana/Vincennes", "America/Indiana/Winamac", "America/Indiana/Marengo",
    "America/Indiana/Petersburg", "America/Indiana/Vevay", "America/Chicago", "America/Indiana/Tell_City",
    "America/Indiana/Knox", "America/Menominee", "America/North_Dakota/Center", "America/North_Dakota/New_Salem",
    "America/North_Dakota/Beulah", "America/Denver", "America/Boise", "America/Phoenix", "America/Los_Angeles",
    "America/Anchorage", "America/Juneau", "America/Sitka", "America/Metlakatla", "America/Yakutat", "America/Nome",
    "America/Adak", "Pacific/Honolulu", "America/Puerto_Rico", "Pacific/Guam", "Pacific/Pago_Pago", "Pacific/Saipan",
    "America/St_Thomas",
)  # fmt: skip
"""Every zone of the zone database in use in the United States and its territories; US/* are other names for some."""

SECOND = 1_000_000
MINUTE = 60 * SECOND
DAY = 24 * 60 * MINUTE
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCH_DAY = date(1970, 1, 1).toordinal()
FIRST, LAST = date(2020, 1, 1).toordinal(), date(2035, 12, 31).toordinal()
UNITS = {Unit.SECOND: SECOND, Unit.MINUTE: MINUTE, Unit.HOUR: 60 * MINUTE}
Part = tuple[int, int]
"""From the first instant up to and without the last, in microseconds since the epoch."""


@cache
def offsets(zone: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """From when on a zone's wall clock is how far ahead of UTC, in microseconds; from 2018 to 2041."""

    def ahead(second: int) -> int:
        found = (EPOCH + timedelta(seconds=second)).astimezone(ZoneInfo(zone)).utcoffset()
        assert found is not None
        return int(found.total_seconds())

    begin, end = ((date(year, 1, 1).toordinal() - EPOCH_DAY) * 86_400 for year in (2018, 2041))
    starts, found = [begin], [ahead(begin)]
    for at in range(begin, end, 86_400):
        if ahead(at + 86_400) != found[-1]:
            low, high = at, at + 86_400
            while high - low > 1:
                middle = (low + high) // 2
                low, high = (middle, high) if ahead(middle) == found[-1] else (low, middle)
            starts.append(high)
            found.append(ahead(high))
    return tuple(each * SECOND for each in starts), tuple(each * SECOND for each in found)


def wall(zone: str, at: int) -> int:
    """What the wall clock shows, as microseconds since local 1970."""
    starts, ahead = offsets(zone)
    return at + ahead[bisect_right(starts, at) - 1]


def day_of(zone: str, at: int) -> int:
    """The local date, as an ordinal."""
    return wall(zone, at) // DAY + EPOCH_DAY


def showing(zone: str, shown: int) -> tuple[int, int]:
    """The first and the last instant at which the wall clock shows a time; if skipped, the next one that exists."""
    starts, ahead = offsets(zone)
    near = bisect_right(starts, shown)
    exact, later = [], []
    for each in range(max(0, near - 2), min(len(starts), near + 2)):
        end = starts[each + 1] if each + 1 < len(starts) else shown + 10 * DAY
        at = shown - ahead[each]
        if starts[each] <= at < end:
            exact.append(at)
        elif at < starts[each]:
            later.append(starts[each])
    return (min(exact), max(exact)) if exact else (min(later), min(later))


def hours(calendar: Calendar, day: int) -> tuple[tuple[int, int], ...]:
    """The hours of a date as written, in minutes of the wall clock."""
    if calendar.always:
        return ((0, 1440),)
    return () if day in calendar.closed else calendar.week[date.fromordinal(day).weekday()]


def placed(calendar: Calendar, day: int) -> list[Part]:
    """The hours of a date as they pass."""
    midnight = (day - EPOCH_DAY) * DAY
    return [
        (showing(calendar.zone, midnight + opens * MINUTE)[0], showing(calendar.zone, midnight + closes * MINUTE)[1])
        for opens, closes in hours(calendar, day)
    ]


def union(parts: list[Part]) -> list[Part]:
    """The same time, in order and apart."""
    made: list[Part] = []
    for low, high in sorted(parts):
        if made and low <= made[-1][1]:
            made[-1] = (made[-1][0], max(high, made[-1][1]))
        elif low < high:
            made.append((low, high))
    return made


def less(parts: list[Part], taken: tuple[Part, ...]) -> list[Part]:
    """What is left of parts when others are taken away."""
    for begin, end in taken:
        cut = [(low, min(high, begin)) for low, high in parts] + [(max(low, end), high) for low, high in parts]
        parts = [(low, high) for low, high in cut if low < high]
    return sorted(parts)


def counting(calendar: Calendar | None, begin: int, end: int, paused: tuple[Part, ...]) -> list[Part]:
    """The pieces of [begin, end] that count."""
    if calendar is None:
        return less([(begin, end)], paused)
    days = range(day_of(calendar.zone, begin) - 1, day_of(calendar.zone, end) + 2)
    opened = union([part for day in days for part in placed(calendar, day)])
    return less([(max(low, begin), min(high, end)) for low, high in opened if low < end and high > begin], paused)


def measure(calendar: Calendar | None, begin: int, end: int, paused: tuple[Part, ...]) -> int:
    """How much of [begin, end] counts."""
    return sum(high - low for low, high in counting(calendar, begin, end, paused)) if begin < end else 0


def run(calendar: Calendar | None, start: int, budget: int, paused: tuple[Part, ...]) -> int:
    """The least instant by which so much has counted since the start."""
    if budget == 0:
        return start
    reach = budget + 8 * DAY
    while measure(calendar, start, start + reach, paused) < budget:
        reach *= 2
    for low, high in counting(calendar, start, start + reach, paused):
        if budget <= high - low:
            return low + budget
        budget -= high - low
    raise AssertionError("enough was measured")


def run_back(calendar: Calendar | None, end: int, budget: int) -> int:
    """The greatest instant since which so much has counted; pauses move nothing backwards."""
    if budget == 0:
        return end
    reach = budget + 8 * DAY
    while measure(calendar, end - reach, end, ()) < budget:
        reach *= 2
    for low, high in reversed(counting(calendar, end - reach, end, ())):
        if budget <= high - low:
            return high - budget
        budget -= high - low
    raise AssertionError("enough was measured")


def stepped(calendar: Calendar | None, start: int, budget: int, paused: tuple[Part, ...], stride: int) -> int:
    """The same as ``run``, stride by stride, asking of each whether it is open and not paused."""
    opened: dict[int, list[Part]] = {}
    at = start
    while budget > 0:
        day = 0 if calendar is None else day_of(calendar.zone, at)
        if day not in opened:
            opened[day] = [(0, at * 2)] if calendar is None else placed(calendar, day)
        if any(low <= at < high for low, high in opened[day]) and not any(low <= at < high for low, high in paused):
            budget -= stride
        at += stride
    return at


def moment(calendar: Calendar, day: int, edge: Edge, at: int | None, *, plain: bool) -> int | None:
    """The instant of a date that a limit in days means; None if the date does not count."""
    found = ((0, 1440),) if plain else hours(calendar, day)
    if not found:
        return None
    minute = {Edge.START: found[0][0], Edge.END: found[-1][1], Edge.AT: at or 0}[edge]
    first, last = showing(calendar.zone, (day - EPOCH_DAY) * DAY + minute * MINUTE)
    return first if edge is Edge.START else last


def months_on(day: int, months: int) -> int:
    """The same date some months away, or the last of a shorter month."""
    begin = date.fromordinal(day)
    year, month = begin.year, begin.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        year, month = (year + 1, 1) if month == 13 else (year - 1, 12) if month == 0 else (year, month)
    return date(year, month, min(begin.day, monthrange(year, month)[1])).toordinal()


@dataclass(frozen=True)
class Case:
    """One window to reckon."""

    calendar: Calendar
    start: int
    length: Length
    before: bool
    edge: Edge
    at: int | None
    paused: tuple[Part, ...]

    @property
    def own(self) -> Calendar | None:
        """The calendar whose hours count."""
        return None if self.length.calendar is None else self.calendar

    @property
    def kind(self) -> str:
        """For counting what was drawn."""
        own = "open " if self.own else ""
        return f"{own}{self.length.unit} {self.edge}{' before' if self.before else ''}"

    def defined(self) -> int:
        """Where it ends, by the definitions."""
        if self.length.unit in UNITS:
            budget = self.length.count * UNITS[self.length.unit]
            if self.before:
                return run_back(self.own, self.start, budget)
            return run(self.own, self.start, budget, self.paused)
        today = day_of(self.calendar.zone, self.start)
        match self.length.unit:
            case Unit.MONTH:
                count = abs(months_on(today, -self.length.count if self.before else self.length.count) - today)
            case Unit.WEEK:
                count = 7 * self.length.count
            case _:
                count = self.length.count
        for day in counting_from(today, -1 if self.before else 1):
            found = moment(self.calendar, day, self.edge, self.at, plain=self.own is None)
            if found is None or any(low < found <= high for low, high in self.paused):
                continue
            if count == 0 and found >= self.start:
                return found
            if count > 0 and day != today:
                count -= 1
                if count == 0:
                    return found
        raise AssertionError("some day counts")

    def by_steps(self) -> int | None:
        """Where it ends, stepped through; None for windows that have no stride."""
        stride = SECOND if self.length.unit is Unit.SECOND else MINUTE
        if self.length.unit not in UNITS or self.before or self.start % stride:
            return None
        return stepped(self.own, self.start, self.length.count * UNITS[self.length.unit], self.paused, stride)

    def reckoned(self) -> int:
        """Where it ends, by the clocks of the engine."""
        return clocks.shift(
            self.calendar, self.start, self.length,
            before=self.before, edge=self.edge, at=self.at, suspended=self.paused,
        )  # fmt: skip


def drawn(chance: Random, number: int = 0) -> Case:
    """A window by chance: near a change of the clocks as often as not, with odd hours, holidays and pauses."""
    zone = chance.choice(ZONES)
    day = chance.randint(FIRST + 400, LAST - 400)
    if chance.random() < 0.5:
        day = _near_change(date.fromordinal(day).year, chance)
    calendar = _calendar(chance, f"agency-{number}", zone, day)
    start = (day - EPOCH_DAY) * DAY + chance.randint(-24 * 60, 48 * 60) * MINUTE
    start += chance.choice((0, 0, chance.randrange(60) * SECOND, chance.randrange(MINUTE)))
    if chance.random() < 0.1:
        start = chance.choice(_turns(calendar, day))
    unit = chance.choice((Unit.SECOND, Unit.MINUTE, Unit.HOUR, Unit.HOUR, Unit.DAY, Unit.DAY, Unit.WEEK, Unit.MONTH))
    most = {Unit.SECOND: 7_200, Unit.MINUTE: 3_000, Unit.HOUR: 60, Unit.DAY: 12, Unit.WEEK: 5, Unit.MONTH: 14}[unit]
    count = chance.choice((chance.randint(0, most), chance.randint(0, min(most, 3))))
    edge, at = Edge.END, None
    if unit in (Unit.DAY, Unit.WEEK) and chance.random() < 0.5:
        edge = chance.choice((Edge.START, Edge.AT))
        at = None if edge is Edge.START else chance.choice((chance.randint(0, 1440), 60, 90, 120, 150, 1440))
    own = unit in (Unit.HOUR, Unit.DAY) and chance.random() < 0.6
    before = chance.random() < 0.25 and count > 0
    length = Length(count=count, unit=unit, calendar=calendar.id if own else None)
    return Case(calendar, start, length, before, edge, at, () if before else _pauses(chance, calendar, start))


def _near_change(year: int, chance: Random) -> int:
    """A day about the second Sunday of March or the first of November."""
    month, nth = chance.choice(((3, 8), (11, 1)))
    first = date(year, month, nth)
    return first.toordinal() + (6 - first.weekday()) % 7 + chance.randint(-4, 2)


def _calendar(chance: Random, name: str, zone: str, day: int) -> Calendar:
    if chance.random() < 0.1:
        return Calendar(id=name, zone=zone, always=True, week=(), closed=())
    week = tuple(() if chance.random() < 0.25 else _hours(chance) for _ in range(7))
    if not any(week):
        week = (((8 * 60, 16 * 60 + 30),), *week[1:])
    closed = tuple(sorted({day + chance.randint(-10, 20) for _ in range(chance.randint(0, 4))}))
    return Calendar(id=name, zone=zone, always=False, week=week, closed=closed)


def _hours(chance: Random) -> tuple[tuple[int, int], ...]:
    """Plain hours, or up to four odd intervals in order: in the small hours, up to midnight, next to each other."""
    if chance.random() < 0.5:
        return chance.choice((((8 * 60 + 30, 17 * 60),), ((0, 1440),), ((9 * 60, 12 * 60), (13 * 60, 17 * 60 + 15))))
    latest = chance.choice((180, 1440))
    cuts = sorted(chance.sample(range(0, latest + 1, chance.choice((1, 5, 30))), 2 * chance.choice((1, 1, 2, 3))))
    made = list(zip(cuts[::2], cuts[1::2], strict=True))
    if chance.random() < 0.3:
        made[-1] = (made[-1][0], 1440)
    if len(made) > 1 and chance.random() < 0.3:
        made[1] = (made[0][1], made[1][1])
    return tuple(made)


def _turns(calendar: Calendar, day: int) -> list[int]:
    """The instants about a date at which the agency opens or closes, and its midnights."""
    found = [at for near in range(day - 1, day + 6) for part in placed(calendar, near) for at in part]
    return found + [showing(calendar.zone, (near - EPOCH_DAY) * DAY)[0] for near in range(day, day + 4)]


def _pauses(chance: Random, calendar: Calendar, start: int) -> tuple[Part, ...]:
    """None to three pauses, some of which begin or end as the agency opens or closes."""
    made: list[Part] = []
    at = start - chance.randint(0, 600) * MINUTE
    turns = sorted(_turns(calendar, day_of(calendar.zone, start)))
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        low = at + chance.randint(1, 2_000) * MINUTE
        high = low + chance.randint(1, 4_000) * MINUTE
        if chance.random() < 0.4:
            low = next((each for each in turns if each > at), low)
            high = max(high, low + MINUTE)
        if chance.random() < 0.4:
            high = next((each for each in turns if each > low + 300 * MINUTE), high)
        made.append((low, high))
        at = high
    return tuple(made)


def differences(cases: int, seed: int, kinds: Counter[str] | None = None) -> Iterator[str]:
    """What is reckoned otherwise than defined, each told in a line; ``kinds`` counts what was compared."""
    chance = Random(seed)
    for number in range(cases):
        case = drawn(chance, number)
        if kinds is not None:
            kinds[f"zone {case.calendar.zone}"] += 1
            kinds[case.kind] += 1
        defined, reckoned = case.defined(), case.reckoned()
        if defined != reckoned:
            yield f"{case}: defined {defined}, reckoned {reckoned}"
        if number % 25 == 0 and (steps := case.by_steps()) is not None:
            if kinds is not None:
                kinds["stepped too"] += 1
            if steps != defined:
                yield f"{case}: defined {defined}, stepped {steps}"
        end = chance.choice((defined, case.start + chance.randint(-1, 20 * 24 * 60) * MINUTE + chance.randrange(3)))
        found = clocks.consumed(case.own, case.start, end, case.paused)
        if found != measure(case.own, case.start, end, case.paused):
            yield f"{case}: consumed {found} until {end}"


def main() -> None:
    """Draw many windows and print what was compared and what differs: ``python -m tests.protocol.oracle``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began, kinds, found = time.perf_counter(), Counter[str](), 0
    for each in differences(asked.cases, asked.seed, kinds):
        found += 1
        sys.stdout.write(f"{each}\n")
    for kind, many in sorted(kinds.items()):
        sys.stdout.write(f"{many:8,} {kind}\n")
    took = time.perf_counter() - began
    sys.stdout.write(f"{asked.cases:,} windows, seed {asked.seed}: {found} differences, {took:.0f} s\n")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
