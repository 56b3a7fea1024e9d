"""The clock of a practice case: moved forward by a trainer, never a real case's, and what falls due on the way."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given, strategies

from protocol.engine import practice
from protocol.engine.clocks import HOUR, MINUTE
from protocol.engine.machine import Result, earliest, step
from protocol.facts import CaseOpened, ClockMoved, Fact, Told, WindowMissed
from protocol.messages import TICK, Actor, EventHappened, Input, MoveClock
from protocol.state import CaseState, Code, Practice, Status
from tests.workflows.texts import advocacy

START = 1_790_000_000_000_000
TRAINER = Actor(person="trainer", role="coordinator", agency="police")
BOOKED = Input(
    command="begin",
    actor=Actor(person="records", role=None, agency="police"),
    body=EventHappened(event="arrest-booked"),
)


def begun(ahead: int | None = 0) -> CaseState:
    """A case that opened at ``START``; ``ahead`` None: a real one."""
    new = CaseState(practice=None if ahead is None else Practice(ahead=ahead))
    result = step(advocacy(), new, BOOKED, START)
    assert result.refusal is None, result.refusal
    return result.state


def forward(state: CaseState, by: int | None, now: int = START, command: str = "go") -> Result:
    """Move its clock."""
    return step(advocacy(), state, Input(command=command, actor=TRAINER, body=MoveClock(by=by)), now)


@given(by=strategies.none() | strategies.integers(), now=strategies.integers(START, START + 90 * 24 * HOUR))
def test_a_real_case_is_never_moved(by: int | None, now: int) -> None:
    """Whatever is asked, at whatever time: it is refused, and nothing changes."""
    real = begun(None)

    result = forward(real, by, now)

    assert (result.state, result.facts, result.effects) == (real, (), ())
    assert result.refusal is not None
    assert result.refusal.code is Code.NOT_PRACTICE


def test_nothing_makes_a_real_case_one_for_practice() -> None:
    """What a case is stands in its state from the beginning, and no input carries it."""
    real, made = begun(None), begun()

    assert (real.practice, made.practice) == (None, Practice(ahead=0))
    assert step(advocacy(), made, TICK, START + HOUR).state.practice == Practice(ahead=0)


def test_the_first_fact_says_that_it_is_practice() -> None:
    """So that everything made of facts can tell."""
    result = step(advocacy(), CaseState(practice=Practice(ahead=-HOUR)), BOOKED, START)

    assert [each.body.practice for each in result.facts if isinstance(each.body, CaseOpened)] == [Practice(ahead=-HOUR)]


def test_it_moves_to_what_is_due_next() -> None:
    """The clock rests where something fell due, and that has happened."""
    state = begun()
    due = earliest(advocacy(), state)
    assert due is not None

    result = forward(state, None)

    assert result.state.now == due
    assert result.state.practice == Practice(ahead=due - START)
    assert result.facts[-1].body == ClockMoved(agency="police", since=START, ahead=due - START)
    assert {each.recorded for each in result.facts} == {due}


@given(strategies.lists(strategies.integers(1, 40 * 60), min_size=1, max_size=6))
def test_what_falls_due_on_the_way_happens_as_if_people_had_waited(minutes: list[int]) -> None:
    """Moved in steps, at once, or left to a clock that is looked at whenever something is due: the same facts."""
    whole = sum(minutes) * MINUTE
    stepwise, facts = begun(), list[Fact]()
    at = START
    for number, each in enumerate(minutes):
        result = forward(stepwise, each * MINUTE, at, f"go-{number}")
        stepwise, facts, at = result.state, [*facts, *result.facts], at + each * MINUTE
    once = forward(begun(), whole)
    waited, seen = begun(), list[Fact]()
    while (due := earliest(advocacy(), waited)) is not None and due <= START + whole:
        result = step(advocacy(), waited, TICK, due)
        waited, seen = result.state, [*seen, *result.facts]

    def told(facts: Iterable[Fact]) -> list[object]:
        return [(each.at, each.recorded, each.body) for each in facts if not isinstance(each.body, ClockMoved)]

    assert told(facts) == told(once.facts) == told(seen)
    assert stepwise.practice == once.state.practice == Practice(ahead=whole)


def test_a_missed_window_is_told_once() -> None:
    """A day passes in one move: the sergeant hears of the missed referral once, at its own instant."""
    result = forward(begun(), 24 * HOUR)

    missed = [each for each in result.facts if isinstance(each.body, WindowMissed) and each.body.step == "referral"]
    told = [each for each in result.facts if isinstance(each.body, Told) and each.body.rung and each.at == missed[0].at]
    assert len(missed) == 1
    assert missed[0].recorded == missed[0].at < START + 24 * HOUR
    assert told


def test_the_same_command_moves_it_once() -> None:
    """Sent again, it has its first answer, and nothing moves."""
    moved = forward(begun(), HOUR)

    again = forward(moved.state, HOUR, START + HOUR)

    assert (again.state, again.facts) == (moved.state, ())
    assert again.reply == moved.reply


@pytest.mark.parametrize("by", [0, -HOUR, practice.FARTHEST + 1])
def test_it_goes_forward_only_and_not_too_far(by: int) -> None:
    """Back, nowhere and beyond a month are refused."""
    result = forward(begun(), by)

    assert result.refusal is not None
    assert result.refusal.code is Code.CLOCK_ONLY_FORWARD


def test_a_case_that_ends_on_the_way_rests_there() -> None:
    """Nothing is recorded after its end, and its clock does not move any more."""
    state = begun()
    for number in range(60):
        result = forward(state, practice.FARTHEST, state.now, f"go-{number}")
        if result.refusal is not None:
            assert result.refusal.code in (Code.CASE_ENDED, Code.NOTHING_DUE)
            break
        state = result.state
        if state.status is Status.ENDED:
            assert not isinstance(result.facts[-1].body, ClockMoved)
