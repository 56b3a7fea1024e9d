"""An open case moves to a newer text and back: laws M1 to M8 of council.md section 3, by chance and by example."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.engine.machine import deadlines, step
from protocol.engine.points import due_of
from protocol.engine.running import Running
from protocol.errors import SpecError
from protocol.expressions import Offset, Unit
from protocol.facts import DueMoved, Told, WindowMissed
from protocol.kernel import Protocol
from protocol.messages import TICK, Answer, Input
from protocol.migrating.crossing import Crossing, migrate, undo
from protocol.migrating.effect import Class, effect
from protocol.migrating.hindrances import IMPOSSIBLE, TO_DECIDE, Code
from protocol.migrating.plan import Plan, read_plan
from protocol.migrating.route import Route, route
from protocol.serial import FACT, STATE, dump_protocol, load_protocol
from protocol.state import CaseState, Instant, Status
from tests.protocol import random_runs, random_texts
from tests.protocol.random_runs import Run, actor
from tests.protocol.texts import SMALL, TODAY, changed

LENGTH = re.compile(r"\b(" + "|".join((*random_texts.LENGTHS, *random_texts.SHORT)) + r")\b")
CLOCKS = ("keep elapsed", "keep deadline", "restart", "grandfather")
NOT_OWED = {"close": "not owed", "because": "placeholder"}
DAY = 24 * clocks.HOUR
YEAR = 400 * DAY


def compiled(text: str) -> Protocol:
    return compile_text(text, today=TODAY, explored=False).protocol


def edited(text: str, chance: Random) -> str:
    """The text with a few of its lengths drawn anew."""
    found = len(LENGTH.findall(text))
    picked = set(chance.sample(range(found), min(found, chance.randint(1, 4))))
    numbers = iter(range(found))
    return LENGTH.sub(lambda each: chance.choice(random_texts.LENGTHS) if next(numbers) in picked else each[0], text)


def pair(chance: Random) -> tuple[Protocol, Protocol]:
    """A text and another: mostly an edit of it, sometimes one that has nothing to do with it."""
    while True:
        text = random_texts.text(chance)
        other = edited(text, chance) if chance.random() < 0.8 else random_texts.text(chance)
        try:
            return compiled(text), compiled(other)
        except SpecError:
            continue


def way(old: Protocol, new: Protocol, **lines: object) -> Route:
    plan = Plan.model_validate({"migration": new.id, **lines}, by_alias=True)
    return route(dump_protocol(old), dump_protocol(new), plan.dump())


def back(there: Route, made: Crossing) -> Route:
    """The way back from what the case runs on now."""
    return way(pinned(there, made), there.old)


def pinned(there: Route, made: Crossing) -> Protocol:
    """What a case runs on that went this way."""
    return there.onto if made.pinned == there.onto_hash else there.new


def dues(protocol: Protocol, state: CaseState) -> dict[int, Instant | None]:
    view = Running(protocol, state, state.now).view()
    return {each.n: due_of(view, each)[0] for each in state.instances}


@settings(max_examples=60)
@given(seed=st.integers(0, 1_000_000))
def test_a_move_keeps_the_laws_or_does_not_happen(seed: int) -> None:
    """Nothing in time is missed, every duty is there, survivors lose no time, nothing is in the past or fires twice."""
    chance = Random(seed)
    old, new = pair(chance)
    gone = {each.id for each in old.steps if each.stands_for is None} - set(new.step)
    there = way(old, new, clock=chance.choice(CLOCKS), steps={each: NOT_OWED for each in gone if chance.random() < 0.8})
    run = random_runs.drive(old, chance, chance.randint(1, 12))
    made = migrate(there, run.state, "run", run.now)
    after = made.result.state
    if made.hindrance is not None:
        assert after is run.state
        assert made.result.facts == ()
        return
    assert after.crossed is not None
    before = after.crossed.before
    assert STATE.validate_json(STATE.dump_json(after)) == after
    assert [FACT.validate_json(FACT.dump_json(each)) for each in made.result.facts] == list(made.result.facts)
    assert load_protocol(there.onto_data) == there.onto
    was = {each.n: each for each in before.instances}
    if after.status is Status.ENDED:
        return
    assert {each.n for each in after.instances} >= {each.instance for each in made.moved if each.how != "closed"} & {
        each.n for each in after.instances
    }
    assert {each.n for each in after.instances if each.missed} <= {each.n for each in before.instances if each.missed}
    assert all(each.at > after.now for each in deadlines(there.onto, after))
    then, now = dues(old, before), dues(there.onto, after)
    for each in after.instances:
        lane = there.onto.lane[there.onto.step[each.step].lane]
        if each.n in was and not each.receipt and lane.agency is not None and then[each.n] is not None:
            assert (now[each.n] or 0) <= (then[each.n] or 0)
    # A due time that had moved on since lets its rungs fire again, under either text.
    past = [each for each in before.instances if each.announced is not None and each.announced <= before.now]
    again = {(each.instance, each.rung) for each in deadlines(old, before)}
    fired = {(each.n, rung) for each in past for rung in each.fired} - again
    later = step(there.onto, after, TICK, after.now + YEAR)
    moving = {fact.body.instance for fact in later.facts if isinstance(fact.body, DueMoved)}
    fired = {each for each in fired if each[0] not in moving}
    for fact in later.facts:
        if isinstance(fact.body, WindowMissed) and there.plan.clock.value != "restart":
            assert (fact.body.instance, "late") not in fired
        if isinstance(fact.body, Told) and fact.body.page is None and fact.body.rung is not None:
            known = there.onto.step.get(fact.body.step)
            rung = next((one for one in known.rungs if one.id == fact.body.rung), None) if known else None
            if rung is not None and rung.every is None and there.plan.clock.value != "restart":
                assert (fact.body.instance, fact.body.rung) not in fired


@settings(max_examples=40)
@given(seed=st.integers(0, 1_000_000))
def test_a_move_taken_back_at_once_leaves_the_case_as_it_was(seed: int) -> None:
    """M8: duties, record, position and clocks are the very same; only numbers and what was recorded differ."""
    chance = Random(seed)
    old, new = pair(chance)
    there = way(old, new, clock=chance.choice(CLOCKS))
    run = random_runs.drive(old, chance, chance.randint(1, 12))
    made = migrate(there, run.state, "run", run.now)
    after = made.result.state
    if made.hindrance is not None or after.status is not Status.OPEN:
        return
    assert after.crossed is not None
    taken = undo(back(there, made), after, "run", after.now)
    if taken.hindrance is not None:
        # What opened at the move by itself and ended at once is what people would have had to undo.
        assert taken.hindrance.code is Code.CANNOT_GO_BACK
        return
    before, state = after.crossed.before, taken.result.state
    assert [FACT.validate_json(FACT.dump_json(each)) for each in taken.result.facts] == list(taken.result.facts)
    assert {each.n: each for each in state.instances} == {each.n: each for each in before.instances}
    assert state.fields == before.fields
    assert state.arms == before.arms
    assert state.waits == before.waits
    assert state.counters == before.counters
    assert (state.crossed, state.stays) == (None, before.stays)


@settings(max_examples=40)
@given(seed=st.integers(0, 1_000_000))
def test_what_is_foreseen_is_what_happens(seed: int) -> None:
    """The effect's class and times are those of the move at the same instant, and a refusal is foreseen as one."""
    chance = Random(seed)
    old, new = pair(chance)
    there = way(old, new, clock=chance.choice(CLOCKS))
    run = random_runs.drive(old, chance, chance.randint(1, 12))
    state = STATE.validate_json(STATE.dump_json(run.state))
    foreseen = effect(there, state, run.now)
    made = migrate(there, run.state, "run", run.now)
    if made.hindrance is None:
        assert foreseen.kind in (Class.SAFE, Class.UNAFFECTED)
        assert foreseen.moved == made.moved
        if foreseen.kind is Class.UNAFFECTED:
            assert dues(old, run.state if made.result.state.crossed is None else made.result.state.crossed.before) == (
                dues(there.onto, made.result.state)
            )
    else:
        assert foreseen.hindrance is not None
        assert foreseen.hindrance.code is made.hindrance.code
        code = made.hindrance.code
        assert (foreseen.kind is Class.DECISION) == (code in TO_DECIDE)
        assert (foreseen.kind is Class.IMPOSSIBLE) == (code in IMPOSSIBLE)


