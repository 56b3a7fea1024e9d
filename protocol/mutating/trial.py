"""Tries a protocol's scenarios on its mutants: a scenario notices one when something it expects no longer holds.

A mutant that means the same is none (``revising.diff``), and only scenarios that come by what was changed are played.
Who survives is printed as what a council would have changed without any scenario saying so (council.md section 6).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.errors import HandoffError
from protocol.facts import EventRecorded, Fact
from protocol.kernel import Protocol
from protocol.mutating.mutants import Mutant, mutants
from protocol.revising.diff import diff
from protocol.scenarios.scenario import play
from protocol.scenarios.stories import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class Survivor:
    """A mutant that no scenario noticed: what was done, to what, and what it changes, in the diff's sentences.

    ``played``: how many scenarios came by there.
    """

    kind: str
    unit: str
    says: tuple[str, ...]
    played: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """How many mutants there were, those that mean the same left out, and which of them nobody noticed."""

    made: int
    survivors: tuple[Survivor, ...]

    @property
    def noticed(self) -> int:
        """How many were noticed."""
        return self.made - len(self.survivors)

    @property
    def share(self) -> float:
        """The share that was noticed, 0 to 100."""
        return 100 * self.noticed / self.made if self.made else 100.0


def tried(protocol: Protocol, scenarios: Sequence[Scenario], *, only: str = "") -> Trial:
    """Play the scenarios on every mutant, or on those of one unit (``step:first-call``).

    Raises:
        HandoffError: ``SCENARIO_FAILS`` when one of them does not hold on the protocol itself.
    """
    facts = [(each, _facts(protocol, each)) for each in scenarios]
    # The short ones first: most mutants are noticed by one that was written for just that.
    come_by = [(each, _come_by(found)) for each, found in sorted(facts, key=lambda one: len(one[1]))]
    made, survivors = 0, []
    for mutant in mutants(protocol):
        if only not in ("", mutant.unit):
            continue
        near = [scenario for scenario, units in come_by if units & mutant.about]
        if any(_notices(scenario, mutant) for scenario in near):
            made += 1
            continue
        changes = diff(protocol, mutant.protocol).in_meaning
        # Other days off that no window is counted in change nothing that a scenario could come by.
        if any(each.code != "D09" for each in changes):
            made += 1
            said = tuple(f"{each.code} {each.tag.letter}  {each.says}" for each in changes)
            survivors.append(Survivor(kind=mutant.kind, unit=mutant.unit, says=said, played=len(near)))
    return Trial(made=made, survivors=tuple(survivors))


def noticed(old: Protocol, new: Protocol, scenarios: Iterable[Scenario]) -> dict[str, bool]:
    """For each changed unit of two texts: whether a scenario that comes by it holds on one of them only."""
    found = {each.unit: False for each in diff(old, new).in_meaning}
    for scenario in scenarios:
        holds, units = [], set()
        for protocol in (old, new):
            try:
                problems, facts = play(protocol, scenario)
            except HandoffError:
                holds.append(False)
                continue
            holds.append(not problems)
            units |= _come_by(facts)
        if holds[0] != holds[1]:
            found |= {unit: True for unit in found if _whole(unit) in units}
    return found


def _facts(protocol: Protocol, scenario: Scenario) -> list[Fact]:
    problems, facts = play(protocol, scenario)
    if problems:
        where = f"{scenario.title}, line {problems[0].place.line}"
        raise HandoffError("SCENARIO_FAILS", f"{where}, does not hold on the protocol itself; mend it first")
    return facts


def _come_by(facts: Iterable[Fact]) -> set[str]:
    """The steps and events that facts tell of."""
    found = set()
    for each in facts:
        if isinstance(each.body, EventRecorded):
            found.add(f"event:{each.body.event}")
        elif getattr(each.body, "step", None):
            found.add(f"step:{each.body.step}")  # type: ignore[union-attr]
    return found


def _whole(unit: str) -> str:
    """The step a unit is part of: of a rung or an outcome, its step."""
    kind, _, name = unit.partition(":")
    return f"step:{name.partition('/')[0]}" if kind in ("outcome", "rung") else unit


def _notices(scenario: Scenario, mutant: Mutant) -> bool:
    try:
        problems, _ = play(mutant.protocol, scenario)
    except HandoffError:
        return True
    return bool(problems)
