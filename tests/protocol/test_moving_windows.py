"""Windows that run out while a case goes over to other texts and back."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.engine import clocks
from protocol.engine.machine import earliest, step
from protocol.facts import Fact, Told, WindowMissed
from protocol.kernel import Protocol
from protocol.messages import TICK
from protocol.migrating.crossing import migrate, undo
from protocol.state import CaseState, Instant
from tests.protocol.test_migrating import DAY, THURSDAY, back, begun, compiled, pinned, way
from tests.protocol.texts import changed

TWO_HOURS = "within 2 hours\n  ladder: {when due: tell sergeant}"
TOLD = changed("within 2 hours", TWO_HOURS)
OTHERS = ("within 90 minutes", "within 3 hours", "within 20 minutes", "within 2 hours")
GRACES: tuple[dict[str, object], ...] = ({}, {"grace": {"share": 0.0, "least": 0}})


def passed(on: Protocol, state: CaseState, to: Instant) -> tuple[CaseState, list[Fact]]:
    """What the case does by itself until then."""
    facts: list[Fact] = []
    while (due := earliest(on, state)) is not None and due <= to:
        result = step(on, state, TICK, due)
        state, facts = result.state, [*facts, *result.facts]
    return state, facts


@settings(max_examples=40)
@given(seed=st.integers(0, 1_000_000))
def test_a_window_that_runs_out_while_texts_come_and_go_is_missed_once_and_told_once(seed: int) -> None:
    """By whatever plan, also one without any grace: each move taken back after a while, with nobody answering."""
    chance = Random(seed)
    run = begun(text=TOLD)
    state, on, facts, now = run.state, run.protocol, list(run.facts), THURSDAY
    for number in range(4):
        now += chance.randint(1, 60) * clocks.MINUTE
        state, found = passed(on, state, now)
        facts += found
        clock = chance.choice(("keep elapsed", "keep deadline", "grandfather"))
        there = way(
            on, compiled(TOLD.replace("within 2 hours", chance.choice(OTHERS))), clock=clock, **chance.choice(GRACES)
        )
        made = migrate(there, state, f"run-{number}", now)
        facts += made.result.facts
        if made.hindrance is not None:
            continue
        now += chance.randint(0, 60) * clocks.MINUTE
        state, found = passed(there.onto, made.result.state, now)
        again = back(there, made)
        taken = undo(again, state, f"run-{number}", now)
        assert taken.hindrance is None
        facts += [*found, *taken.result.facts]
        state, on = taken.result.state, pinned(again, taken)
    facts += passed(on, state, now + DAY)[1]
    bodies = [each.body for each in facts]
    assert 1 == sum(isinstance(each, WindowMissed) for each in bodies)
    assert 1 == sum(isinstance(each, Told) and each.rung == "tell-sergeant" for each in bodies)
