"""Clocks by brute force: a window is run through minute by minute, on nothing but the definitions.

Reference §4 Clocks. What is counted here by stepping, ``protocol.clocks`` reckons; the two share no code. An open day's
interval runs from the first minute at or after its opening to the last one before its closing, as the wall clock shows
them on that date: so a missing minute is the next that exists, and a repeated hour opens at its first and ends at its
second. A day does not count if the minute before its end is paused.
"""

from __future__ import annotations

import argparse
import sys
import time
from calendar import monthrange
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache, lru_cache
from random import Random
from zoneinfo import ZoneInfo

from protocol import clocks
from protocol.kernel import Calendar, Edge, Length, Unit

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
"""Every zone of the zone database in use in the United States and its territories."""

FIRST, LAST = date(2020, 1, 1).toordinal(), date(2035, 12, 31).toordinal()
EPOCH_DAY = date(1970, 1, 1).toordinal()
DAY = 24 * 60
MINUTE = 60 * 1_000_000
Paused = tuple[tuple[int, int], ...]
"""Pauses in whole minutes since the epoch: from the first, up to and without the last."""


@cache
def _offset(zone: str, hour: int) -> int:
    """Minutes that the wall clock is ahead of UTC in an hour since the epoch; these zones change on whole hours."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
    ahead = at.astimezone(ZoneInfo(zone)).utcoffset()
    assert ahead is not None
    return int(ahead.total_seconds()) // 60


def wall(zone: str, minute: int) -> tuple[int, int]:
    """The local date (as an ordinal) and minute of the day in a minute since the epoch."""
    day, of_day = divmod(minute + _offset(zone, minute // 60), DAY)
    return day + EPOCH_DAY, of_day


@lru_cache(maxsize=4096)
def minutes_of(zone: str, day: int) -> tuple[tuple[int, int], ...]:
    """Every minute of a local date, in order, with what the wall clock shows."""
    midnight = (day - EPOCH_DAY) * DAY
    near = range(midnight - 15 * 60, midnight + DAY + 15 * 60)
    ahead = {_offset(zone, minute // 60) for minute in near[::60]}
    if len(ahead) == 1:
        (only,) = ahead
        return tuple((midnight - only + at, at) for at in range(DAY))
    found = ((minute, wall(zone, minute)) for minute in near)
    return tuple((minute, shown[1]) for minute, shown in found if shown[0] == day)


@lru_cache(maxsize=65536)
def _spans(zone: str, day: int, hours: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
    """The intervals of a date, in minutes since the epoch."""
    shown = minutes_of(zone, day)
    made = []
    for opens, closes in hours:
        first = next((minute for minute, at in shown if at >= opens), shown[-1][0] + 1)
        last = next((minute for minute, at in reversed(shown) if at < closes), shown[0][0] - 1)
        made.append((first, last + 1))
    return tuple(made)


def spans(calendar: Calendar, day: int) -> tuple[tuple[int, int], ...]:
    """When an agency is open on a date."""
    if calendar.always:
        return _spans(calendar.zone, day, ((0, DAY),))
    return () if day in calendar.closed else _spans(calendar.zone, day, calendar.week[date.fromordinal(day).weekday()])


def is_open(calendar: Calendar, minute: int) -> bool:
    """Whether an agency is open in a minute."""
    return any(first <= minute < last for first, last in spans(calendar, wall(calendar.zone, minute)[0]))


def is_paused(minute: int, paused: Paused) -> bool:
    """Whether the clock stands still in a minute."""
    return any(first <= minute < last for first, last in paused)


def run(calendar: Calendar | None, start: int, budget: int, paused: Paused) -> int:
    """Where a window of so many minutes ends: stepped through, minute by minute."""
    minute, left = start, budget
    while left > 0:
        if not is_paused(minute, paused) and (calendar is None or is_open(calendar, minute)):
            left -= 1
        minute += 1
    return minute


def run_back(calendar: Calendar | None, end: int, budget: int) -> int:
    """Where a window of so many minutes began that ends here; pauses move nothing backwards."""
    minute, left = end, budget
    while left > 0:
        minute -= 1
        if calendar is None or is_open(calendar, minute):
            left -= 1
    return minute


def moment(calendar: Calendar, day: int, edge: Edge, at: int | None, *, plain: bool) -> int | None:
    """The minute of a date that a limit in days means; None if the date does not count."""
    found = _spans(calendar.zone, day, ((0, DAY),)) if plain else spans(calendar, day)
    if not found:
        return None
    if edge is Edge.START:
        return found[0][0]
    if edge is Edge.END:
        return found[-1][1]
    shown = minutes_of(calendar.zone, day)
    exact = [minute for minute, on_wall in shown if on_wall == at]
    later = [minute for minute, on_wall in shown if on_wall > (at or 0)]
    return exact[-1] if exact else later[0] if later else shown[-1][0] + 1


def days(
    calendar: Calendar, start: int, count: int, edge: Edge, at: int | None, paused: Paused, *, plain: bool, before: bool
) -> int:
    """The end of the n-th counting day, stepped through date by date."""
    today, left = wall(calendar.zone, start)[0], count
    for step in range(4_000):
        if step == 0 and count > 0:
            continue
        found = moment(calendar, today - step if before else today + step, edge, at, plain=plain)
        if found is None or (not before and is_paused(found - 1, paused)):
            continue
        if count == 0 and found >= start:
            return found
        left -= 1
        if count > 0 and left == 0:
            return found
    raise AssertionError("no day counts")


def month(calendar: Calendar, start: int, count: int, at: int | None) -> int:
    """The same date some months away, or the last of a shorter month."""
    day = date.fromordinal(wall(calendar.zone, start)[0])
    for _ in range(abs(count)):
        first = day.replace(day=1)
        first = (first + timedelta(days=31)).replace(day=1) if count > 0 else (first - timedelta(days=1)).replace(day=1)
        day = first
    wanted = date.fromordinal(wall(calendar.zone, start)[0]).day
    reached = day.replace(day=min(wanted, monthrange(day.year, day.month)[1])) if count else day
    edge = Edge.END if at is None else Edge.AT
    found = moment(calendar, reached.toordinal(), edge, at, plain=True)
    assert found is not None
    return found


@dataclass(frozen=True)
class Case:
    """One window to reckon."""

    calendar: Calendar
    start: int
    length: Length
    before: bool
    edge: Edge
    at: int | None
    paused: Paused

    def stepped(self) -> int:
        """By brute force, in minutes since the epoch."""
        length = self.length
        own = None if length.calendar is None else self.calendar
        match length.unit:
            case Unit.MONTH:
                return month(self.calendar, self.start, -length.count if self.before else length.count, self.at)
            case Unit.DAY | Unit.WEEK:
                count = length.count * (7 if length.unit is Unit.WEEK else 1)
                plain = own is None
                return days(
                    self.calendar, self.start, count, self.edge, self.at, self.paused, plain=plain, before=self.before
                )
        budget = {Unit.SECOND: length.count // 60, Unit.MINUTE: length.count, Unit.HOUR: length.count * 60}[length.unit]
        if self.before:
            return run_back(own, self.start, budget)
        return run(own, self.start, budget, self.paused)

    def reckoned(self) -> int:
        """By the clocks of the engine, in minutes since the epoch."""
        found = clocks.shift(
            self.calendar,
            self.start * MINUTE,
            self.length,
            before=self.before,
            edge=self.edge,
            at=self.at,
            suspended=tuple((first * MINUTE, last * MINUTE) for first, last in self.paused),
        )
        minute, rest = divmod(found, MINUTE)
        assert rest == 0, self
        return minute

    def consumption_agrees(self, end: int) -> bool:
        """Whether as much of the window has run by its end as was asked for, and less a minute before."""
        if self.before or self.length.unit not in clocks.ELAPSED or self.length.count == 0:
            return True
        own = None if self.length.calendar is None else self.calendar
        suspended = tuple((first * MINUTE, last * MINUTE) for first, last in self.paused)
        budget = self.length.count * clocks.ELAPSED[self.length.unit]
        so_far = [clocks.consumed(own, self.start * MINUTE, each * MINUTE, suspended) for each in (end, end - 1)]
        return so_far == [budget, budget - MINUTE]


def drawn(chance: Random) -> Case:
    """A window by chance: near a change of the clocks as often as not, with odd hours, holidays and pauses."""
    zone = ZONES[chance.randrange(len(ZONES))]
    day = chance.randint(FIRST + 400, LAST - 400)
    if chance.random() < 0.5:
        day = _near_change(date.fromordinal(day).year, chance)
    calendar = _calendar(chance, zone, day)
    start = (day - EPOCH_DAY) * DAY + chance.randint(-DAY, 2 * DAY)
    unit = (Unit.SECOND, Unit.MINUTE, Unit.HOUR, Unit.DAY, Unit.DAY, Unit.WEEK, Unit.MONTH)[chance.randrange(7)]
    most = {Unit.SECOND: 120, Unit.MINUTE: 3_000, Unit.HOUR: 60, Unit.DAY: 12, Unit.WEEK: 5, Unit.MONTH: 14}[unit]
    count = chance.randint(0, most) * (60 if unit is Unit.SECOND else 1)
    own = unit in (Unit.HOUR, Unit.DAY) and chance.random() < 0.6
    edge, at = Edge.END, None
    if unit is Unit.DAY and chance.random() < 0.5:
        edge = (Edge.START, Edge.AT)[chance.randrange(2)]
        at = chance.randint(0, DAY) if edge is Edge.AT else None
    elif unit is Unit.DAY and chance.random() < 0.2:
        edge, at = Edge.AT, chance.choice((0, 90, 120, 150, DAY))
    before = chance.random() < 0.25 and count > 0
    length = Length(count=count, unit=unit, calendar="agency" if own else None)
    return Case(calendar, start, length, before, edge, at, () if before else _pauses(chance, start))


def _near_change(year: int, chance: Random) -> int:
    """A day about the second Sunday of March or the first of November."""
    month_, nth = ((3, 8), (11, 1))[chance.randrange(2)]
    first = date(year, month_, nth)
    return first.toordinal() + (6 - first.weekday()) % 7 + chance.randint(-4, 2)


def _calendar(chance: Random, zone: str, day: int) -> Calendar:
    if chance.random() < 0.1:
        return Calendar(id="agency", zone=zone, always=True, week=(), closed=())
    hours = (
        ((8 * 60 + 30, 17 * 60),),
        ((0, DAY),),
        ((60, 150), (22 * 60, DAY)),
        ((9 * 60, 12 * 60), (13 * 60, 17 * 60 + 15)),
        ((90, 100),),
        ((0, 120), (121, 180)),
    )
    week = tuple(() if chance.random() < 0.25 else hours[chance.randrange(len(hours))] for _ in range(7))
    if not any(week):
        week = (hours[0], *week[1:])
    closed = tuple(sorted({day + chance.randint(-10, 20) for _ in range(chance.randint(0, 4))}))
    return Calendar(id="agency", zone=zone, always=False, week=week, closed=closed)


def _pauses(chance: Random, start: int) -> Paused:
    made: list[tuple[int, int]] = []
    at = start - chance.randint(0, 600)
    for _ in range(chance.randrange(4)):
        at += chance.randint(1, 2_000)
        end = at + chance.randint(1, 4_000)
        made.append((at, end))
        at = end + chance.randint(1, 500)
    return tuple(made)


def differences(cases: int, seed: int) -> Iterator[tuple[Case, int, int]]:
    """The windows on which stepping and reckoning differ."""
    chance = Random(seed)
    for _ in range(cases):
        each = drawn(chance)
        stepped, reckoned = each.stepped(), each.reckoned()
        if stepped != reckoned or not each.consumption_agrees(stepped):
            yield each, stepped, reckoned


def main() -> None:
    """Draw many windows and print what was compared and what differs: ``python -m tests.protocol.oracle``."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    began, found = time.perf_counter(), 0
    for each, stepped, reckoned in differences(asked.cases, asked.seed):
        found += 1
        sys.stdout.write(f"{each}\n  stepped {stepped}, reckoned {reckoned}\n")
    chance, units = Random(asked.seed), Counter[str]()
    zones = set()
    for _ in range(asked.cases):
        case = drawn(chance)
        units[f"{case.length.unit}{' of an agency' if case.length.calendar else ''}"] += 1
        zones.add(case.calendar.zone)
    took = time.perf_counter() - began
    sys.stdout.write(
        f"{asked.cases:,} windows in {len(zones)} zones, {found} differences, {took:.0f} s; {dict(units)}\n"
    )


if __name__ == "__main__":
    main()
