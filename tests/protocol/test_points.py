"""Where due times lie: moved hearings, back-dated entries, outages, nights on which the clocks change."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.engine.points import View, due_of, resolve
from protocol.expressions import Edge, Length, Unit
from protocol.names import Slug
from protocol.state import Instance, Instant, Mark, PauseReason, Phase, Suspension, Value
from tests.protocol.oracle import Case
from tests.protocol.texts import TODAY

TEXT = """\
protocol: points
timezone: America/Chicago
holidays: US-IL
agencies:
 court: {open: mon-fri 08:00-16:30, lead: clerk, roles: [judge]}
 office: {open: "mon-thu 09:00-12:00, mon-thu 13:00-17:00", lead: head, roles: [helper, coordinator]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 hearing: date and time
 review: date and time
events:
 arrest: {from: all, brings: [hearing, review], then: start a case}
steps in work:
 quick: {when: arrest, who: helper, must: act, due: within 2 hours}
 days: {when: arrest, who: helper, must: act, due: within 3 working days}
 morning: {when: arrest, who: helper, must: act, due: "next day at 02:30"}
 repeated: {when: arrest, who: helper, must: act, due: "next day at 01:30"}
 night: {when: arrest, who: helper, must: act, due: end of the day}
 month: {when: arrest, who: helper, must: act, due: within 1 month}
 sooner:
  when: arrest
  who: helper
  must: act
  due: 2 court days before hearing, or review if sooner, or within 5 working days if sooner
 later: {when: arrest, who: helper, must: act, due: "1 day after hearing, or review if later"}
 since: {when: quick done, who: helper, must: act, due: within 6 hours of quick done}
"""
MINUTES_2020_TO_2034 = 15 * 365 * 24 * 60
PROTOCOL = compile_text(TEXT, today=TODAY).protocol
CHICAGO = ZoneInfo("America/Chicago")

instants = st.integers(0, MINUTES_2020_TO_2034).map(
    lambda minutes: clocks.instant(datetime(2020, 1, 1, tzinfo=CHICAGO)) + minutes * clocks.MINUTE
)
spans = st.integers(1, 20_000).map(lambda minutes: minutes * clocks.MINUTE)


def instance(
    step: Slug, delivered: Instant, *, born: Instant | None = None, pauses: tuple[Suspension, ...] = ()
) -> Instance:
    return Instance(
        n=1, step=step, agency="office", phase=Phase.OPEN, born=delivered if born is None else born,
        cause="event:arrest", cause_effective=delivered, delivered=delivered, owners=("helper",), floor=delivered,
        suspensions=pauses,
    )  # fmt: skip


def view(now: Instant, fields: dict[Slug, Value] | None = None, **last: Instant) -> View:
    marks = {f"outcome:{step}/done": Mark(seq=1, effective=at) for step, at in last.items()}
    return View(PROTOCOL, fields or {}, marks, (), now)


def defined(agency: Slug, start: Instant, length: Length, *, before: bool = False) -> Instant:
    return Case(PROTOCOL.calendar[agency], start, length, before, Edge.END, None, ()).defined()


def local(*parts: int, fold: int = 0) -> Instant:
    return clocks.instant(datetime(*parts, tzinfo=CHICAGO, fold=fold))  # type: ignore[misc, arg-type]


@settings(max_examples=150, deadline=None)
@given(delivered=instants, hearing=st.none() | instants, review=st.none() | instants)
def test_the_sooner_of_several_is_the_first_that_is_known(
    delivered: Instant, hearing: Instant | None, review: Instant | None
) -> None:
    """What is not known yet does not count; the window itself is always known."""
    fields: dict[Slug, Value] = {name: at for name, at in (("hearing", hearing), ("review", review)) if at is not None}
    limits = [defined("office", delivered, Length(count=5, unit=Unit.DAY, calendar="office"))]
    if hearing is not None:
        two_days = Length(count=2, unit=Unit.DAY, calendar="court")
        limits.append(defined("court", hearing, two_days, before=True))
    if review is not None:
        limits.append(review)

    _, raw = due_of(view(delivered, fields), instance("sooner", delivered))

    assert min(limits) == raw


@settings(max_examples=100, deadline=None)
@given(delivered=instants, hearing=st.none() | instants, review=st.none() | instants)
def test_the_later_of_several_is_the_last_that_is_known(
    delivered: Instant, hearing: Instant | None, review: Instant | None
) -> None:
    """With neither known there is no due time."""
    fields: dict[Slug, Value] = {name: at for name, at in (("hearing", hearing), ("review", review)) if at is not None}
    limits = [] if review is None else [review]
    if hearing is not None:
        limits.append(defined("office", hearing, Length(count=1, unit=Unit.DAY)))

    _, raw = due_of(view(delivered, fields), instance("later", delivered))

    assert max(limits, default=None) == raw


@settings(max_examples=100, deadline=None)
@given(delivered=instants, first=instants, second=instants, span=spans)
def test_a_moved_hearing_is_measured_anew_and_no_pause_moves_it(
    delivered: Instant, first: Instant, second: Instant, span: int
) -> None:
    """The due time follows the hearing's last value alone, whatever it was before and whatever was paused."""
    pause = Suspension(start=delivered, cap=delivered + span, reason=PauseReason.OTHER)
    point = PROTOCOL.step["later"].due
    assert point is not None

    found = [
        resolve(view(delivered, {"hearing": at}), point, instance("later", delivered, pauses=pauses))
        for at, pauses in ((first, ()), (second, ()), (first, (pause,)))
    ]

    assert [defined("office", at, Length(count=1, unit=Unit.DAY)) for at in (first, second, first)] == found


@settings(max_examples=100, deadline=None)
@given(recorded=instants, earlier=spans)
def test_a_back_dated_cause_counts_from_when_it_happened_but_no_window_ends_before_its_delivery(
    recorded: Instant, earlier: int
) -> None:
    """Six hours of an act entered late run from the act; what is over by then is due at the delivery."""
    due, raw = due_of(view(recorded, quick=recorded - earlier), instance("since", recorded))

    assert recorded - earlier + 6 * clocks.HOUR == raw
    assert max(recorded, raw or 0) == due


@settings(max_examples=100, deadline=None)
@given(born=instants, outage=spans, step=st.sampled_from(["quick", "days", "month"]))
def test_an_outage_takes_nothing_from_a_window(born: Instant, outage: int, step: Slug) -> None:
    """What opened while the system was down has its whole window from when it was handed over."""
    delivered = born + outage

    due, _ = due_of(view(delivered), instance(step, delivered, born=born))

    assert due_of(view(delivered), instance(step, delivered))[0] == due
    lengths = {
        "quick": Length(count=2, unit=Unit.HOUR),
        "days": Length(count=3, unit=Unit.DAY, calendar="office"),
        "month": Length(count=1, unit=Unit.MONTH),
    }
    assert defined("office", delivered, lengths[step]) == due


@pytest.mark.parametrize(
    ("step", "delivered", "due"),
    [
        ("quick", local(2026, 3, 8, 1, 30), local(2026, 3, 8, 4, 30)),
        ("quick", local(2026, 11, 1, 0, 30), local(2026, 11, 1, 1, 30, fold=1)),
        ("morning", local(2026, 3, 7, 23, 0), local(2026, 3, 8, 3, 0)),
        ("repeated", local(2026, 10, 31, 23, 0), local(2026, 11, 1, 1, 30, fold=1)),
        ("night", local(2026, 3, 8, 0, 30), local(2026, 3, 9, 0, 0)),
        ("night", local(2026, 11, 1, 1, 30, fold=1), local(2026, 11, 2, 0, 0)),
    ],
)  # fmt: skip
def test_windows_across_a_change_of_the_clocks(step: Slug, delivered: Instant, due: Instant) -> None:
    """Hours run as they pass; a skipped time is the next that exists, a repeated one its second."""
    assert (due, due) == due_of(view(delivered), instance(step, delivered))


@settings(max_examples=60, deadline=None)
@given(delivered=instants, gap=st.integers(24, 20 * 24), hours=st.integers(25, 30 * 24))
def test_a_month_is_lengthened_by_the_days_it_was_paused(delivered: Instant, gap: int, hours: int) -> None:
    """A pause gives back each day at whose end the clock stood still, as with a window counted in days."""
    start = delivered + gap * clocks.HOUR
    pause = Suspension(start=start, cap=start + hours * clocks.HOUR, reason=PauseReason.APPROVED_LEAVE)
    month = Length(count=1, unit=Unit.MONTH)
    case = Case(PROTOCOL.calendar["office"], delivered, month, False, Edge.END, None, ((pause.start, pause.cap),))

    due, _ = due_of(view(delivered), instance("month", delivered, pauses=(pause,)))

    assert case.defined() == due
    assert due is not None
    assert defined("office", delivered, month) < due


def test_the_same_words_are_each_agency_s_own_working_hours() -> None:
    """Two steps wait for 3 working hours before the hearing; each opens by the hours of whoever does it."""
    more = """\
steps in waiting:
 of-court: {when: 3 working hours before hearing, who: judge, must: act, due: within 1 day}
 of-office: {when: 3 working hours before hearing, who: helper, must: act, due: within 1 day}
 of-court-too: {when: 3 working hours before hearing, who: clerk, must: act, due: within 1 day}
"""
    protocol = compile_text(TEXT + more, today=TODAY, explored=False).protocol
    waits = {each.id: [ref for arm in each.when.arms for ref in arm] for each in protocol.steps if "of-" in each.id}
    calendars = {each: protocol.wait[name.partition(":")[2]].at.length.calendar for each, (name,) in waits.items()}

    assert calendars == {"of-court": "court", "of-office": "office", "of-court-too": "court"}
