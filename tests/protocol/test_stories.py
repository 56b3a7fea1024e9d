"""The language of stories: each phrase holds where it is so, is found untrue where it is not, and a slip is refused."""

from __future__ import annotations

from functools import cache

import pytest

from protocol.compiling.compiler import compile_text
from protocol.errors import Finding, SpecError
from protocol.facts import EventRecorded
from protocol.kernel import Protocol
from protocol.scenarios.scenario import play, read_scenarios
from protocol.scenarios.verdicts import Problem
from tests.protocol.texts import TODAY

TEXT = """\
protocol: told
timezone: America/Chicago
agencies:
 council: {open: always, lead: coordinator}
 police: {open: always, lead: sergeant, roles: [patrol, detective]}
 court: {open: always, lead: clerk}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 hearing: date and time
 danger: number from 0 to 20
 high: yes if danger is at least 14
 misses: count of look missed
 plan: list of owner (role), deadline (date and time)
events:
 booked: {from: police and linked cases, may bring: hearing and danger, then: start a case}
 word: {from: court, then: close work}
 break: {from: court, then: pause work for at most 5 days}
 again: {from: police, then: start a linked case as booked}
steps in work:
 look:
  when: booked
  who: each of patrol and detective
  must: look
  due: within 2 hours
  ladder: {when due: tell sergeant}
  outcomes: [seen, missed]
 talk:
  when: look seen
  who: sergeant
  must: talk
  decided by: at least patrol
  due: within 2 hours
  outcomes: {planned: ask plan}
 act:
  when: talk planned
  for each: plan
  who: its owner
  must: act
  due: its deadline
 other:
  when: look missed
  runs: elsewhere
  as: begun
  passes on:
   heard: word
 follow:
  when: other opens
  who: clerk
  must: follow
  due: within 2 days
"""
BOOKED = "at: 2026-03-06 10:00, when: booked"


@cache
def told() -> Protocol:
    return compile_text(TEXT, today=TODAY).protocol


def file(*entries: str, given: str = "") -> str:
    before = f"given: {given}\n" if given else ""
    return "scenario: A story\nof: told\n" + before + "story:\n" + "".join(f" - {{{each}}}\n" for each in entries)


def played(*entries: str, given: str = "") -> list[Problem]:
    (story,) = read_scenarios(file(*entries, given=given), "America/Chicago")
    return play(told(), story)[0]


def _play_all(text: str) -> None:
    for story in read_scenarios(text, "America/Chicago"):
        play(told(), story)


def slip(text: str) -> Finding:
    with pytest.raises(SpecError) as caught:
        _play_all(text)
    (found,) = caught.value.findings
    return found


PLAN = "[{owner: patrol, deadline: 2026-03-07 10:00}, {owner: clerk, deadline: 2026-03-08 10:00}]"
SEEN = (BOOKED, "at: 10:10, when: patrol ends look as seen")
PLANNED = (
    *SEEN,
    "at: 10:20, when: patrol votes talk",
    f"at: 10:30, when: sergeant ends talk as planned, with: {{plan: {PLAN}}}",
)
MISSED = (BOOKED, "at: 10:10, when: detective ends look as missed")

SO = [
    (BOOKED, "look is open 2 times", "look is open 1 times"),
    ("at: 2026-03-06 10:00, when: booked, with: {danger: 3}", "danger is 3", "danger is 4"),
    (
        "at: 2026-03-06 10:00, when: booked, with: {hearing: 2026-03-09 09:00}",
        "hearing is 2026-03-09 09:00",
        "hearing is 2026-03-09 09:01",
    ),
    (BOOKED, "hearing is not known", "hearing is 2026-03-09 09:00"),
    (BOOKED, "misses is 0", "misses is 1"),
    (BOOKED, "work lane is open", "work lane is closed"),
    (BOOKED, "work lane is running", "work lane is paused"),
    (BOOKED, "case goes on", "case ended"),
    (BOOKED, "patrol holds look", "clerk holds look"),
    (BOOKED, "look is due 12:00", "look is due 12:01"),
    (BOOKED, "look is on time", "look is late"),
    (BOOKED, "look is not waiting", "look is waiting"),
]


