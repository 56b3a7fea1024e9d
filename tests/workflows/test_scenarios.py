"""The scenario files, played on a real Temporal server."""

from __future__ import annotations

import pytest

from protocol.machine import step
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
    for entry in scenario.story:
        command = judge.command(entry)
        await driver.advance(entry.at if command else entry.at + MOMENT)
        answer = None if command is None else await driver.send(command)
        judge.see((await driver.facts())[len(judge.facts) :])
        problems += judge.verdicts(entry, answer if isinstance(answer, Refusal) else None)
    return problems


def replay(log: list[tuple[Input, Instant]]) -> list[Fact]:
    """What the pure core makes of the same inputs at the same instants."""
    state, facts = CaseState(), list[Fact]()
    for command, now in log:
        result = step(advocacy(), state, command, now)
        state = result.state
        facts += result.facts
    return facts


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda each: each.title)
async def test_a_story_holds_on_temporal_and_the_core_gives_the_same_facts(
    driver: TemporalDriver, scenario: Scenario
) -> None:
    """A scenario holds on a real server, fact by fact as the core decides it, and nothing is early or much late."""
    problems = await play(driver, scenario)
    facts = await driver.facts()

    assert problems == []
    assert replay(await driver.log()) == list(facts)
    assert all(0 <= each.recorded - each.at <= LATE_AT_MOST for each in facts)
