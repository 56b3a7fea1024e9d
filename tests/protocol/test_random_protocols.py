"""What holds for every protocol that the checks accept, whoever does whatever in it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from protocol.compiling.compiler import Compiled
from protocol.engine.machine import Due, deadlines, earliest, step
from protocol.facts import (
    CaseEnded,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepScheduled,
    Told,
    WindowMissed,
)
from protocol.kernel import Protocol
from protocol.messages import TICK
from protocol.serial import FACT, INPUT, STATE, dump_protocol, load_protocol
from protocol.state import CaseState, Status
from tests.protocol.random_runs import Run, drive
from tests.protocol.random_texts import accepted
from tests.protocol.texts import SPECS, compiled

BUNDLED = sorted(each.name for each in SPECS.iterdir() if each.is_dir())
SEEDS = st.tuples(st.integers(0, 100_000), st.integers(0, 100_000), st.integers(5, 60))
RUNS = settings(
    max_examples=60, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)


def drawn(seeds: tuple[int, int, int], *, wakes: bool = True) -> tuple[Compiled, Run]:
    """A protocol (one in three a bundled one) and what became of a case of it."""
    which, chance, length = seeds
    made = compiled(BUNDLED[which % len(BUNDLED)]) if which % 3 == 0 else accepted(which)
    return made, drive(made.protocol, Random(chance), length, wakes=wakes)


def unclocked(protocol: Protocol, state: CaseState) -> list[str]:
    """The steps with an instance for which nothing is to come: no deadline of its own, and no pause of its lane."""
    coming = deadlines(protocol, state)
    own, lanes = {each.instance for each in coming}, {each.rung for each in coming if each.kind is Due.PAUSE_CAP}
    return [each.step for each in state.instances if each.n not in own and protocol.step[each.step].lane not in lanes]


@RUNS
@given(SEEDS)
def test_every_open_step_has_a_live_clock(seeds: tuple[int, int, int]) -> None:
    """After every input each open instance has something to come, of its own; a case without any has ended."""
    made, run = drawn(seeds)
    for result in run.results:
        if result.state.status is Status.OPEN:
            assert unclocked(made.protocol, result.state) == [], made.source
            # A case without a duty waits only for a linked case, which opens by itself, or whose end is awaited.
            links = [each for each in result.state.links.values() if not each.ended]
            assert earliest(made.protocol, result.state) is not None or links, made.source


@RUNS
@given(SEEDS)
def test_nothing_is_left_undone(seeds: tuple[int, int, int]) -> None:
    """After every accepted input nothing that was due by then is still to be done."""
    made, run = drawn(seeds)
    for result, (_, now) in zip(run.results, run.sent, strict=True):
        due = earliest(made.protocol, result.state)
        assert result.refusal is not None or due is None or due > now, made.source


@RUNS
@given(SEEDS)
def test_a_refused_input_changes_nothing(seeds: tuple[int, int, int]) -> None:
    """A refusal gives back the very state it was asked about, without facts or effects."""
    _, run = drawn(seeds)
    before = CaseState()
    for result in run.results:
        if result.refusal is not None:
            assert (result.state is before, result.facts, result.effects) == (True, (), ())
        before = result.state


@RUNS
@given(SEEDS)
def test_a_run_goes_on_after_a_kill_at_any_step(seeds: tuple[int, int, int]) -> None:
    """A case written down and read back after every input decides, fact for fact, as one that was not."""
    made, run = drawn(seeds)
    protocol = load_protocol(dump_protocol(made.protocol))
    state = CaseState()
    for (command, now), expected in zip(run.sent, run.results, strict=True):
        state = STATE.validate_json(STATE.dump_json(state))
        result = step(protocol, state, INPUT.validate_json(INPUT.dump_json(command)), now)
        facts = tuple(FACT.validate_json(FACT.dump_json(each)) for each in result.facts)
        state = result.state
        assert (facts, state, result.effects) == (expected.facts, expected.state, expected.effects), made.source


@RUNS
@given(SEEDS)
def test_the_same_command_has_the_same_answer_for_ever(seeds: tuple[int, int, int]) -> None:
    """A repeated command gives its first answer and does nothing, whatever has happened since."""
    made, run = drawn(seeds)
    for (command, _), result in zip(run.sent, run.results, strict=True):
        if result.reply is not None and command is not TICK:
            again = step(made.protocol, run.state, command, run.now)
            assert (again.reply, again.facts, again.state is run.state) == (result.reply, (), True)


@RUNS
@given(SEEDS)
def test_facts_keep_order_and_nothing_is_early(seeds: tuple[int, int, int]) -> None:
    """Facts are numbered without gaps, in the order they were recorded, and none takes effect in the future."""
    made, run = drawn(seeds)
    assert [each.seq for each in run.facts] == list(range(1, len(run.facts) + 1))
    assert [each.recorded for each in run.facts] == sorted(each.recorded for each in run.facts)
    assert all(each.at <= each.recorded for each in run.facts), made.source


@RUNS
@given(SEEDS)
def test_what_has_ended_is_spoken_of_no_more(seeds: tuple[int, int, int]) -> None:
    """An instance is delivered at most once and ends at most once; then nobody is told of it and no window missed."""
    made, run = drawn(seeds)
    delivered: set[int] = set()
    gone: set[int] = set()
    for fact in run.facts:
        body = fact.body
        if isinstance(body, StepDelivered):
            assert body.instance not in delivered | gone, made.source
            delivered.add(body.instance)
        elif isinstance(body, StepEnded | StepCancelled):
            assert body.instance not in gone, made.source
            gone.add(body.instance)
        elif isinstance(body, WindowMissed | StepScheduled) or (isinstance(body, Told) and body.rung is not None):
            assert body.instance not in gone, made.source


@RUNS
@given(SEEDS)
def test_a_case_that_slept_through_everything_catches_up(seeds: tuple[int, int, int]) -> None:
    """After an outage of any length every open step still has a clock, and what is over stays over."""
    made, run = drawn(seeds, wakes=False)
    after = step(made.protocol, run.state, TICK, run.now)
    assert after.state.status is not Status.OPEN or unclocked(made.protocol, after.state) == [], made.source
    assert sum(isinstance(each.body, CaseEnded) for each in run.facts) <= 1


@pytest.mark.parametrize("seed", range(5))
def test_a_text_is_named_by_its_seed(seed: int) -> None:
    """The same seed gives the same text, so that a failure can be seen again."""
    assert accepted(seed).source == accepted(seed).source