def test_asked_again_a_move_gives_the_answer_it_gave() -> None:
    """The same run moves a case once, however often it is asked."""
    there = way(compiled(SMALL), compiled(changed("within 2 hours", "within 90 minutes")))
    run = begun()
    made = migrate(there, run.state, "run", run.now)
    again = migrate(there, made.result.state, "run", run.now + clocks.HOUR)
    assert again.known == made.result.reply
    assert again.result.facts == ()


# By example, on the small protocol of tests/protocol/texts.py

THURSDAY = clocks.instant(datetime(2026, 3, 5, 21, 0, tzinfo=UTC))
"""15:00 in Chicago."""


def begun(at: Instant = THURSDAY, text: str = SMALL) -> Run:
    run = Run(compiled(text), now=at)
    random_runs.happen(run, "arrest", Random(1))
    return run


def calling(at: Instant = THURSDAY, text: str = SMALL) -> Run:
    """The shelter has the case since then."""
    run = begun(at, text)
    given_ = Answer(instance=1, outcome="given", refs={"numbers": "placeholder"})
    assert run.send(given_, actor(run.protocol, "patrol")).refusal is None
    return run


def moved(run: Run, text: str, at: Instant, **lines: object) -> tuple[Crossing, Route]:
    there = way(run.protocol, compiled(text), **lines)
    return migrate(there, run.state, "run", at), there


