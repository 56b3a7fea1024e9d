"""The label rule on the core: outsiders learn nothing of what was done inside, in any text that the checks accept."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from protocol.compiling import compiler as compiling
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.messages import Actor, EventHappened, TakeUp
from protocol.state import Phase as TaskPhase
from tests.protocol.core_worlds import World, differ, observed, script_of
from tests.protocol.random_runs import START, Run, actor
from tests.protocol.random_texts import TODAY, accepted, leaky
from tests.protocol.texts import compiled

LEAKS = {
    "LABEL_ACT": 54,
    "LABEL_CAUSE": 28,
    "LABEL_CONDITION": 227,
    "LABEL_LINK": 616,
    "LABEL_RUNG": 766,
    "LABEL_RUNG_INNER": 2320,
    "LABEL_TIME": 45,
}
"""For each flow of the rule, the seed of a text that this flow alone refuses."""


@settings(
    max_examples=100, deadline=None, phases=(Phase.explicit, Phase.generate), suppress_health_check=list(HealthCheck)
)
@example(474)
@given(st.integers(0, 1_000_000))
def test_outsiders_observe_the_same_whatever_happens_inside(seed: int) -> None:
    """Two runs that differ in what a confidential agency's people and survivors did are one to everybody else."""
    made = compiled("post-arrest-advocacy") if seed % 10 == 0 else accepted(seed)
    assert differ(made.protocol, script_of(seed), (2 * seed, 2 * seed + 1)) is None, made.source


@pytest.mark.parametrize("code", sorted(LEAKS))
def test_without_a_flow_of_the_rule_something_leaks(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every flow is needed: a text that it alone refuses shows outsiders what was done inside."""
    found = leaky(LEAKS[code], code)
    monkeypatch.setattr(compiling, "check_labels", lambda *_: ())
    protocol: Protocol = compiling.compile_text(found, today=TODAY, explored=False).protocol
    differences = (differ(protocol, script_of(seed), (2 * seed, 2 * seed + 1)) for seed in range(25))
    assert any(each is not None for each in differences)


AGAIN = """\
protocol: again
timezone: America/Chicago
holidays: US-MN
agencies:
 council: {open: mon-fri 09:00-17:00, lead: coordinator}
 police: {lead: sergeant, roles: [patrol]}
 shelter: {confidential: yes, open: mon-fri 08:30-17:00, lead: supervisor, roles: {advocate: always}}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2027-01-15}
record:
 unwanted: yes or no
events:
 arrest: {from: police, then: start a case}
 seen-again: {from: police}
 told-us: {from: shelter, brings: unwanted}
 stopped: {from: shelter, then: close care}
steps in report:
 file:
  when: arrest
  who: patrol
  must: file the report
  due: within 5 days
  outcomes: [filed]
steps in care:
 call:
  when any of: [arrest, seen-again]
  unless: unwanted
  who: advocate
  must: call her
  due: within 1 day
  again: start over
  ladder: {unacknowledged after 10 minutes: tell coordinator}
  outcomes: [talked]
"""
LATER_BY = "  must: call her\n  not before: 30 minutes after seen-again\n"


def _handed_over_three_times(protocol: Protocol, first: str | None, second: str | None) -> World:
    """Arrested, seen again after 20 minutes and after 40; what is told inside after the first, and after the second."""
    world = World(Run(protocol))
    run = world.run

    def happens(event: str, source: str, after: int, **fields: bool) -> None:
        run.until(START + after * clocks.MINUTE)
        done = run.send(EventHappened(event=event, fields=dict(fields)), Actor(person="x", role=None, agency=source))
        assert done.refusal is None, (event, done.refusal)

    def taken(after: int) -> None:
        """Take up the newest that nobody has, then, some minutes later, what is left."""
        run.until(START + after * clocks.MINUTE)
        waiting = [each for each in run.state.instances if each.step == "call" and each.phase is TaskPhase.OPEN]
        for each in sorted(waiting, key=lambda each: -each.n):
            run.send(TakeUp(instance=each.n), actor(protocol, "advocate"))
            run.until(run.now + 9 * clocks.MINUTE)

    happens("arrest", "police", 0)
    if first is None:
        taken(1)
    else:
        happens(first, "shelter", 1)
    happens("seen-again", "police", 20)
    if second is not None:
        happens(second, "shelter", 25, unwanted=True)
    happens("seen-again", "police", 40)
    taken(75)
    run.until(START + 24 * clocks.HOUR)
    return world


@pytest.mark.parametrize("text", [AGAIN, AGAIN.replace("  must: call her\n", LATER_BY)], ids=["at once", "later"])
def test_a_handoff_that_starts_over_looks_the_same_whatever_it_opens(text: str) -> None:
    """Three handoffs, the first and the last taken up: lane open, closed, or the third kept shut by what she said."""
    protocol = compiling.compile_text(text, today=TODAY, explored=False).protocol
    told = ((None, None), ("stopped", None), (None, "told-us"))
    worlds = [_handed_over_three_times(protocol, *each) for each in told]
    started_over, closed, unwanted = (observed(each, START + 24 * clocks.HOUR) for each in worlds)
    assert started_over == closed == unwanted
