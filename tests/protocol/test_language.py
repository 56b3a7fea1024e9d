"""What each key of the language does to a case, in one fact each."""

from __future__ import annotations

from protocol import clocks
from protocol.compiling import compile_text
from protocol.kernel import Protocol
from protocol.messages import (
    Actor,
    Answer,
    CastVote,
    ClockPaused,
    ClockResumed,
    Counted,
    DueMoved,
    EventHappened,
    FactBody,
    LanePaused,
    LaneResumed,
    LinkNotice,
    LogTry,
    SendEvent,
    StartCase,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepNotOpened,
    StepScheduled,
    Told,
    WindowMissed,
)
from protocol.state import Code, Instance, Instant, Item, Status, Value
from tests.protocol.random_runs import START, Run, actor
from tests.protocol.texts import TODAY

HOUR, DAY = clocks.HOUR, 24 * clocks.HOUR

HEAD = """\
protocol: keys
timezone: America/Chicago
agencies:
 council: {lead: coordinator}
 police: {lead: sergeant, roles: {patrol: always, liaison: }}
 court: {open: mon-fri 08:00-16:30, lead: clerk, roles: {judge: , magistrate: }}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
"""


def made(text: str) -> Protocol:
    """A protocol of the agencies above."""
    return compile_text(HEAD + text, today=TODAY).protocol


def begun(text: str, event: str = "begun", **fields: Value) -> Run:
    """A case of it, from its first event on."""
    run = Run(made(text))
    report(run, event, **fields)
    return run


def report(run: Run, event: str, **fields: Value) -> None:
    source = run.protocol.event[event].sources[0]
    who = Actor(person="records", role=None, agency=source)
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    result = run.send(EventHappened(event=event, fields=given), who)
    assert result.refusal is None, result.refusal


def live(run: Run, step: str) -> list[Instance]:
    return [each for each in run.state.instances if each.step == step]


def end(run: Run, step: str, outcome: str = "done", which: int = 0, **fields: Value) -> Code | None:
    """The owner of an instance ends it."""
    each = live(run, step)[which]
    given = {name.replace("_", "-"): value for name, value in fields.items()}
    result = run.send(Answer(instance=each.n, outcome=outcome, fields=given), actor(run.protocol, each.owners[0]))
    return None if result.refusal is None else result.refusal.code


def bodies(run: Run, kind: type[FactBody]) -> list[FactBody]:
    return [each.body for each in run.facts if isinstance(each.body, kind)]


def told(run: Run, role: str) -> list[Instant]:
    return [each.at for each in run.facts if isinstance(each.body, Told) and role in each.body.roles]


COUNTING = """\
record:
 absences: count of class absent{}
events:
 begun: {{from: police, then: start a case}}
 back: {{from: court}}
steps in l:
 class:
  when any of: [begun, class ends]
  who: patrol
  must: hold class
  due: within 10 days
  outcomes: [attended, absent]
 review:
  when: absences reaches 2
  who: judge
  must: review
  due: within 1 day
"""


def test_a_counter_opens_what_waits_for_it_once_when_it_reaches_the_count() -> None:
    """Two absences open the review; a third does not reach two again."""
    run = begun(COUNTING.format(""))
    end(run, "class", "absent")
    end(run, "class", "attended")
    assert live(run, "review") == []
    end(run, "class", "absent")
    end(run, "class", "absent")

    assert len(bodies(run, StepDelivered)) == 5 + 1
    assert [each.value for each in bodies(run, Counted) if isinstance(each, Counted)] == [1, 2, 3]


def test_a_counter_of_a_period_forgets_what_is_older() -> None:
    """Of two absences eight days apart only one is in the last week."""
    run = begun(COUNTING.format(" in the last 1 week"))
    end(run, "class", "absent")
    run.until(START + 8 * DAY)
    end(run, "class", "absent")
    assert live(run, "review") == []
    run.until(START + 9 * DAY)
    end(run, "class", "absent")

    assert len(live(run, "review")) == 1