def hours(count: float) -> Instant:
    return THURSDAY + int(count * clocks.HOUR)


def test_a_shorter_window_counts_from_the_handoff() -> None:
    """2 h become 90 min: of a case 30 min old 60 min are left."""
    made, there = moved(begun(), changed("within 2 hours", "within 90 minutes"), hours(0.5))
    assert dues(there.onto, made.result.state) == {1: hours(1.5)}
    assert [(each.due_was, each.due) for each in made.moved] == [(hours(2), hours(1.5))]


def test_nobody_is_late_on_arrival() -> None:
    """2 h become 30 min after 1 h: the plan's grace is left, 15 min, and the window is missed after that only."""
    made, there = moved(begun(), changed("within 2 hours", "within 30 minutes"), hours(1))
    assert dues(there.onto, made.result.state) == {1: hours(1.25)}
    later = step(there.onto, made.result.state, TICK, hours(3))
    assert [each.at for each in later.facts if isinstance(each.body, WindowMissed)] == [hours(1.25)]


def test_the_old_due_time_is_kept_when_the_grace_reaches_beyond_it() -> None:
    """At 1 h 55 min of 2 h the 5 min are left, not the 15 of the grace."""
    made, there = moved(begun(), changed("within 2 hours", "within 30 minutes"), hours(1) + 55 * clocks.MINUTE)
    assert dues(there.onto, made.result.state) == {1: hours(2)}


def test_a_missed_window_stays_missed_once() -> None:
    """2 h become 4 h after 3 h: it was missed at 2 h, and is not missed again at 4."""
    run = begun()
    run.until(hours(3))
    made, there = moved(run, changed("within 2 hours", "within 4 hours"), hours(3))
    assert made.hindrance is None
    later = step(there.onto, made.result.state, TICK, hours(30))
    assert not [each for each in later.facts if isinstance(each.body, WindowMissed)]
    assert made.pinned == there.onto_hash


SHORTER = changed("open: mon-fri 08:30-17:00", "open: mon-fri 09:00-16:00")


