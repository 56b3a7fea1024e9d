"""What each key of the language does to a case, in one fact each: counts, votes, lists, links."""

from __future__ import annotations

from protocol.engine import clocks
from protocol.facts import Counted, StepDelivered, StepEnded
from protocol.messages import (
    Actor,
    CastVote,
    EventHappened,
    LinkNotice,
    SendEvent,
    StartCase,
)
from protocol.state import Code, Item
from tests.protocol.keys import DAY, HOUR, begun, bodies, end, live, made, report
from tests.protocol.random_runs import START, Run, actor

COUNTING = """\
record:
 absences: count of class absent{}
events:
 begun: {{from: police, then: start a case}}
 back: {{from: court}}
 over: {{from: court, then: end the case}}
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


def test_whether_a_linked_case_has_ended_changes_nothing_that_others_see() -> None:
    """It is told of events as before, and another cause begins no second one: neither shows that it is over."""
    runs = [begun(LINKING, hearing=START + DAY) for _ in range(2)]
    for number, run in enumerate(runs):
        end(run, "file")
        (seq,) = [each.seq for each in run.state.links.values()]
        run.send(LinkNotice(link="other", seq=seq, ended=bool(number)), None)
        before = len(run.facts)
        report(run, "moved", hearing=START + 4 * DAY)
        report(run, "begun")
        end(run, "file")
        runs[number].facts = run.facts[before:]

    kinds = [[each.body.kind for each in run.facts] for run in runs]
    assert kinds[0] == kinds[1]
    assert {"passed-on", "link-not-started"} <= set(kinds[0])


def test_a_notice_of_a_case_that_was_never_linked_is_refused() -> None:
    """A number that is no link's is nobody's."""
    run = begun(LINKING)
    refusal = run.send(LinkNotice(link="other", seq=99), None).refusal
    assert refusal is not None
    assert refusal.code is Code.NOT_LINKED