def test_a_counter_starts_from_zero_after_its_reset() -> None:
    """An absence before the court took him back does not count."""
    run = begun(COUNTING.format(", from zero after back"))
    end(run, "class", "absent")
    report(run, "back")
    end(run, "class", "absent")
    assert live(run, "review") == []
    end(run, "class", "absent")

    assert len(live(run, "review")) == 1


VOTING = """\
events:
 begun: {{from: police, then: start a case}}
steps in l:
 decide:
  when: begun
  who: clerk
  must: decide
  decided by: {}
  due: within 1 day
  outcomes: [take, leave]
"""


def vote(run: Run, role: str, outcome: str | None) -> Code | None:
    (each,) = live(run, "decide")
    result = run.send(CastVote(instance=each.n, outcome=outcome), actor(run.protocol, role))
    return None if result.refusal is None else result.refusal.code


def test_an_owner_decides_only_after_the_votes_it_needs() -> None:
    """Without the vote of another agency there is no quorum; with it the owner's answer counts."""
    run = begun(VOTING.format("at least patrol and judge"))
    assert end(run, "decide", "take") is Code.QUORUM
    assert vote(run, "patrol", None) is None
    assert end(run, "decide", "take") is Code.QUORUM
    assert vote(run, "judge", None) is None
    assert end(run, "decide", "take") is None


def test_a_majority_ends_the_step_as_it_votes() -> None:
    """Two of three decide; who does not vote has no say, and the owner alone cannot decide."""
    run = begun(VOTING.format("more than half of patrol, clerk and judge"))
    assert vote(run, "sergeant", "take") is Code.NOT_YOURS
    assert end(run, "decide", "take") is Code.VOTES_DECIDE
    assert vote(run, "patrol", "leave") is None
    assert vote(run, "judge", "take") is None
    assert vote(run, "patrol", "take") is None
    (ended,) = bodies(run, StepEnded)

    assert isinstance(ended, StepEnded)
    assert ended.outcome == "take"


LISTING = """\
record:
 plan: list of whom (role), by-when (date and time)
 latest: date and time
events:
 begun: {from: police, brings: plan and latest, then: start a case}
 again: {from: police, brings: plan}
steps in l:
 action:
  when any of: [begun, again]
  for each: plan
  who: its whom
  must: do it
  due: its by-when, or latest if sooner
 close:
  when: action all ended
  who: coordinator
  must: close
  due: within 1 day
"""


def item(whom: str, hours: int) -> Item:
    return {"whom": whom, "by-when": START + hours * HOUR}


def test_each_item_of_a_list_is_a_duty_with_its_own_owner_and_due_time() -> None:
    """The items go to the agencies of their owners, each with its own date, and the sooner of two limits holds."""
    run = begun(LISTING, plan=(item("patrol", 5), item("judge", 50)), latest=START + 20 * HOUR)
    found = {each.owners: (each.agency, each.announced) for each in live(run, "action")}

    assert found == {
        ("patrol",): ("police", START + 5 * HOUR),
        ("judge",): ("court", START + 20 * HOUR),
    }


def test_all_ended_comes_with_the_last_item() -> None:
    """One item of two done closes nothing; the second does."""
    run = begun(LISTING, plan=(item("patrol", 5), item("judge", 50)), latest=START + 90 * HOUR)
    end(run, "action")
    assert live(run, "close") == []
    end(run, "action")
    assert len(live(run, "close")) == 1


def test_all_of_an_empty_list_have_ended_at_once() -> None:
    """A plan without items leaves nothing to wait for."""
    run = begun(LISTING, plan=(), latest=START + 90 * HOUR)
    assert (live(run, "action"), len(live(run, "close"))) == ([], 1)


def test_a_new_list_opens_its_new_items_only() -> None:
    """An item that is open already is not opened twice."""
    run = begun(LISTING, plan=(item("patrol", 5),), latest=START + 90 * HOUR)
    report(run, "again", plan=(item("patrol", 5), item("judge", 50)))
    assert [each.owners for each in live(run, "action")] == [("patrol",), ("judge",)]


