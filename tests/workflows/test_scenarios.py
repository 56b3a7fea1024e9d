"""The scenario files, played on a real Temporal server."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from protocol.engine.machine import earliest, step
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import Input
from protocol.scenarios.scenario import play as on_core
from protocol.scenarios.scenario import read_scenarios
from protocol.scenarios.stories import Scenario
from protocol.state import CaseState, Instant
from tests.workflows.drivers import LATE_AT_MOST, TemporalDriver, play
from tests.workflows.texts import BUNDLED, SPECS, published

pytestmark = pytest.mark.server

LONGEST = 60 * 24 * 3_600 * 1_000_000


def stories(slug: str) -> Iterator[tuple[str, Scenario]]:
    """A bundled protocol's stories, but those of months and those of which each kind of fact of each step was told.

    What only pins a minute more exactly is the core's to show; a server decides none.
    """
    told: set[tuple[str, object]] = set()
    for each in read_scenarios((SPECS / slug / "1.scenarios.yaml").read_bytes(), published(slug).zone):
        facts = {(fact.body.kind, getattr(fact.body, "step", None)) for fact in on_core(published(slug), each)[1]}
        short = each.story[-1].at - each.story[0].at <= LONGEST
        refused = any(said.startswith("refused") for entry in each.story for said in entry.expect)
        if os.environ.get("HANDOFF_LONG_STORIES") or (short and (refused or facts - told)):
            told |= facts
            yield slug, each


STORIES = [each for slug in BUNDLED for each in stories(slug)]
"""Every story when asked for."""


def replay(protocol: Protocol, log: list[tuple[Input, Instant]]) -> tuple[list[Fact], Instant]:
    """What the pure core makes of the same inputs at the same instants, and how late anything due was noticed."""
    state, facts, late = CaseState(), list[Fact](), 0
    for command, now in log:
        due = earliest(protocol, state)
        late = max(late, now - due if due is not None else 0)
        result = step(protocol, state, command, now)
        state = result.state
        facts += result.facts
    return facts, late


@pytest.mark.parametrize(("slug", "scenario"), STORIES, ids=lambda each: getattr(each, "title", each))
async def test_a_story_holds_on_temporal_and_the_core_gives_the_same_facts(
    driver: TemporalDriver, slug: str, scenario: Scenario
) -> None:
    """A scenario holds on a real server, fact by fact as the core decides it, and nothing is early or much late."""
    problems = await play(driver, published(slug), scenario)
    facts, late = replay(published(slug), await driver.log())

    assert problems == []
    assert facts == list(await driver.facts())
    assert late <= LATE_AT_MOST
