"""Scenarios: a protocol's stories, written beside it, played on the pure core and, the same files, on Temporal.

A scenario says what is given (who is on duty, ``fields`` that the first event brings, ``after`` which other story it
goes on) and then, entry by entry, what happens at what time (``judge``) and what must be so (``verdicts``).
Times are local to the protocol's zone; a bare time is the next such, and ``3 days later`` counts from the last entry.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from protocol.engine import clocks
from protocol.engine.machine import earliest, step
from protocol.errors import HandoffError
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import TICK
from protocol.scenarios.judge import Judge
from protocol.scenarios.stories import Entry, Scenario, local_time
from protocol.scenarios.verdicts import Problem
from protocol.state import CaseState, Instant
from protocol.text.names import did_you_mean
from protocol.text.reading import Listing, Node, Table, plain, read_all, refuse


def read_scenarios(text: str | bytes, zone: str) -> tuple[Scenario, ...]:
    """Every scenario of a file; one that is given another's title begins with that one's entries.

    Raises:
        SpecError: the file is not written as scenarios are.
    """
    found: dict[str, Scenario] = {}
    for root in read_all(text):
        scenario = _scenario(root, zone, found)
        if scenario.title in found:
            raise refuse("SCENARIO_TITLE", f"There are two scenarios {scenario.title}.", root.place, "Rename one.")
        found[scenario.title] = scenario
    return tuple(found.values())


def _scenario(root: Table, zone: str, earlier: dict[str, Scenario]) -> Scenario:
    top = {key.text: node for key, node in root.items}
    _only(root, ("scenario", "of", "given", "story"))
    for name in ("scenario", "of", "story"):
        if name not in top:
            raise refuse("SCENARIO_KEY", f"{name} is missing.", root.place, f"Add {name}.")
    story = top["story"]
    if not isinstance(story, Listing):
        raise refuse("SCENARIO_STORY", "story is a list of entries.", story.place)
    before, duty, fields = _given(top.get("given"), earlier)
    entries = list(before)
    now = None if not entries else clocks.moment(entries[-1].at, zone)
    for node in story.items:
        now = _when(node, now, zone)
        entries.append(_entry(node, clocks.instant(now), zone))
    if entries and fields:
        entries[0] = replace(entries[0], given={**fields, **entries[0].given})
    return Scenario(title=str(plain(top["scenario"])), of=str(plain(top["of"])), on_duty=duty, story=tuple(entries))


def _given(
    node: Node | None, earlier: dict[str, Scenario]
) -> tuple[tuple[Entry, ...], dict[str, str], dict[str, object]]:
    """What comes before the story: another's entries, who is on duty, what the first event brings besides."""
    if node is None:
        return (), {}, {}
    if not isinstance(node, Table):
        raise refuse("SCENARIO_GIVEN", "given has on duty, fields and after.", node.place)
    _only(node, ("on duty", "fields", "after"))
    given = {key.text: plain(value) for key, value in node.items}
    after, duty, fields = given.get("after"), given.get("on duty") or {}, given.get("fields") or {}
    if not isinstance(duty, dict) or not isinstance(fields, dict):
        raise refuse("SCENARIO_GIVEN", "on duty and fields are names with their values.", node.place)
    if after is not None and str(after) not in earlier:
        hint = did_you_mean(str(after), earlier)
        raise refuse("SCENARIO_AFTER", f"No scenario above is called {after}.", node.place, hint)
    before = earlier.get(str(after))
    known = {**(before.on_duty if before else {}), **{str(name): str(role) for role, name in duty.items()}}
    return before.story if before else (), known, {str(name): value for name, value in fields.items()}


def _only(table: Table, known: tuple[str, ...]) -> None:
    for key, _ in table.items:
        if key.text not in known:
            raise refuse("SCENARIO_KEY", f"{key.text} is not a key here.", key.place, f"Write {', '.join(known)}.")


def _when(node: Node, now: datetime | None, zone: str) -> datetime:
    table = plain(node)
    said = table.get("at") if isinstance(table, dict) else None
    if said is None:
        if now is None:
            raise refuse("SCENARIO_AT", "The first entry says no time.", node.place, "Write at: 2026-03-06 23:00")
        return now
    return local_time(str(said), now, zone, node.place)


def _entry(node: Node, at: Instant, zone: str) -> Entry:
    if not isinstance(node, Table):
        raise refuse("SCENARIO_ENTRY", "An entry has at, when and expect.", node.place)
    _only(node, ("at", "when", "with", "happened", "expect"))
    table = {key.text: plain(value) for key, value in node.items}
    expect = table.get("expect")
    said = expect if isinstance(expect, list) else [] if expect is None else [expect]
    # ``expect: referral is due 01:00`` in a flow mapping reads ``01:00`` as text, as it should.
    given = table.get("with") or {}
    if not isinstance(given, dict):
        raise refuse("SCENARIO_WITH", "with has fields and their values.", node.place)
    return Entry(
        at=at,
        when=None if table.get("when") is None else str(table["when"]),
        given={str(key): value for key, value in given.items()},
        expect=tuple(_expectation(each) for each in said),
        place=node.place,
        happened=None if table.get("happened") is None else _before(str(table["happened"]), at, zone, node),
    )


def _before(said: str, at: Instant, zone: str, node: Node) -> Instant:
    """When something happened that was entered later: a bare time is the last such."""
    found = local_time(said, clocks.moment(at, zone), zone, node.place)
    bare = len(said) < len("2026-03-06")
    if bare and clocks.instant(found) > at:
        found -= timedelta(days=1)
    return clocks.instant(found)


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
