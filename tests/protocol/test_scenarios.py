"""The stories beside each bundled protocol, on the pure core."""

from __future__ import annotations

import pytest

from protocol.scenarios.coverage import coverage
from protocol.scenarios.scenario import play, read_scenarios
from protocol.scenarios.stories import Scenario
from tests.protocol.texts import SPECS, compiled


def stories() -> list[tuple[str, Scenario]]:
    found = []
    for path in sorted(SPECS.glob("*/*.scenarios.yaml")):
        slug = path.parent.name
        found += [(slug, each) for each in read_scenarios(path.read_bytes(), compiled(slug).protocol.zone)]
    return found


STORIES = stories()


@pytest.mark.parametrize(("slug", "scenario"), STORIES, ids=lambda each: getattr(each, "title", each))
def test_story_holds(slug: str, scenario: Scenario) -> None:
    """Every expectation of a bundled story holds on the pure core."""
    problems, _ = play(compiled(slug).protocol, scenario)

    assert problems == []


@pytest.mark.parametrize("slug", sorted({slug for slug, _ in STORIES}))
def test_the_stories_of_a_bundled_protocol_tell_all_of_it(slug: str) -> None:
    """Every event, step, outcome, rung, count and link of it comes about in some story beside it."""
    protocol = compiled(slug).protocol
    facts = [fact for of, scenario in STORIES if of == slug for fact in play(protocol, scenario)[1]]

    assert [each for each in coverage(protocol, facts) if each.missing] == []


def test_a_wrong_expectation_is_reported() -> None:
    """A story that expects what is not so is reported with its line, what was expected and what was found."""
    text = (
        "scenario: wrong\nof: post-arrest-advocacy\nstory:\n"
        " - {at: 2026-03-06 23:00, when: arrest-booked, expect: referral is due 02:00}\n"
    )
    (scenario,) = read_scenarios(text, "America/Chicago")

    (problem,), _ = play(compiled("post-arrest-advocacy").protocol, scenario)

    assert (problem.place.line, problem.expected) == (4, "referral is due 02:00")
    assert "01:00" in problem.found
