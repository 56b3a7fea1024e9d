"""The stories beside a protocol text, played and timed, and how much of the protocol they tell."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.scenarios.coverage import Coverage, coverage
from protocol.scenarios.scenario import play, read_scenarios
from protocol.scenarios.verdicts import Problem
from runtime import texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """One story as it was played: what did not hold, how many facts came of it, how long that took."""

    scenario: str
    ms: float
    facts: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Every story of one protocol, and what they tell of it together."""

    protocol: Slug
    path: Path
    stories: tuple[Story, ...]
    coverage: tuple[Coverage, ...]

    @property
    def held(self) -> int:
        """How many stories hold."""
        return sum(not each.problems for each in self.stories)

    @property
    def told(self) -> float:
        """How much of the protocol the stories tell of: 0 to 100."""
        there = sum(each.all for each in self.coverage)
        return 100 * (1 - sum(len(each.missing) for each in self.coverage) / there) if there else 100.0

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "protocol": self.protocol,
            "scenarios": [
                {
                    "scenario": each.scenario,
                    "ms": each.ms,
                    "facts": each.facts,
                    "problems": [_problem(one) for one in each.problems],
                }
                for each in self.stories
            ],
            "told": round(self.told, 1),
            "coverage": [asdict(each) for each in self.coverage],
        }


def _problem(problem: Problem) -> dict[str, object]:
    return {"line": problem.place.line, "expected": problem.expected, "found": problem.found}


def tell(path: Path, protocol: Protocol) -> Telling:
    """Play the stories that stand beside a text.

    Raises:
        HandoffError: ``NO_SCENARIOS`` where there are none.
        SpecError: they are not written as scenarios are.
    """
    stories = texts.stories_of(path)
    played: list[Story] = []
    told: list[Fact] = []
    for scenario in read_scenarios(texts.read_bytes(stories), protocol.zone):
        began = time.perf_counter()
        problems, facts = play(protocol, scenario)
        told += facts
        took = round((time.perf_counter() - began) * 1000, 1)
        played.append(Story(scenario=scenario.title, ms=took, facts=len(facts), problems=tuple(problems)))
    found = coverage(protocol, told)
    return Telling(protocol=protocol.id, path=stories, stories=tuple(played), coverage=found)