@pytest.mark.parametrize(("entry", "so", "untrue"), SO)
def test_a_phrase_holds_or_is_found_untrue(entry: str, so: str, untrue: str) -> None:
    """What is so raises nothing; its opposite is reported with what is so instead."""
    assert [] == played(f"{entry}, expect: {so}")
    (problem,) = played(f"{entry}, expect: {untrue}")
    assert untrue == problem.expected


def test_who_was_told_of_what() -> None:
    """A telling is of a step, and of this entry; seeing nothing is about the whole story."""
    assert [] == played(BOOKED, "at: 12:00, expect: [sergeant was told of look, sergeant was not told of talk]")
    (problem,) = played(BOOKED, "at: 12:00, expect: sergeant was not told of look")
    assert "told by" in problem.found
    assert [] == played(BOOKED, "at: 12:00", "at: 12:01, expect: [sergeant was not told, coordinator sees nothing]")


def test_each_role_ends_its_own_instance() -> None:
    """With an instance for each role, a role's answer goes to its own."""
    assert [] == played(*SEEN, "at: 10:20, expect: [look is open 1 times, detective holds look]")


def test_votes_and_lists() -> None:
    """A vote allows the owner's answer; a list brings an instance for each of its items, each to its owner."""
    refused = "at: 10:20, when: sergeant ends talk as planned, with: {plan: []}, expect: 'refused: QUORUM'"
    assert [] == played(*SEEN, refused)
    assert [] == played(*PLANNED, "at: 10:31, expect: [plan has 2 items, act is open 2 times, clerk holds act]")
    assert [] == played(
        *PLANNED, "at: 10:31, when: clerk ends act as done, expect: [act is open 1 times, patrol holds act]"
    )


def test_linked_cases() -> None:
    """A linked case begins, opens, hears what is passed on, and ends."""
    begun = "at: 10:11, expect: other begins"
    assert [] == played(*MISSED, begun, "at: 10:12, when: other opens, expect: [other has opened, follow is open]")
    assert [] == played(*MISSED, "at: 10:12, when: word, expect: [other hears heard, work lane is closed]")
    assert [] == played(*MISSED, "at: 10:12, when: other opens", "at: 10:13, when: other ends, expect: other has ended")
    (problem,) = played(BOOKED, "at: 10:12, expect: other begins")
    assert "it has not begun" == problem.found


def test_a_lane_stands_still_and_goes_on() -> None:
    """A pause of a lane is seen, and its end."""
    pausing = "at: 10:05, when: break, expect: [work lane is paused, look is on time]"
    assert [] == played(BOOKED, pausing, "at: 2026-03-12 00:00, expect: work lane is running")


def test_an_event_says_from_where() -> None:
    """A story may name the agency that reports; the engine refuses those that may not."""
    assert [] == played("at: 2026-03-06 10:00, when: booked from linked cases, expect: look is open")
    assert [] == played(BOOKED, "at: 10:01, when: word from police, expect: 'refused: NOT_YOUR_EVENT'")


def test_what_is_entered_late_happened_before() -> None:
    """``happened`` with a bare time is the last such; the event is recorded with both times."""
    text = file(BOOKED, "at: 12:30, when: word, happened: 12:10")
    (story,) = read_scenarios(text, "America/Chicago")
    _, facts = play(told(), story)

    (word,) = [each for each in facts if isinstance(each.body, EventRecorded) and each.body.event == "word"]
    assert 20 * 60 * 1_000_000 == word.recorded - word.at


def test_fields_that_are_given_come_with_the_first_event() -> None:
    """``given: fields`` is what the first event brings, unless it says otherwise itself."""
    assert [] == played(f"{BOOKED}, expect: danger is 5", given="{fields: {danger: 5}}")
    assert [] == played(f"{BOOKED}, with: {{danger: 6}}, expect: danger is 6", given="{fields: {danger: 5}}")


def test_a_story_may_go_on_another() -> None:
    """``given: after`` begins with the entries of a story above it, and the people on duty there."""
    first = file(*SEEN, given="{on duty: {detective: Dee}}")
    second = file("at: 10:20, when: Dee ends look as seen", "expect: look is not open").replace("A story", "It goes on")
    text = first + "---\n" + second.replace("story:\n", "given: {after: A story}\nstory:\n")

    _, story = read_scenarios(text, "America/Chicago")

    assert 4 == len(story.story)
    assert [] == play(told(), story)[0]


