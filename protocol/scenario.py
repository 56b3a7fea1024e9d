"""Scenarios: a protocol's stories, written beside it, played on the pure core and, the same files, on Temporal.

A scenario says who is on duty and then, entry by entry, what happens at what time and what must be so (see ``judge``).
Times are local to the protocol's zone; a bare time is the next such, and ``3 days later`` counts from the last entry.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from protocol import clocks
from protocol.errors import HandoffError
from protocol.judge import Judge, Problem
from protocol.kernel import Protocol
from protocol.machine import earliest, step
from protocol.messages import TICK, Fact
from protocol.reading import Listing, Node, Table, plain, read_all, refuse
from protocol.state import CaseState, Instant
from protocol.stories import Entry, Scenario, local_time


def read_scenarios(text: str | bytes, zone: str) -> tuple[Scenario, ...]:
    """Every scenario of a file.

    Raises:
        SpecError: the file is not written as scenarios are.
    """
    return tuple(_scenario(root, zone) for root in read_all(text))


def _scenario(root: Table, zone: str) -> Scenario:
    top = {key.text: node for key, node in root.items}
    for name in ("scenario", "of", "story"):
        if name not in top:
            raise refuse("SCENARIO_KEY", f"{name} is missing.", root.place, f"Add {name}.")
    given = plain(top["given"]) if "given" in top else {}
    duty = given.get("on duty", {}) if isinstance(given, dict) else {}
    story = top["story"]
    if not isinstance(story, Listing):
        raise refuse("SCENARIO_STORY", "story is a list of entries.", story.place)
    entries: list[Entry] = []
    now: datetime | None = None
    for node in story.items:
        now = _when(node, now, zone)
        entries.append(_entry(node, clocks.instant(now)))
    return Scenario(
        title=str(plain(top["scenario"])),
        of=str(plain(top["of"])),
        on_duty={str(name): str(role) for role, name in duty.items()},
        story=tuple(entries),
    )


def _when(node: Node, now: datetime | None, zone: str) -> datetime:
    table = plain(node)
    said = table.get("at") if isinstance(table, dict) else None
    if said is None:
        if now is None:
            raise refuse("SCENARIO_AT", "The first entry says no time.", node.place, "Write at: 2026-03-06 23:00")
        return now
    return local_time(str(said), now, zone, node.place)


def _entry(node: Node, at: Instant) -> Entry:
    table = plain(node)
    if not isinstance(table, dict):
        raise refuse("SCENARIO_ENTRY", "An entry has at, when and expect.", node.place)
    unknown = set(table) - {"at", "when", "with", "expect"}
    if unknown:
        raise refuse(
            "SCENARIO_KEY", f"{min(unknown)} is not a key of an entry.", node.place, "Write at, when, with, expect."
        )
    expect = table.get("expect")
    said = expect if isinstance(expect, list) else [] if expect is None else [expect]
    # ``expect: referral is due 01:00`` in a flow mapping reads ``01:00`` as text, as it should.
    given = table.get("with") or {}
    return Entry(
        at=at,
        when=None if table.get("when") is None else str(table["when"]),
        given={str(key): value for key, value in given.items()},
        expect=tuple(_expectation(each) for each in said),
        place=node.place,
    )


def _expectation(said: object) -> str:
    """``refused: CODE`` may be written as a mapping or a text."""
    if isinstance(said, dict):
        return "; ".join(f"{key}: {value}" for key, value in said.items())
    return str(said)


def play(protocol: Protocol, scenario: Scenario) -> tuple[list[Problem], list[Fact]]:
    """Play a scenario on the pure core: its problems (none when it holds) and every fact."""
    if scenario.of != protocol.id:
        raise HandoffError("SCENARIO_OF", f"{scenario.title} is a story of {scenario.of}, not of {protocol.id}.")
    judge = Judge(protocol, scenario)
    problems: list[Problem] = []
    state = CaseState()
    for entry in scenario.story:
        judge.begin()
        state, seen = advance(protocol, state, entry.at, inclusive=entry.when is None)
        judge.see(seen)
        command = judge.command(entry)
        refusal = None
        if command is not None:
            result = step(protocol, state, command, entry.at)
            state, refusal = result.state, result.refusal
            judge.see(result.facts)
        problems.extend(judge.verdicts(entry, refusal))
    return problems, judge.facts


def advance(protocol: Protocol, state: CaseState, to: Instant, *, inclusive: bool) -> tuple[CaseState, list[Fact]]:
    """Let time pass: wake the case at each of its deadlines before an instant (or at it)."""
    seen: list[Fact] = []
    while (due := earliest(protocol, state)) is not None and (due < to or (inclusive and due == to)):
        result = step(protocol, state, TICK, due)
        state = result.state
        seen.extend(result.facts)
    return replace(state, now=max(state.now, to)), seen