def test_past_hours_count_as_the_older_calendar_counted_them() -> None:
    """council.md section 3: 12 h on 08:30-17:00, delivered Thu 15:00; new 09:00-16:00 on Fri 13:00: Mon 11:30."""
    ours = SMALL.replace("within 1 working day, or 30 minutes before hearing if sooner", "within 12 working hours")
    theirs = SHORTER.replace("within 1 working day, or 30 minutes before hearing if sooner", "within 12 working hours")
    friday = THURSDAY + 22 * clocks.HOUR
    run = calling(text=ours)
    monday = clocks.instant(datetime(2026, 3, 9, 15, 0, tzinfo=UTC))
    assert dues(run.protocol, run.state)[2] == monday

    made, _ = moved(run, theirs, friday)
    assert made.hindrance is not None
    assert made.hindrance.code is Code.LATER_UNREASONED
    because = {"call": {"clock": "keep elapsed", "because": "placeholder"}}
    made, there = moved(run, theirs, friday, steps=because)
    assert dues(there.onto, made.result.state)[2] == monday + 90 * clocks.MINUTE
    made, there = moved(run, theirs, friday, clock="keep deadline")
    assert dues(there.onto, made.result.state)[2] == monday


def test_a_restart_that_serves_the_survivor_needs_a_reason() -> None:
    """Without one it is refused; with one it shows in the fact."""
    text = changed("tries: up to 3, 30 minutes apart", "tries: up to 4, 30 minutes apart")
    run = calling()
    made, _ = moved(run, text, hours(1), clock="restart")
    assert made.hindrance is not None
    assert made.hindrance.code is Code.RESTART_UNREASONED
    made, _ = moved(run, text, hours(1), steps={"call": {"clock": "restart", "because": "placeholder"}})
    assert [(each.how, each.reasoned) for each in made.moved] == [("restart", True)]


MORE = SMALL.replace(
    "steps in care:",
    """\
 note:
  when: refer given
  who: sergeant
  must: write it down
  due: within 1 hour
  outcomes: [written]
steps in care:""",
)


def test_answers_given_since_stay_given_when_it_is_taken_back() -> None:
    """A call answered under the newer text is answered under the older one; the clock of what is open is as it was."""
    run = calling(text=MORE)
    text = MORE.replace("due: within 1 hour", "due: within 45 minutes")
    made, there = moved(run, text, hours(0.25))
    (call,) = [each.n for each in made.result.state.instances if each.step == "call"]
    talked = Input(command="talked", actor=actor(there.onto, "advocate"), body=Answer(instance=call, outcome="talked"))
    both = step(there.onto, made.result.state, talked, hours(0.5))
    assert both.refusal is None
    taken = undo(back(there, made), both.state, "run", hours(0.6))
    assert taken.hindrance is None
    assert set(dues(run.protocol, taken.result.state).values()) == {hours(1)}
    assert "outcome:call/talked" in taken.result.state.last


def test_an_answer_that_the_older_text_does_not_know_cannot_be_taken_back() -> None:
    """The case finishes on the newer text, and says which step is why."""
    run = calling()
    made, there = moved(
        run, changed("outcomes: [talked, not-reached]", "outcomes: [talked, moved-away, not-reached]"), hours(0.5)
    )
    answer = Answer(instance=2, outcome="moved-away")
    moved_away = Input(command="gone", actor=actor(there.onto, "advocate"), body=answer)
    after = step(there.onto, made.result.state, moved_away, hours(0.75))
    assert after.refusal is None
    taken = undo(back(there, made), after.state, "run", hours(0.8))
    assert taken.hindrance is not None
    assert taken.hindrance.code in (Code.CANNOT_GO_BACK, Code.NOT_OPEN)