SLIPS = [
    (file(f"{BOOKED}, expect: lok is not open"), "SCENARIO_NAME", "lok is no step.", "Did you mean look?"),
    (
        file(f"{BOOKED}, expect: sergant was not told"),
        "SCENARIO_NAME",
        "sergant is no role and nobody on duty.",
        "Did you mean sergeant?",
    ),
    (file(f"{BOOKED}, expect: wrk lane is open"), "SCENARIO_NAME", "wrk is no lane.", "Did you mean work?"),
    (file(f"{BOOKED}, expect: othr begins"), "SCENARIO_NAME", "othr is no linked case.", "Did you mean other?"),
    (file(f"{BOOKED}, expect: look ended as sen"), "SCENARIO_NAME", "sen is no outcome of look.", "Did you mean seen?"),
    (
        file(f"{BOOKED}, expect: colour is red"),
        "SCENARIO_NAME",
        "colour is no field of the record.",
        "There is danger,",
    ),
    (
        file(f"{BOOKED}, expect: high is yes"),
        "SCENARIO_DERIVED",
        "high is worked out, not recorded.",
        "Expect what it opens.",
    ),
    (file(f"{BOOKED}, expect: all is well with her"), "SCENARIO_NAME", "all is no field", "There is"),
    (
        file(f"{BOOKED}, expect: it went well"),
        "SCENARIO_EXPECT",
        "it went well is nothing that can be expected.",
        "Write S is open",
    ),
    (file("at: 2026-03-06 10:00, when: bookt"), "SCENARIO_NAME", "bookt is no event.", "Did you mean booked?"),
    (
        file("at: 2026-03-06 10:00, when: booked from polic"),
        "SCENARIO_NAME",
        "polic is no agency.",
        "Did you mean police?",
    ),
    (file(BOOKED, "when: patrol ends lok as seen"), "SCENARIO_NAME", "lok is no step.", "Did you mean look?"),
    (
        file(BOOKED, "when: patrl ends look as seen"),
        "SCENARIO_NAME",
        "patrl is no role and nobody on duty.",
        "Did you mean patrol?",
    ),
    (file(BOOKED, "when: othr opens"), "SCENARIO_NAME", "othr is no linked case.", "Did you mean other?"),
    (
        file(BOOKED, "when: patrol looks at it hard"),
        "SCENARIO_WHEN",
        "patrol looks at it hard is nothing that happens here.",
        "Write an event",
    ),
    (file("when: booked"), "SCENARIO_AT", "The first entry says no time.", "Write at: 2026-03-06 23:00"),
    (file("at: soon, when: booked"), "SCENARIO_TIME", "soon is not a time.", "Write 2026-03-06 23:00"),
    (file(f"{BOOKED}, then: rest"), "SCENARIO_KEY", "then is not a key here.", "Write at, when, with"),
    (
        file(BOOKED, given="{state: look is open}"),
        "SCENARIO_KEY",
        "state is not a key here.",
        "Write on duty, fields, after.",
    ),
    (file(BOOKED, given="{after: Another}"), "SCENARIO_AFTER", "No scenario above is called Another.", ""),
    (file(BOOKED) + "---\n" + file(BOOKED), "SCENARIO_TITLE", "There are two scenarios A story.", "Rename one."),
    (file(BOOKED).replace("of: told\n", ""), "SCENARIO_KEY", "of is missing.", "Add of."),
]


@pytest.mark.parametrize(("text", "code", "says", "write"), SLIPS, ids=[f"{each[1]}-{each[2]}" for each in SLIPS])
def test_a_slip_is_refused_with_what_to_write(text: str, code: str, says: str, write: str) -> None:
    """Nothing that a story cannot mean passes as not so: it has a code, a place, and what to write instead."""
    found = slip(text)

    assert (found.code, found.says.startswith(says), found.write.startswith(write)) == (code, True, True), found
    assert found.place.line > 0
