"""What holds for every case, whatever is sent to it and whenever."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.engine import clocks
from protocol.engine.machine import Result, earliest, step
from protocol.facts import (
    Fact,
    StepCancelled,
    StepDelivered,
    StepEnded,
    Told,
    WindowMissed,
)
from protocol.messages import (
    TICK,
    Actor,
    Answer,
    EventHappened,
    Input,
    LogTry,
    Reassign,
    ResumeClock,
    TakeUp,
)
from protocol.serial import FACT, INPUT, STATE, dump_protocol, load_protocol
from protocol.state import CaseState, Code, Instant, Phase, Status, Value
from protocol.telling.refusals import SENTENCES, say
from tests.protocol.texts import compiled, small

P1 = compiled("post-arrest-advocacy").protocol
START = clocks.instant(datetime(2026, 3, 7, 5, 0, tzinfo=UTC))
ROLES = sorted(P1.role)


def actor(role: str) -> Actor:
    return Actor(person=f"person-{role}", role=role, agency=P1.role[role].agency)


def event(name: str) -> Input:
    known = P1.event[name]
    agency = known.sources[0]
    fields: dict[str, Value] = (
        {"first-appearance": START + 3 * 24 * clocks.HOUR} if "first-appearance" in known.brings else {}
    )
    body = EventHappened(event=name, fields=fields)
    return Input(command="c", actor=Actor(person="records", role=None, agency=agency), body=body)


@dataclass
class Run:
    """A case driven by drawn moves, with everything that came out of it."""

    state: CaseState
    facts: list[Fact]
    inputs: list[tuple[Input, Instant]]
    results: list[Result]


moves = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from(["event", "answer", "take", "try", "reassign", "tick"]),
        st.integers(0, 10_000),
    ),
    max_size=25,
)


def drive(drawn: list[tuple[int, str, int]]) -> Run:
    """Start a case and make the drawn moves; each is aimed at something that exists when it can be."""
    run = Run(CaseState(), [], [], [])
    send(run, replace(event("arrest-booked"), command="start"), START)
    now = START
    for number, (minutes, kind, choice) in enumerate(drawn):
        now += minutes * clocks.MINUTE
        send(run, replace(aimed(run.state, kind, choice), command=f"c{number}"), now)
    return run


def send(run: Run, command: Input, now: Instant) -> Result:
    result = step(P1, run.state, command, now)
    run.inputs.append((command, now))
    run.results.append(result)
    run.state = result.state
    run.facts.extend(result.facts)
    return result


def aimed(state: CaseState, kind: str, choice: int) -> Input:
    if kind == "event":
        names = sorted(P1.event)
        return event(names[choice % len(names)])
    if kind == "tick" or not state.instances:
        return TICK
    instance = state.instances[choice % len(state.instances)]
    known = P1.step[instance.step]
    who = actor(instance.owners[0] if choice % 5 else ROLES[choice % len(ROLES)])
    outcome = known.outcomes[choice % len(known.outcomes)]
    asks = [each.name for each in outcome.asks]
    answer = Answer(
        instance=instance.n,
        outcome=outcome.id,
        fields={each: choice % 2 == 0 for each in asks if each in P1.field},
        refs={each: "ref" for each in asks if each in P1.slot},
    )
    body: dict[str, Answer | TakeUp | LogTry | Reassign] = {
        "answer": answer,
        "take": TakeUp(instance=instance.n),
        "try": LogTry(instance=instance.n),
        "reassign": Reassign(instance=instance.n, role=ROLES[choice % len(ROLES)]),
    }
    return Input(command="c", actor=who, body=body[kind])


@settings(max_examples=150, deadline=None)
@given(moves)
def test_a_refused_input_changes_nothing(drawn: list[tuple[int, str, int]]) -> None:
    """A refusal gives back the very state it was asked about, with no facts, no effects and a sentence."""
    run = Run(CaseState(), [], [], [])
    send(run, replace(event("arrest-booked"), command="start"), START)
    now = START
    for number, (minutes, kind, choice) in enumerate(drawn):
        before = run.state
        now += minutes * clocks.MINUTE
        result = send(run, replace(aimed(before, kind, choice), command=f"c{number}"), now)
        if result.refusal is not None:
            assert (result.state is before, result.facts, result.effects) == (True, (), ())
            assert say(result.refusal).endswith((".", "?"))


@settings(max_examples=100, deadline=None)
@given(moves)
def test_the_same_command_has_the_same_answer_for_ever(drawn: list[tuple[int, str, int]]) -> None:
    """Sending an accepted command again, at any later time, gives its first answer and no facts."""
    run = drive(drawn)
    for (command, now), result in zip(run.inputs, run.results, strict=True):
        if result.reply is not None and command is not TICK:
            again = step(P1, run.state, command, now + 30 * clocks.HOUR)
            assert (again.reply, again.facts, again.state is run.state) == (result.reply, (), True)


@settings(max_examples=100, deadline=None)
@given(moves)
def test_facts_are_numbered_without_gaps(drawn: list[tuple[int, str, int]]) -> None:
    """The facts of a case are numbered 1, 2, 3 .. in the order they were recorded."""
    run = drive(drawn)

    assert [each.seq for each in run.facts] == list(range(1, len(run.facts) + 1))
    assert [each.recorded for each in run.facts] == sorted(each.recorded for each in run.facts)


@settings(max_examples=100, deadline=None)
@given(moves)
def test_an_open_step_always_has_a_live_clock(drawn: list[tuple[int, str, int]]) -> None:
    """While anything is open the case knows when it will act next; when nothing lives, the case has ended."""
    run = drive(drawn)
    following = earliest(P1, run.state)

    if run.state.instances:
        assert following is not None
        assert following >= run.state.now or not any(each.phase is Phase.OPEN for each in run.state.instances)
    else:
        assert run.state.status is Status.ENDED


@settings(max_examples=100, deadline=None)
@given(moves)
def test_no_escalation_is_early_or_doubled(drawn: list[tuple[int, str, int]]) -> None:
    """A rung fires at or after its instant and once for each instance, repeats and daily reminders apart."""
    run = drive(drawn)
    seen: set[tuple[int, str]] = set()
    for fact in run.facts:
        if isinstance(fact.body, Told):
            assert fact.at <= fact.recorded
            if fact.body.rung and fact.body.repeat == 0 and fact.body.rung != "every-day-after":
                moved = fact.body.step in ("legal-call", "tell-wishes")
                assert moved or (fact.body.instance, fact.body.rung) not in seen
                seen.add((fact.body.instance, fact.body.rung))


@settings(max_examples=100, deadline=None)
@given(moves)
def test_no_accepted_answer_is_followed_by_its_own_escalation(drawn: list[tuple[int, str, int]]) -> None:
    """Once an instance has ended or been cancelled nothing more is told, missed or delivered about it."""
    run = drive(drawn)
    gone: set[int] = set()
    for fact in run.facts:
        body = fact.body
        if isinstance(body, StepEnded | StepCancelled):
            gone.add(body.instance)
        elif isinstance(body, WindowMissed | StepDelivered) or (isinstance(body, Told) and body.rung is not None):
            assert body.instance not in gone


@settings(max_examples=60, deadline=None)
@given(moves)
def test_a_case_survives_being_written_down_at_any_moment(drawn: list[tuple[int, str, int]]) -> None:
    """A case carried through JSON after every input goes on exactly as one that was not."""
    run = drive(drawn)
    protocol = load_protocol(dump_protocol(P1))
    state = CaseState()
    facts: list[Fact] = []
    for command, now in run.inputs:
        state = STATE.validate_json(STATE.dump_json(state))
        result = step(protocol, state, INPUT.validate_json(INPUT.dump_json(command)), now)
        state = result.state
        facts.extend(FACT.validate_json(FACT.dump_json(each)) for each in result.facts)

    assert (facts, state) == (run.facts, run.state)


@settings(max_examples=60, deadline=None)
@given(moves)
def test_waking_the_case_too_often_changes_nothing(drawn: list[tuple[int, str, int]]) -> None:
    """A tick at which nothing is due records nothing."""
    run = drive(drawn)
    following = earliest(P1, run.state)
    at = run.state.now if following is None else max(run.state.now, following - 1)

    result = step(P1, run.state, TICK, at)

    assert result.facts == ()


def test_an_answer_at_the_due_instant_is_on_time() -> None:
    """An answer that arrives exactly at the due instant wins over the escalation due at that instant."""
    run = drive([])
    due = next(each.announced for each in run.state.instances if each.step == "referral")
    assert due is not None
    answer = Answer(instance=1, outcome="given", refs={"safe-numbers": "ref"})

    result = send(run, Input(command="a", actor=actor("patrol"), body=answer), due)

    ended = [each.body for each in result.facts if isinstance(each.body, StepEnded)]
    assert [each.on_time for each in ended] == [True]
    assert not [each for each in result.facts if isinstance(each.body, WindowMissed)]


def test_a_microsecond_later_is_late() -> None:
    """An answer a microsecond after the due instant comes after the escalation, and is late."""
    run = drive([])
    due = next(each.announced for each in run.state.instances if each.step == "referral")
    assert due is not None
    answer = Answer(instance=1, outcome="given", refs={"safe-numbers": "ref"})

    result = send(run, Input(command="a", actor=actor("patrol"), body=answer), due + 1)

    kinds = [each.body.kind for each in result.facts]
    assert kinds.index("window-missed") < kinds.index("step-ended")
    assert [each.body.on_time for each in result.facts if isinstance(each.body, StepEnded)] == [False]


def test_after_an_outage_overdue_items_come_in_order_each_at_its_own_instant() -> None:
    """Six hours of silence give the sergeant's and the coordinator's notices in order, marked with both times."""
    run = drive([])
    now = START + 6 * clocks.HOUR

    result = send(run, TICK, now)

    told = [(each.at - START, each.body.roles) for each in result.facts if isinstance(each.body, Told)]
    assert told == [(2 * clocks.HOUR, ("sergeant",)), (4 * clocks.HOUR, ("coordinator",))]
    assert {each.recorded for each in result.facts} == {now}


def test_repeats_missed_in_an_outage_are_one() -> None:
    """Ten days of silence give one daily reminder, not ten."""
    run = drive([])

    result = send(run, TICK, START + 10 * 24 * clocks.HOUR)

    told = [each.body for each in result.facts if isinstance(each.body, Told) and each.body.instance == 1]
    assert len([each for each in told if each.rung == "every-day-after"]) == 1


def test_a_page_is_repeated_until_somebody_acts() -> None:
    """A page comes every five minutes, twelve times in all, and stops at the first act."""
    run = drive([])
    answer = Answer(instance=1, outcome="given", refs={"safe-numbers": "ref"})
    send(run, Input(command="a", actor=actor("patrol"), body=answer), START)
    pages = []
    for minute in range(1, 180):
        result = send(run, TICK, START + minute * clocks.MINUTE)
        pages += [each for each in result.facts if isinstance(each.body, Told) and each.body.page == 1]

    assert len(pages) == 12
    assert pages[1].at - pages[0].at == 5 * clocks.MINUTE


def test_an_old_record_may_wait_and_a_fresh_one_may_not() -> None:
    """A record older than a day may be held back: its tasks are scheduled; a fresh arrest is never held."""
    old = START - 400 * 24 * clocks.HOUR
    held = EventHappened(event="arrest-booked", hold_until=START + 24 * clocks.HOUR)
    records = Actor(person="records", role=None, agency="police")

    late = step(P1, CaseState(), Input(command="a", actor=records, body=held, at=old), START)
    fresh = step(P1, CaseState(), Input(command="a", actor=records, body=held), START)

    assert {each.phase for each in late.state.instances} == {Phase.WAITING}
    assert earliest(P1, late.state) == START + 24 * clocks.HOUR
    assert fresh.refusal is not None
    assert fresh.refusal.code is Code.TOO_RECENT_TO_HOLD


def test_a_lead_starts_a_held_record_early() -> None:
    """A lead of the owning agency lets a held task begin now; its clock starts then."""
    held = EventHappened(event="arrest-booked", hold_until=START + 24 * clocks.HOUR)
    records = Actor(person="records", role=None, agency="police")
    old = Input(command="a", actor=records, body=held, at=START - 40 * 24 * clocks.HOUR)
    state = step(P1, CaseState(), old, START).state

    result = step(P1, state, Input(command="b", actor=actor("sergeant"), body=ResumeClock(instance=1)), START + 60)

    (delivered,) = [each.body for each in result.facts if isinstance(each.body, StepDelivered)]
    assert delivered.due == START + 60 + 2 * clocks.HOUR


@pytest.mark.parametrize("code", list(Code))
def test_every_refusal_code_has_a_sentence(code: Code) -> None:
    """Each refusal code is said in plain words."""
    assert SENTENCES[code]


def test_a_small_protocol_without_a_first_event_is_refused() -> None:
    """A new case that begins with anything but a starting event is refused and stays new."""
    protocol = small().protocol
    moved = EventHappened(event="moved", fields={"hearing": START})
    command = Input(command="a", actor=Actor(person="p", role=None, agency="police"), body=moved)

    result = step(protocol, CaseState(), command, START)

    assert result.refusal is not None
    assert result.refusal.code is Code.NOT_STARTED