def test_a_list_without_a_column_or_with_a_role_nobody_has_is_refused() -> None:
    """Every item has every column, each of its type."""
    run = Run(made(LISTING))
    who = Actor(person="records", role=None, agency="police")
    wrong: tuple[tuple[tuple[Item, ...], Code], ...] = (
        (({"whom": "patrol"},), Code.FIELD_TYPE),
        ((item("mayor", 5),), Code.UNKNOWN_ROLE),
    )
    for plan, code in wrong:
        result = run.send(EventHappened(event="begun", fields={"plan": plan, "latest": START}), who)
        assert result.refusal is not None
        assert result.refusal.code is code


EACH = """\
events:
 begun: {from: police, then: start a case}
steps in l:
 research:
  when: begun
  who: each of patrol and judge
  must: look
  due: within 2 working hours
 close:
  when: research all ended
  who: coordinator
  must: close
  due: within 1 day
"""


def test_each_of_several_roles_owes_the_step_on_its_own_agency_s_clock() -> None:
    """Two working hours from Friday 15:00 end at 17:00 for the police and on Monday for the court."""
    run = begun(EACH)
    due = {each.owners[0]: each.announced for each in live(run, "research")}
    end(run, "research", which=0)
    end(run, "research")

    assert due["patrol"] == START + 2 * HOUR
    assert clocks.moment(due["judge"] or 0, "America/Chicago").isoformat() == "2026-03-09T08:30:00-05:00"
    assert len(live(run, "close")) == 1


CHOSEN = """\
record:
 keeper: role
events:
 begun: {from: police, brings: keeper, then: start a case}
steps in l:
 keep:
  when: begun
  who: keeper
  must: keep
  due: within 1 day
"""


def test_a_field_says_who_owes_the_step() -> None:
    """The role that the field names owns it, in its own agency."""
    run = begun(CHOSEN, keeper="judge")
    assert [(each.owners, each.agency) for each in live(run, "keep")] == [(("judge",), "court")]


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


LINKING = """\
record:
 hearing: date and time
events:
 begun: {from: police, may bring: hearing, then: start a case}
 moved: {from: court, brings: hearing}
steps in l:
 file:
  when: begun
  who: patrol
  must: file
  due: within 1 day
 other:
  when: file done
  runs: other-protocol
  as: arrest
  gives: hearing
  passes on: {hearing-moved: moved}
 see:
  when: other opens
  who: clerk
  must: see
  due: within 1 day
 after:
  when: other ends
  who: clerk
  must: look back
  due: within 1 day
"""


def test_a_linked_case_is_started_told_and_noticed() -> None:
    """It is given fields, told of events while it lives, and its opening and its end are causes."""
    run = begun(LINKING, hearing=START + DAY)
    report(run, "moved", hearing=START + 2 * DAY)
    end(run, "file")
    report(run, "moved", hearing=START + 3 * DAY)
    effects = [each for result in run.results for each in result.effects]
    (start,) = [each for each in effects if isinstance(each, StartCase)]
    (sent,) = [each for each in effects if isinstance(each, SendEvent)]
    assert (start.protocol, start.event, start.fields) == ("other-protocol", "arrest", {"hearing": START + 2 * DAY})
    assert (sent.to, sent.event, sent.fields) == (start.seq, "hearing-moved", {"hearing": START + 3 * DAY})

    run.send(LinkNotice(link="other", seq=start.seq), None)
    assert len(live(run, "see")) == 1
    run.send(LinkNotice(link="other", seq=start.seq, ended=True), None)
    assert len(live(run, "after")) == 1
    before = len(run.facts)
    report(run, "moved", hearing=START + 4 * DAY)
    assert not [each for each in run.facts[before:] if each.body.kind == "passed-on"]


def test_a_notice_of_a_case_that_was_never_linked_is_refused() -> None:
    """A number that is no link's is nobody's."""
    run = begun(LINKING)
    refusal = run.send(LinkNotice(link="other", seq=99), None).refusal
    assert refusal is not None
    assert refusal.code is Code.NOT_LINKED


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
