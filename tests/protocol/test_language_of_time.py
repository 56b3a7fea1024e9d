"""What each key of the language about time does to a case: pauses, moments, tries, rounds."""

from __future__ import annotations

from protocol.engine import clocks
from protocol.facts import (
    ClockPaused,
    ClockResumed,
    DueMoved,
    LanePaused,
    LaneResumed,
    StepCancelled,
    StepDelivered,
    StepNotOpened,
    StepScheduled,
    WindowMissed,
)
from protocol.messages import LogTry
from protocol.state import Status
from tests.protocol.keys import DAY, HOUR, begun, bodies, end, live, report, told
from tests.protocol.random_runs import START, actor

PAUSING = """\
record:
 looking: yes or no
events:
 begun: {from: police, then: start a case}
 stopped: {from: police, then: "pause l for at most 3 days, until word"}
 word: {from: court}
 said: {from: police, brings: looking}
steps in l:
 report:
  when: begun
  who: patrol
  must: report
  due: within 2 days
  clock stops: while looking, at most 4 days
"""


def test_a_paused_lane_stops_its_clocks_until_its_cause() -> None:
    """A day of pause is a day more; nobody is told while it lasts."""
    run = begun(PAUSING)
    run.until(START + 1 * DAY)
    report(run, "stopped")
    run.until(START + 2 * DAY)
    report(run, "word")
    paused, resumed = bodies(run, LanePaused), bodies(run, LaneResumed)

    assert (len(paused), len(resumed)) == (1, 1)
    assert live(run, "report")[0].announced == live(run, "report")[0].raw
    assert told(run, "sergeant") == []
    run.until(START + 5 * DAY)
    (missed,) = bodies(run, WindowMissed)
    assert isinstance(missed, WindowMissed)
    # Days end at midnight: the second day that counts is the one after the pause.
    assert clocks.moment(missed.due, "America/Chicago").day == 10


def test_a_lane_s_pause_runs_out_by_itself() -> None:
    """Three days at most: then the clock goes on without anybody's word."""
    run = begun(PAUSING)
    report(run, "stopped")
    run.until(START + 10 * DAY)

    assert [each.cause for each in bodies(run, LaneResumed) if isinstance(each, LaneResumed)] == [None]
    assert len(bodies(run, WindowMissed)) == 1


def test_a_clock_stops_while_its_condition_is_so() -> None:
    """It stops when the field says so, and goes on when it no longer does."""
    run = begun(PAUSING)
    report(run, "said", looking=True)
    run.until(START + 1 * DAY)
    report(run, "said", looking=False)

    assert [each.person for each in bodies(run, ClockPaused) if isinstance(each, ClockPaused)] == [None]
    assert len(bodies(run, ClockResumed)) == 1


def test_a_condition_that_comes_and_goes_stops_a_clock_no_longer_than_its_cap() -> None:
    """All its stretches together are four days at most."""
    run = begun(PAUSING)
    for day in range(0, 20, 4):
        run.until(START + day * DAY)
        report(run, "said", looking=True)
        run.until(START + (day + 3) * DAY)
        report(run, "said", looking=False)
    stopped = sum((each.until or each.cap) - each.start for each in live(run, "report")[0].suspensions)

    # The cap is counted in plain days, which end at midnight.
    assert stopped <= 5 * DAY
    assert len(bodies(run, WindowMissed)) == 1


MEETING = """\
record:
 meeting-date: date and time
events:
 begun: {from: police, brings: meeting-date, then: start a case}
 moved: {from: police, brings: meeting-date}
steps in l:
 prepare:
  when: 1 day before meeting-date
  who: clerk
  must: prepare
  due: meeting-date, or within 1 day if sooner
 meeting:
  when: meeting-date
  who: judge
  must: meet
  due: end of the day
"""


def test_a_moment_in_a_field_opens_a_step_when_it_comes() -> None:
    """The meeting opens at its date, what prepares it a day before, and a later date opens both again."""
    run = begun(MEETING, meeting_date=START + 3 * DAY)
    assert (run.state.instances, run.state.status) == ((), Status.OPEN)
    run.until(START + 2 * DAY + 14 * HOUR)
    assert [each.step for each in run.state.instances] == ["prepare"]
    run.until(START + 3 * DAY)
    assert [each.step for each in run.state.instances] == ["prepare", "meeting"]
    end(run, "meeting")
    end(run, "prepare")

    assert run.state.status is Status.ENDED


def test_a_moment_that_moves_is_waited_for_at_its_new_time() -> None:
    """Nothing opens at the old date."""
    run = begun(MEETING, meeting_date=START + 3 * DAY)
    report(run, "moved", meeting_date=START + 6 * DAY)
    run.until(START + 3 * DAY + HOUR)
    assert live(run, "meeting") == []
    run.until(START + 6 * DAY)
    assert len(live(run, "meeting")) == 1