def test_what_a_step_becomes_is_what_the_plan_says() -> None:
    """A duty goes on as a step of another name, under its own terms, when the plan names it."""
    text = SMALL.replace(" refer:", " hand-over:").replace("when: refer given", "when: hand-over given")
    run = begun()
    made, _ = moved(run, text, hours(1))
    assert made.hindrance is not None
    assert made.hindrance.code is Code.STEP_GONE
    made, there = moved(run, text, hours(1), steps={"refer": {"to": "hand-over"}})
    assert [(each.was, each.step) for each in made.moved] == [("refer", "hand-over")]
    assert dues(there.onto, made.result.state) == {1: hours(2)}


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        ("steps: {nothing: {clock: restart}}", "PLAN_STEP"),
        ("steps: {refer: {to: nothing}}", "PLAN_STEP"),
        ("steps: {refer: {to: call}}", "PLAN_KIND"),
        ("steps: {refer: {close: not owed}}", "WRONG_SHAPE"),
        ("steps: {refer: {clock: backwards}}", "WRONG_SHAPE"),
        ("clocks: restart", "UNKNOWN_KEY"),
        ("steps: {refer: {to: refer}, call: {to: refer}}", "PLAN_TWICE"),
    ],
)
def test_a_plan_with_a_slip_is_refused_at_its_line(lines: str, code: str) -> None:
    """What it names must be there, and a duty cannot become one of another kind."""
    protocol = compiled(SMALL)
    with pytest.raises(SpecError) as refused:
        read_plan(f"migration: small\n{lines}\n", protocol, protocol)
    assert code in {each.code for each in refused.value.findings}
    assert refused.value.findings[0].place.line == 2


def test_what_was_told_meanwhile_is_not_told_again_when_it_is_taken_back() -> None:
    """2 h become 90 min, which are missed and told of; taken back before the 2 h, nothing of it comes a second time."""
    run = begun()
    made, there = moved(run, changed("within 2 hours", "within 90 minutes"), hours(0.5))
    late = step(there.onto, made.result.state, TICK, hours(1.6))
    home = back(there, made)
    taken = undo(home, late.state, "run", hours(1.7))
    assert taken.hindrance is None
    pinned = home.onto if taken.pinned == home.onto_hash else run.protocol
    after = step(pinned, taken.result.state, TICK, hours(3))
    facts = [*late.facts, *taken.result.facts, *after.facts]

    assert [each.at for each in facts if isinstance(each.body, WindowMissed)] == [hours(1.5)]
    assert [each.body.rung for each in facts if isinstance(each.body, Told)] == ["tell-lead"]


LADDER = "due: within 2 hours\n  ladder: {{{}}}"


@pytest.mark.parametrize(
    ("rungs", "told"),
    [
        ("1 hour late: tell coordinator, 2 hours late: tell coordinator", ["2 hours late"]),
        ("1 hour late: tell coordinator, 2 hours late: page coordinator", ["2 hours late"]),
        ("1 hour late: page coordinator, 2 hours late: tell coordinator", ["1 hour late", "2 hours late"]),
        ("1 hour late: tell coordinator, 2 hours late: tell sergeant", ["1 hour late", "2 hours late"]),
        ("1 hour late: tell coordinator, 9 hours late: tell coordinator", ["1 hour late", "9 hours late"]),
    ],
)
def test_several_new_rungs_on_an_overdue_duty_tell_whom_they_tell_once(rungs: str, told: list[str]) -> None:
    """Three hours late when they come: the last says it, after the grace; a louder one and another's are not silent."""
    run = begun()
    made, there = moved(run, changed("due: within 2 hours", LADDER.format(rungs)), hours(5))
    after = step(there.onto, made.result.state, TICK, hours(24))
    tellings = [(each.at, each.body) for each in after.facts if isinstance(each.body, Told) and not each.body.repeat]
    found = [(at, late[body.rung]) for at, body in tellings if body.rung in (late := ladder(there))]

    assert [each for _, each in found] == told
    assert all(at > hours(5) for at, _ in found)


def ladder(there: Route) -> dict[str, str]:
    """The rungs that come late, by when they do."""
    late = {1: "1 hour late", 2: "2 hours late", 9: "9 hours late"}
    found = {}
    for each in there.new.step["refer"].rungs:
        length = each.at.length if isinstance(each.at, Offset) else None
        if length is not None and length.unit is Unit.HOUR and length.count in late:
            found[each.id] = late[length.count]
    return found
