"""Scenarios: a protocol's stories, written beside it, played on the pure core and, the same files, on Temporal.

A scenario says who is on duty and then, entry by entry, what happens at what time and what must be so. Expectations
are judged on the facts alone, so whatever drives the engine (``play`` here, a real server in the tests) is judged by
the same words. Times are local to the protocol's zone; a bare time is the next such.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from protocol import clocks
from protocol.errors import HandoffError, Place
from protocol.kernel import FieldType, Protocol, Slug
from protocol.machine import earliest, step
from protocol.messages import (
    TICK,
    Actor,
    Answer,
    Body,
    CaseEnded,
    ClockPaused,
    ClockResumed,
    DueMoved,
    EventHappened,
    Fact,
    Input,
    LaneClosed,
    LinkedCaseStarted,
    LogTry,
    OwnersChanged,
    PauseClock,
    Reassign,
    Refusal,
    ResumeClock,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepScheduled,
    TakenUp,
    TakeUp,
    Told,
    WindowMissed,
)
from protocol.names import NAME
from protocol.reading import Listing, Node, Table, plain, read_all, refuse
from protocol.state import CaseState, Instant, PauseReason, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a story: when, what happens (with what), and what must then be so."""

    at: Instant
    when: str | None
    given: dict[str, str]
    expect: tuple[str, ...]
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One story of one protocol."""

    title: str
    of: Slug
    on_duty: dict[str, Slug]
    """People's names to the role they are on duty in."""
    story: tuple[Entry, ...]


