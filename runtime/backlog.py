"""Old records entered late are spread over the coming working days, so that they do not bury tonight's work."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from protocol.engine import clocks
from protocol.engine.clocks import Stretch
from protocol.kernel import Calendar, Protocol
from protocol.state import Instant
from runtime.mapping import Backlog

HOLD_AT_MOST = 364 * 24 * clocks.HOUR
"""The engine holds a record for a year at most; a day is left for clocks that differ."""


class Schedule:
    """When each held record is handed over: so many a day, evenly over an agency's open hours, from its next day on.

    A record's place depends on its number among the old records of the file and on today alone, so a run that was
    broken off goes on with the same times.
    """

    def __init__(self, backlog: Backlog, protocol: Protocol, source: str, now: Instant) -> None:
        self._per_day = backlog.per_day
        self._now = now
        self._young = now - backlog.hours * clocks.HOUR
        self._days = _open_days(_calendar(backlog, protocol, source), now)
        self._known: list[list[Stretch]] = []
        self._count = 0

    def hold_until(self, occurred_at: Instant) -> Instant | None:
        """When the next record is handed over; None for one that is too young to wait.

        Raises:
            OverflowError: that would be more than a year from now.
        """
        if occurred_at > self._young:
            return None
        day, place = divmod(self._count, self._per_day)
        self._count += 1
        while len(self._known) <= day:
            self._known.append(next(self._days))
        at = _within(self._known[day], place / self._per_day)
        if at > self._now + HOLD_AT_MOST:
            raise OverflowError("held for more than a year")
        return at


def _calendar(backlog: Backlog, protocol: Protocol, source: str) -> Calendar:
    """The named agency's hours; else the source's own if it ever closes, else the first agency's that does."""
    if backlog.hours_of is not None:
        return protocol.calendar[backlog.hours_of]
    own = protocol.calendar[source]
    return next((each for each in (own, *protocol.calendars) if not each.always), own)


def _open_days(calendar: Calendar, now: Instant) -> Iterator[list[Stretch]]:
    """The opening intervals of each open day after today."""
    today = clocks.local_day(calendar.zone, now)
    stretches = clocks.open_stretches(calendar, now)
    for day, found in groupby(stretches, key=lambda each: clocks.local_day(calendar.zone, each[0])):
        if day > today:
            yield list(found)


def _within(stretches: list[Stretch], part: float) -> Instant:
    """The instant at which that part of a day's open time has run, on the whole minute."""
    left = int(sum(high - low for low, high in stretches) * part) // clocks.MINUTE * clocks.MINUTE
    for low, high in stretches:
        if left < high - low:
            return low + left
        left -= high - low
    return stretches[-1][1]