TRYING = """\
events:
 begun: {from: police, then: start a case}
steps in l:
 serve:
  when: begun
  who: patrol
  must: serve
  due: within 3 days
  tries: at least 2 within 1 day, a try counts as on time, then redirected
  outcomes: [served, redirected]
"""


def test_too_few_tries_in_their_time_are_told() -> None:
    """One try of two by the end of the first day: the lead hears; two: nobody does."""
    run = begun(TRYING)
    (each,) = live(run, "serve")
    run.send(LogTry(instance=each.n), actor(run.protocol, "patrol"))
    run.until(START + 2 * DAY)
    assert len(told(run, "sergeant")) == 1


def test_a_try_in_time_spares_the_escalation_and_not_the_reminder() -> None:
    """No window is missed, yet while the duty is open its lead is reminded after it was due."""
    run = begun(TRYING)
    (each,) = live(run, "serve")
    for _ in range(2):
        run.send(LogTry(instance=each.n), actor(run.protocol, "patrol"))
    run.until(START + 6 * DAY)

    assert bodies(run, WindowMissed) == []
    assert told(run, "coordinator") == []
    assert len(told(run, "sergeant")) >= 1


UNDOING = """\
record:
 at: date and time
events:
 begun: {from: police, may bring: at, then: start a case}
 off: {from: court, then: cancel visit}
 set: {from: police, brings: at}
steps in l:
 visit:
  when: begun
  who: patrol
  not before: at
  must: visit
  due: within 1 day
 undo:
  when: visit cancelled
  who: clerk
  must: tell them not to come
  due: within 1 hour
"""


def test_what_is_cancelled_may_open_what_undoes_it() -> None:
    """The visit is withdrawn and the clerk has to call it off."""
    run = begun(UNDOING)
    report(run, "off")
    assert [each.step for each in run.state.instances] == ["undo"]
    assert len(bodies(run, StepCancelled)) == 1


def test_what_is_not_before_a_moment_moves_with_it() -> None:
    """A later time puts delivery off, an earlier one brings it on."""
    run = begun(UNDOING, at=START + 5 * HOUR)
    report(run, "set", at=START + 9 * HOUR)
    run.until(START + 6 * HOUR)
    assert bodies(run, StepDelivered) == []
    report(run, "set", at=START + 6 * HOUR)

    assert len(bodies(run, StepDelivered)) == 1
    assert [each.starts for each in bodies(run, StepScheduled) if isinstance(each, StepScheduled)] == [
        START + 5 * HOUR,
        START + 9 * HOUR,
        START + 6 * HOUR,
    ]


ROUNDS = """\
events:
 begun: {from: police, then: start a case}
 over: {from: court}
steps in l:
 check:
  when: begun
  who: patrol
  must: check
  due: within 1 day
  repeats: every 7 days until over
 only:
  when: begun
  again: once
  who: clerk
  must: file
  due: within 30 days
"""


def test_rounds_overlap_and_end_with_their_cause() -> None:
    """A round that is not done does not hold the next one back; the cause ends what is to come and not what is open."""
    run = begun(ROUNDS)
    run.until(START + 15 * DAY)
    assert len([each for each in live(run, "check") if each.delivered]) == 3
    report(run, "over")

    assert len(live(run, "check")) == 3
    assert all(each.delivered for each in live(run, "check"))


def test_a_step_that_opens_once_stays_shut_the_second_time() -> None:
    """The second cause says why it opened nothing."""
    run = begun(ROUNDS)
    end(run, "only")
    report(run, "begun")
    assert [(each.step, each.why.value) for each in bodies(run, StepNotOpened) if isinstance(each, StepNotOpened)] == [
        ("check", "already-open"),
        ("only", "once"),
    ]


def test_a_due_time_says_what_moved_it() -> None:
    """The cause of a due time that moved is what people reported, not what followed from it."""
    run = begun(MEETING, meeting_date=START + 20 * HOUR)
    run.until(START + HOUR)
    report(run, "moved", meeting_date=START + 30 * HOUR)
    assert {each.cause for each in bodies(run, DueMoved) if isinstance(each, DueMoved)} <= {"event:moved"}


MIDNIGHT = """\
events:
 begun: {from: police, then: start a case}
steps in l:
 act:
  when: begun
  who: patrol
  must: act
  due: within 1 day
  ladder: {1 day before due: remind owner, when due: tell sergeant, 1 day late: tell coordinator}
"""


def test_a_day_after_a_due_time_at_midnight_is_the_end_of_the_next_day() -> None:
    """Due at the end of Saturday: a day late is the end of Sunday, and a day before the end of Friday."""
    run = begun(MIDNIGHT)
    run.until(START + 4 * DAY)
    moments = [told(run, role)[0] for role in ("patrol", "sergeant", "coordinator")]

    # Friday 24:00, Saturday 24:00, Sunday 24:00; the clocks went forward on Sunday.
    assert [clocks.moment(each, "America/Chicago").isoformat()[:16] for each in moments] == [
        "2026-03-07T00:00",
        "2026-03-08T00:00",
        "2026-03-09T00:00",
    ]