@dataclass(slots=True)
class Task:
    """One instance as its facts tell it."""

    instance: int
    step: Slug
    owners: tuple[Slug, ...] = ()
    due: Instant | None = None
    open: bool = False
    late: bool = False
    paused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An expectation that did not hold: where, what was expected, what was so."""

    place: Place
    expected: str
    found: str


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


def local_time(said: str, now: datetime | None, zone: str, place: Place) -> datetime:
    """``2026-03-06 23:00`` or, after ``now``, the next ``23:10``; local to the zone."""
    bare = re.fullmatch(r"(\d\d):(\d\d)(?::(\d\d))?", said)
    tz = ZoneInfo(zone)
    if bare is not None and now is not None:
        local = now.astimezone(tz)
        wall = local.replace(hour=int(bare.group(1)), minute=int(bare.group(2)), second=int(bare.group(3) or 0))
        return wall if wall >= local else (wall + timedelta(days=1)).replace(tzinfo=tz)
    try:
        return datetime.fromisoformat(said).replace(tzinfo=tz)
    except ValueError:
        raise refuse("SCENARIO_TIME", f"{said} is not a time.", place, "Write 2026-03-06 23:00, or 23:10.") from None


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
        given={str(key): str(value) for key, value in given.items()},
        expect=tuple(_expectation(each) for each in said),
        place=node.place,
    )


def _expectation(said: object) -> str:
    """``refused: CODE`` may be written as a mapping or a text."""
    if isinstance(said, dict):
        return "; ".join(f"{key}: {value}" for key, value in said.items())
    return str(said)


class Judge:
    """Turns entries into inputs and facts into verdicts, for any driver."""

    def __init__(self, protocol: Protocol, scenario: Scenario) -> None:
        self.protocol = protocol
        self.scenario = scenario
        self.tasks: dict[int, Task] = {}
        self.facts: list[Fact] = []
        self.fresh: list[Fact] = []
        self._count = 0

    def see(self, facts: Iterable[Fact]) -> None:
        """Take in new facts."""
        for fact in facts:
            self.facts.append(fact)
            self.fresh.append(fact)
            self._fold(fact)

    def _fold(self, fact: Fact) -> None:
        body = fact.body
        match body:
            case StepScheduled():
                self.tasks[body.instance] = Task(body.instance, body.step)
            case StepDelivered():
                self.tasks[body.instance] = Task(body.instance, body.step, body.owners, body.due, open=True)
            case StepEnded() | StepCancelled():
                self.tasks.pop(body.instance, None)
            case OwnersChanged():
                self.tasks[body.instance].owners = body.owners
            case DueMoved():
                self.tasks[body.instance].due = body.due
            case WindowMissed():
                self.tasks[body.instance].late = True
            case ClockPaused():
                self.tasks[body.instance].paused = True
            case ClockResumed():
                self.tasks[body.instance].paused = False
                self.tasks[body.instance].due = body.due
            case _:
                pass

    # Inputs

    def command(self, entry: Entry) -> Input | None:
        """The input of an entry, or None when it only expects."""
        self.fresh = []
        if entry.when is None:
            return None
        self._count += 1
        body, actor = self._body(entry, entry.when)
        return Input(command=f"entry-{self._count}", actor=actor, body=body)

    def _body(self, entry: Entry, words: str) -> tuple[Body, Actor]:
        if words in self.protocol.event:
            event = self.protocol.event[words]
            fields, refs = self._values(entry, ())
            agency = event.sources[0] if event.sources else self.protocol.agencies[0].id
            actor = Actor(person=f"{agency}-records", role=None, agency=agency, linked=not event.sources)
            return EventHappened(event=words, fields=fields, refs=refs), actor
        ends = re.fullmatch(rf"(\S+) ends ({NAME}) as ({NAME})", words)
        if ends is not None:
            task = self._task(ends.group(2), entry)
            return self._answer(entry, task, ends.group(3)), self._actor(ends.group(1), entry)
        does = re.fullmatch(rf"(\S+) (takes|tries|resumes) ({NAME})", words)
        if does is not None:
            task = self._task(does.group(3), entry)
            kinds: dict[str, TakeUp | LogTry | ResumeClock] = {
                "takes": TakeUp(instance=task),
                "tries": LogTry(instance=task),
                "resumes": ResumeClock(instance=task),
            }
            return kinds[does.group(2)], self._actor(does.group(1), entry)
        hands = re.fullmatch(rf"(\S+) hands ({NAME}) to ({NAME})", words)
        if hands is not None:
            task = self._task(hands.group(2), entry)
            return Reassign(instance=task, role=hands.group(3)), self._actor(hands.group(1), entry)
        pauses = re.fullmatch(rf"(\S+) pauses ({NAME}) until (.+)", words)
        if pauses is not None:
            task = self._task(pauses.group(2), entry)
            until = clocks.instant(self._time(pauses.group(3), entry))
            body = PauseClock(instance=task, until=until, reason=PauseReason.OTHER)
            return body, self._actor(pauses.group(1), entry)
        raise refuse(
            "SCENARIO_WHEN",
            f"{words} is nothing that happens here.",
            entry.place,
            "Write an event, or R ends S as O, R takes S, R tries S.",
        )

    def _answer(self, entry: Entry, task: int, outcome: str) -> Answer:
        found = self.tasks.get(task)
        asks: tuple[str, ...] = ()
        if found is not None:
            known = [each for each in self.protocol.step[found.step].outcomes if each.id == outcome]
            asks = tuple(ask.name for each in known for ask in each.asks if ask.required)
        fields, refs = self._values(entry, asks)
        return Answer(instance=task, outcome=outcome, fields=fields, refs=refs)

    def _values(self, entry: Entry, asked: tuple[str, ...]) -> tuple[dict[Slug, Value], dict[Slug, str]]:
        """The entry's values by type; required vault values it does not mention get a placeholder reference."""
        fields: dict[Slug, Value] = {}
        refs: dict[Slug, str] = {}
        for name, said in entry.given.items():
            if name in self.protocol.slot:
                refs[name] = f"ref-{self._count}-{name}"
            else:
                fields[name] = self._value(name, said, entry)
        for name in asked:
            if name in self.protocol.slot:
                refs.setdefault(name, f"ref-{self._count}-{name}")
        return fields, refs

    def _value(self, name: str, said: str, entry: Entry) -> Value:
        known = self.protocol.field.get(name)
        if known is not None and known.type is FieldType.YES_NO and said in ("yes", "no"):
            return said == "yes"
        if known is not None and known.type is FieldType.NUMBER and said.isdigit():
            return int(said)
        if known is not None and known.type is FieldType.INSTANT:
            return clocks.instant(self._time(said, entry))
        return said

    def _time(self, said: str, entry: Entry) -> datetime:
        zone = self.protocol.zone
        return local_time(said, clocks.moment(entry.at, zone), zone, entry.place)

    def _actor(self, who: str, entry: Entry) -> Actor:
        role = self.scenario.on_duty.get(who, who)
        if role not in self.protocol.role:
            raise refuse("SCENARIO_WHO", f"{who} is no role and nobody on duty.", entry.place)
        return Actor(person=f"person-{who}", role=role, agency=self.protocol.role[role].agency)

    def _task(self, name: Slug, entry: Entry) -> int:
        """The live instance of a step (the open one first), or 0 for one that is not there."""
        if name not in self.protocol.step:
            raise refuse("SCENARIO_STEP", f"{name} is no step.", entry.place)
        found = [each for each in self.tasks.values() if each.step == name]
        found.sort(key=lambda each: (not each.open, each.instance))
        ended = [
            fact.body.instance
            for fact in self.facts
            if isinstance(fact.body, StepEnded | StepCancelled) and fact.body.step == name
        ]
        return found[0].instance if found else ended[-1] if ended else 0

    # Verdicts

    def verdicts(self, entry: Entry, refusal: Refusal | None) -> Iterator[Problem]:
        """What the entry expected and did not find."""
        codes = [each.removeprefix("refused: ") for each in entry.expect if each.startswith("refused: ")]
        if refusal is not None and refusal.code not in codes:
            yield Problem(place=entry.place, expected=entry.when or "", found=f"refused: {refusal.code}")
        for each in entry.expect:
            found = self._verdict(each, refusal, entry)
            if found is not None:
                yield Problem(place=entry.place, expected=each, found=found)

    def _verdict(self, words: str, refusal: Refusal | None, entry: Entry) -> str | None:
        if words.startswith("refused: "):
            wanted = words.removeprefix("refused: ")
            return None if refusal is not None and refusal.code == wanted else f"not refused with {wanted}"
        is_so = re.fullmatch(rf"({NAME}) is (open|not open|late|on time|paused|waiting)", words)
        if is_so is not None:
            return self._is(is_so.group(1), is_so.group(2))
        due = re.fullmatch(rf"({NAME}) is due (.+)", words)
        if due is not None:
            return self._due(due.group(1), due.group(2), entry)
        holds = re.fullmatch(rf"(\S+) holds ({NAME})", words)
        if holds is not None:
            role = self.scenario.on_duty.get(holds.group(1), holds.group(1))
            owners = [each.owners for each in self.tasks.values() if each.step == holds.group(2) and each.open]
            return None if any(role in each for each in owners) else f"held by {owners}"
        told = re.fullmatch(rf"({NAME}) (was told|was not told|sees nothing)", words)
        if told is not None:
            return self._told(told.group(1), told.group(2))
        return self._case(words, entry)

    def _is(self, name: Slug, state: str) -> str | None:
        found = [each for each in self.tasks.values() if each.step == name]
        opened = [each for each in found if each.open]
        holds = {
            "open": bool(opened),
            "not open": not opened,
            "late": any(each.late for each in opened),
            "on time": bool(opened) and not any(each.late for each in opened),
            "paused": any(each.paused for each in opened),
            "waiting": any(not each.open for each in found),
        }[state]
        return (
            None if holds else f"{name}: {len(opened)} open, {len(found)} live, late {[each.late for each in opened]}"
        )

    def _due(self, name: Slug, said: str, entry: Entry) -> str | None:
        wanted = clocks.instant(self._time(said, entry))
        dues = [each.due for each in self.tasks.values() if each.step == name and each.open]
        # A due time read off a page is a minute; microseconds of delivery do not matter to the story.
        if any(due is not None and abs(due - wanted) < clocks.MINUTE for due in dues):
            return None
        zone = self.protocol.zone
        return f"due {[clocks.moment(due, zone).isoformat() for due in dues if due is not None]}"

    def _told(self, role: Slug, how: str) -> str | None:
        within = self.facts if how == "sees nothing" else self.fresh
        found = [fact.body for fact in within if isinstance(fact.body, Told) and role in fact.body.roles]
        if how == "was told":
            return None if found else "not told"
        return None if not found else f"told by {[each.rung or each.step for each in found]}"

    def _case(self, words: str, entry: Entry) -> str | None:
        bodies = [fact.body for fact in self.facts]
        ended = any(isinstance(each, CaseEnded) for each in bodies)
        if words in ("case ended", "case goes on"):
            return None if ended == (words == "case ended") else ("it ended" if ended else "it goes on")
        lane = re.fullmatch(rf"({NAME}) lane is closed", words)
        if lane is not None:
            closed = any(isinstance(each, LaneClosed) and each.lane == lane.group(1) for each in bodies)
            return None if closed else "the lane is open"
        taken = re.fullmatch(rf"({NAME}) was taken up", words)
        if taken is not None:
            found = any(isinstance(each, TakenUp) and each.step == taken.group(1) for each in bodies)
            return None if found else "not taken up"
        ended_as = re.fullmatch(rf"({NAME}) ended as ({NAME})(?: (on time|late))?", words)
        if ended_as is not None:
            ends = [each for each in bodies if isinstance(each, StepEnded) and each.step == ended_as.group(1)]
            found = any(
                each.outcome == ended_as.group(2) and ended_as.group(3) in (None, "on time" if each.on_time else "late")
                for each in ends
            )
            return None if found else f"ended as {[(each.outcome, each.on_time) for each in ends]}"
        linked = re.fullmatch(rf"a linked case starts as ({NAME})", words)
        if linked is not None:
            found = any(isinstance(each, LinkedCaseStarted) and each.event == linked.group(1) for each in bodies)
            return None if found else "no linked case"
        raise refuse("SCENARIO_EXPECT", f"{words} is nothing that can be expected.", entry.place)


def play(protocol: Protocol, scenario: Scenario) -> tuple[list[Problem], list[Fact]]:
    """Play a scenario on the pure core: its problems (none when it holds) and every fact."""
    if scenario.of != protocol.id:
        raise HandoffError("SCENARIO_OF", f"{scenario.title} is a story of {scenario.of}, not of {protocol.id}.")
    judge = Judge(protocol, scenario)
    problems: list[Problem] = []
    state = CaseState()
    for entry in scenario.story:
        command = judge.command(entry)
        state, seen = advance(protocol, state, entry.at, inclusive=command is None)
        judge.see(seen)
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
