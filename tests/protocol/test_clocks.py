"""The clock arithmetic against an oracle that steps minute by minute."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import clocks
from protocol.kernel import Calendar, Edge, Length, Unit

ZONES = ["America/Chicago", "America/New_York", "America/Denver", "America/Phoenix", "America/Anchorage",
         "Pacific/Honolulu", "America/Indiana/Knox", "America/Los_Angeles"]  # fmt: skip
OFFICE = (((510, 1020),),) * 5 + ((), ())
SPLIT = (((480, 720), (780, 990)),) * 5 + (((540, 600),), ())
NIGHT = (((0, 240), (1320, 1440)),) * 7
MINUTE = timedelta(minutes=1)


def calendar(zone: str, week: tuple[tuple[tuple[int, int], ...], ...], closed: tuple[int, ...] = ()) -> Calendar:
    return Calendar(id="court", zone=zone, always=False, week=week, closed=closed)


def is_open(found: Calendar, at: datetime) -> bool:
    """Whether the minute that begins at an instant is open: its wall minute lies in an interval of its date."""
    local = at.astimezone(ZoneInfo(found.zone))
    minute = local.hour * 60 + local.minute
    return any(low <= minute < high for low, high in clocks.hours_of(found, local.toordinal()))


def oracle_hours(
    found: Calendar, start: datetime, minutes: int, suspended: list[tuple[datetime, datetime]]
) -> datetime:
    """Step a minute at a time, counting those that are open and not suspended."""
    at = start
    while minutes:
        if is_open(found, at) and not any(low <= at < high for low, high in suspended):
            minutes -= 1
        at += MINUTE
    return at


starts = st.integers(0, 15 * 365 * 24 * 60).map(lambda minutes: datetime(2020, 1, 1, tzinfo=UTC) + minutes * MINUTE)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ZONES), st.sampled_from([OFFICE, SPLIT, NIGHT]), starts, st.integers(1, 40 * 60),
       st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 2000)), max_size=2))  # fmt: skip
def test_open_hours_agree_with_stepping(
    zone: str,
    week: tuple[tuple[tuple[int, int], ...], ...],
    start: datetime,
    minutes: int,
    pauses: list[tuple[int, int]],
) -> None:
    """Open hours with pauses end at the minute at which stepping minute by minute has counted them."""
    found = calendar(zone, week)
    stretches: list[tuple[datetime, datetime]] = []
    at = start
    for gap, span in pauses:
        low = at + gap * MINUTE
        at = low + span * MINUTE
        stretches.append((low, at))
    suspended = tuple((clocks.instant(low), clocks.instant(high)) for low, high in stretches)
    length = Length(count=minutes, unit=Unit.MINUTE, calendar="court")

    result = clocks.shift(found, clocks.instant(start), length, suspended=suspended)

    assert clocks.moment(result) == oracle_hours(found, start, minutes, stretches)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), starts, st.integers(1, 15), st.sets(st.integers(0, 30), max_size=6))
def test_counted_days_agree_with_stepping(zone: str, start: datetime, count: int, closed: set[int]) -> None:
    """The n-th working day ends at the close of the n-th open date after the starting date."""
    first = start.astimezone(ZoneInfo(zone)).date()
    found = calendar(zone, OFFICE, tuple(sorted((first + timedelta(days=each)).toordinal() for each in closed)))
    left, day = count, first
    while left:
        day += timedelta(days=1)
        left -= bool(clocks.hours_of(found, day.toordinal()))
    wanted = datetime(day.year, day.month, day.day, 17, tzinfo=ZoneInfo(zone))

    result = clocks.shift(found, clocks.instant(start), Length(count=count, unit=Unit.DAY, calendar="court"))

    assert clocks.moment(result) == wanted


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), starts, st.integers(0, 10_000), st.integers(1, 3000))
def test_elapsed_hours_stop_while_paused(zone: str, start: datetime, before: int, span: int) -> None:
    """A pause moves an elapsed window by exactly the part of the pause that lies in it."""
    low = clocks.instant(start) + before * clocks.MINUTE
    found = calendar(zone, OFFICE)

    result = clocks.shift(
        found, clocks.instant(start), Length(count=90, unit=Unit.MINUTE), suspended=((low, low + span * clocks.MINUTE),)
    )

    moved = span if before < 90 else 0
    assert result == clocks.instant(start) + (90 + moved) * clocks.MINUTE


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


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(ZONES), starts, st.integers(1, 3000))
def test_what_is_consumed_is_what_was_given(zone: str, start: datetime, minutes: int) -> None:
    """From the anchor to the due instant exactly the budget is consumed."""
    found = calendar(zone, SPLIT)
    length = Length(count=minutes, unit=Unit.MINUTE, calendar="court")

    due = clocks.shift(found, clocks.instant(start), length)

    assert clocks.consumed(found, clocks.instant(start), due) == minutes * clocks.MINUTE
