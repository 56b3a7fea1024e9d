"""The scenario files, played on a real Temporal server."""

from __future__ import annotations

import pytest

from protocol.machine import earliest, step
from protocol.messages import Fact, Input
from protocol.scenario import read_scenarios
from protocol.state import CaseState, Instant
from protocol.stories import Scenario
from tests.workflows.drivers import LATE_AT_MOST, TemporalDriver, play
from tests.workflows.texts import ADVOCACY, advocacy

pytestmark = pytest.mark.server

SCENARIOS = read_scenarios((ADVOCACY / "1.scenarios.yaml").read_bytes(), "America/Chicago")


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
    problems = await play(driver, advocacy(), scenario)
    facts, late = replay(await driver.log())

    assert problems == []
    assert facts == list(await driver.facts())
    assert late <= LATE_AT_MOST
