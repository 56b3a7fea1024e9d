"""The stories beside each bundled protocol, on the pure core."""

from __future__ import annotations

import pytest

from protocol.scenario import play, read_scenarios
from protocol.stories import Scenario
from tests.protocol.texts import SPECS, compiled


def stories() -> list[tuple[str, Scenario]]:
    found = []
    for path in sorted(SPECS.glob("*/*.scenarios.yaml")):
        slug = path.parent.name
        found += [(slug, each) for each in read_scenarios(path.read_bytes(), compiled(slug).protocol.zone)]
    return found


@pytest.mark.parametrize(("slug", "scenario"), stories(), ids=lambda each: getattr(each, "title", each))
def test_story_holds(slug: str, scenario: Scenario) -> None:
    """Every expectation of a bundled story holds on the pure core."""
    problems, _ = play(compiled(slug).protocol, scenario)

    assert problems == []


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
