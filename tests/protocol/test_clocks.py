"""The clock arithmetic by example; ``test_oracle`` holds all of it against the definitions."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from protocol.engine import clocks
from protocol.expressions import Edge, Length, Unit
from protocol.kernel import Calendar

OFFICE = (((510, 1020),),) * 5 + ((), ())


def calendar(zone: str, week: tuple[tuple[tuple[int, int], ...], ...], closed: tuple[int, ...] = ()) -> Calendar:
    return Calendar(id="court", zone=zone, always=False, week=week, closed=closed)


def test_a_missing_local_time_moves_forward() -> None:
    """02:30 on 13 March 2022 in Chicago does not exist: the next instant is 03:00 daylight time."""
    found = clocks.local_instant("America/Chicago", date(2022, 3, 13).toordinal(), 150, last=True)

    assert clocks.moment(found) == datetime(2022, 3, 13, 8, 0, tzinfo=UTC)


def test_a_repeated_local_time_opens_first_and_falls_due_second() -> None:
    """01:40 on 6 November 2022 in Chicago comes twice: an opening is the first, a due time the second."""
    day = date(2022, 11, 6).toordinal()

    opens = clocks.local_instant("America/Chicago", day, 100, last=False)
    due = clocks.local_instant("America/Chicago", day, 100, last=True)

    assert due - opens == clocks.HOUR


def test_next_working_day_at_a_time_skips_a_holiday() -> None:
    """At 11:00 of the next working day: the Friday before Memorial Day gives the Tuesday after it."""
    found = calendar("America/Chicago", OFFICE, (date(2026, 5, 25).toordinal(),))
    start = clocks.instant(datetime(2026, 5, 22, 16, 0, tzinfo=ZoneInfo("America/Chicago")))

    result = clocks.shift(found, start, Length(count=1, unit=Unit.DAY, calendar="court"), edge=Edge.AT, at=660)

    assert clocks.moment(result) == datetime(2026, 5, 26, 16, 0, tzinfo=UTC)


def test_months_clip_to_the_last_day() -> None:
    """A month after 31 January ends with the last day of February."""
    found = calendar("UTC", OFFICE)
    start = clocks.instant(datetime(2027, 1, 31, 12, tzinfo=UTC))

    result = clocks.shift(found, start, Length(count=1, unit=Unit.MONTH))

    assert clocks.moment(result) == datetime(2027, 3, 1, tzinfo=UTC)


def test_intervals_that_meet_in_a_repeated_hour_count_once() -> None:
    """Open until 01:15 and from 01:20 on, on a night with two hours from 01:00: four hours have 4 h, not more."""
    small_hours = (((0, 75), (80, 180)),) * 7
    found = calendar("America/Chicago", small_hours)
    midnight = clocks.local_instant("America/Chicago", date(2022, 11, 6).toordinal(), 0, last=False)
    four_hours = Length(count=4, unit=Unit.HOUR, calendar="court")

    assert midnight + 4 * clocks.HOUR == clocks.shift(found, midnight, four_hours)
    assert midnight == clocks.shift(found, midnight + 4 * clocks.HOUR, four_hours, before=True)
    assert 4 * clocks.HOUR == clocks.consumed(found, midnight, midnight + 4 * clocks.HOUR)


def test_a_long_count_of_days_has_no_horizon() -> None:
    """The most that a text may say, ten thousand days of an agency open once a week, still ends."""
    weekly = calendar("America/Chicago", (((540, 600),), (), (), (), (), (), ()))
    monday = clocks.local_instant("America/Chicago", date(2026, 1, 5).toordinal(), 0, last=False)
    ends = date(2026, 1, 5).toordinal() + 7 * 10_000

    found = clocks.shift(weekly, monday, Length(count=10_000, unit=Unit.DAY, calendar="court"))

    assert clocks.local_instant("America/Chicago", ends, 600, last=True) == found
