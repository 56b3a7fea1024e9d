"""The scenario files, played on a real Temporal server."""

from __future__ import annotations

import pytest

from protocol.machine import earliest, step
from protocol.messages import Fact, Input, Refusal
from protocol.scenario import Judge, Problem, Scenario, read_scenarios
from protocol.state import CaseState, Instant
from tests.workflows.drivers import LATE_AT_MOST, TemporalDriver
from tests.workflows.texts import ADVOCACY, advocacy

pytestmark = pytest.mark.server

SCENARIOS = read_scenarios((ADVOCACY / "1.scenarios.yaml").read_bytes(), "America/Chicago")
MOMENT = 10 * 1_000_000
"""A server is milliseconds late at every step, so what is expected at a minute is looked for a moment into it."""


async def play(driver: TemporalDriver, scenario: Scenario) -> list[Problem]:
    """Play a story on the server; what did not hold."""
    judge = Judge(advocacy(), scenario)
    await driver.start(advocacy())
    problems: list[Problem] = []
    lag = 0
    for entry in scenario.story:
        command = judge.command(entry)
        await driver.advance(entry.at + (lag if command else MOMENT))
        answer = None if command is None else await driver.send(command)
        judge.see((await driver.facts())[len(judge.facts) :])
        if command is not None:
            # Two acts are never closer together than the story has them: what counts after 30 minutes counts here.
            lag = max(lag, judge.facts[-1].recorded - entry.at)
        problems += judge.verdicts(entry, answer if isinstance(answer, Refusal) else None)
    return problems


def replay(log: list[tuple[Input, Instant]]) -> tuple[list[Fact], Instant]:
    """What the pure core makes of the same inputs at the same instants, and how late anything due was noticed."""
    state, facts, late = CaseState(), list[Fact](), 0
    for command, now in log:
        due = earliest(advocacy(), state)
        late = max(late, now - due if due is not None else 0)
        result = step(advocacy(), state, command, now)
        state = result.state
        facts += result.facts
    return facts, late


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.title)
async def test_a_story_holds_on_temporal_and_the_core_gives_the_same_facts(
    driver: TemporalDriver, scenario: Scenario
) -> None:
    """A scenario holds on a real server, fact by fact as the core decides it, and nothing is early or much late."""
    problems = await play(driver, scenario)
    facts, late = replay(await driver.log())

    assert problems == []
    assert facts == list(await driver.facts())
    assert late <= LATE_AT_MOST
