"""Opening hours and frozen holidays: the surface's calendars become the kernel's.

Holidays come from the ``holidays`` package when a protocol is compiled and are frozen into it up to a stated
horizon, so a later release of that package never moves a running case's clock.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from protocol.kernel import Calendar
from protocol.names import Slug

if TYPE_CHECKING:
    from protocol.compiling.compiler import Compiler
    from protocol.kernel import Agency

HORIZON_YEARS = 6
"""Years after the year of publishing for which holidays are frozen in."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
Span = tuple[int, int]
Week = tuple[tuple[Span, ...], ...]


def closed_days(compiler: Compiler, agencies: tuple[Agency, ...]) -> dict[Slug, tuple[int, ...]]:
    """Each agency's closed dates, as ordinals: its holidays and its own further dates."""
    found: dict[Slug, tuple[int, ...]] = {}
    tables: dict[str, tuple[int, ...]] = {}
    for agency in agencies:
        spec = compiler.spec.agencies[agency.id]
        own = spec.holidays is not None
        code = spec.holidays if own else compiler.spec.holidays
        path = ("agencies", agency.id, "holidays") if own else ("holidays",)
        if code and code not in tables:
            tables[code] = _holidays(compiler, code, path)
        days = set(tables.get(code or "", ()))
        dates = spec.closed if spec.closed is not None else compiler.spec.closed
        for each in [dates] if isinstance(dates, str) else dates or []:
            days.add(compiler.day(each, ("agencies", agency.id, "closed")))
        found[agency.id] = tuple(sorted(days))
    return found


def _holidays(compiler: Compiler, code: str, path: tuple[str, ...]) -> tuple[int, ...]:
    import holidays

    country, _, part = code.partition("-")
    years = range(compiler.today.year - 1, compiler.today.year + HORIZON_YEARS + 1)
    try:
        table = holidays.country_holidays(country, subdiv=part or None, years=years)
    except NotImplementedError:
        compiler.fail(
            "HOLIDAYS", f"{code} is no holiday calendar.", path, "Write a country, or country-state: US-MN, GB-ENG"
        )
        return ()
    return tuple(day.toordinal() for day in table)


def calendar_of(compiler: Compiler, agency: Slug, closed: tuple[int, ...]) -> Calendar:
    """The kernel calendar of an agency; always open where neither it nor the protocol gives hours."""
    spec = compiler.spec.agencies[agency]
    own = spec.open is not None
    hours = spec.open or compiler.spec.open or "always"
    zone = spec.timezone or compiler.spec.timezone
    path = ("agencies", agency, "open") if own else ("open",)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        compiler.fail("TIMEZONE", f"{zone} is no time zone.", ("timezone",), "Write one like America/Chicago.")
        zone = "UTC"
    week = None if hours == "always" else _week(hours)
    if hours != "always" and week is None:
        compiler.fail("HOURS", f"{hours} are not opening hours.", path, "Write mon-fri 08:30-17:00, or always.")
    # An agency that never closes has no closed days either.
    return Calendar(id=agency, zone=zone, always=week is None, week=week or (), closed=closed if week else ())


def _week(hours: str) -> Week | None:
    """``mon-fri 08:30-12:00, mon-thu 13:00-17:00``: each weekday's intervals, sorted and apart; else None."""
    days: list[list[Span]] = [[] for _ in DAYS]
    for part in hours.split(","):
        found = re.fullmatch(r"(\w{3})(?:-(\w{3}))? (\d\d):(\d\d)-(\d\d):(\d\d)", part.strip())
        if found is None or found.group(1) not in DAYS or (found.group(2) or "mon") not in DAYS:
            return None
        first, last = DAYS.index(found.group(1)), DAYS.index(found.group(2) or found.group(1))
        opens, closes = int(found.group(3)) * 60 + int(found.group(4)), int(found.group(5)) * 60 + int(found.group(6))
        if not 0 <= opens < closes <= 24 * 60 or last < first:
            return None
        for day in days[first : last + 1]:
            day.append((opens, closes))
    for day in days:
        day.sort()
        if any(left[1] > right[0] for left, right in pairwise(day)):
            return None
    return tuple(tuple(day) for day in days)
