"""Turns a story's entries into inputs, and the facts that come of them into verdicts, for whatever drives the engine.

Expectations are judged on the facts alone: ``scenario.play`` here and a real server in the tests are judged by the same
words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from protocol import clocks
from protocol.errors import Place
from protocol.kernel import Field, FieldType, Protocol, Slug
from protocol.messages import (
    Actor,
    Answer,
    Body,
    CaseEnded,
    CastVote,
    ClockPaused,
    ClockResumed,
    Counted,
    DueMoved,
    EventHappened,
    Fact,
    FieldSet,
    Input,
    LaneClosed,
    LanePaused,
    LaneResumed,
    LinkedCaseStarted,
    LinkNotice,
    LinkStarted,
    LogTry,
    OwnersChanged,
    PassedOn,
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
from protocol.reading import refuse
from protocol.state import Instant, Item, PauseReason, Scalar, Value
from protocol.stories import Entry, Scenario, local_time


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


class Judge:
    """Turns entries into inputs and facts into verdicts, for any driver."""

    def __init__(self, protocol: Protocol, scenario: Scenario) -> None:
        self.protocol = protocol
        self.scenario = scenario
        self.tasks: dict[int, Task] = {}
        self.facts: list[Fact] = []
        self.fresh: list[Fact] = []
        self.fields: dict[Slug, Value] = {}
        self.links: dict[Slug, int] = {}
        self.paused: set[Slug] = set()
        self._count = 0

    def see(self, facts: Iterable[Fact]) -> None:
        """Take in new facts."""
        for fact in facts:
            self.facts.append(fact)
            self.fresh.append(fact)
            self._fold(fact)
            self._fold_case(fact)

    def _fold_case(self, fact: Fact) -> None:
        body = fact.body
        match body:
            case FieldSet() | Counted():
                self.fields[body.field] = body.value
            case LinkStarted():
                self.links[body.link] = fact.seq
            case LanePaused():
                self.paused.add(body.lane)
            case LaneResumed():
                self.paused.discard(body.lane)
            case _:
                pass

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

    def begin(self) -> None:
        """A new entry: what was told is what is told from now on."""
        self.fresh = []

    def command(self, entry: Entry) -> Input | None:
        """The input of an entry, aimed at what is open by then, or None when it only expects."""
        if entry.when is None:
            return None
        self._count += 1
        body, actor = self._body(entry, entry.when)
        return Input(command=f"entry-{self._count}", actor=actor, body=body)

    def _body(self, entry: Entry, words: str) -> tuple[Body, Actor | None]:
        if words in self.protocol.event:
            return self._event(entry, words)
        notice = re.fullmatch(rf"({NAME}) (opens|ends)", words)
        if notice is not None and notice.group(1) in self.protocol.link:
            link, ended = notice.group(1), notice.group(2) == "ends"
            return LinkNotice(link=link, seq=self.links.get(link, 0), ended=ended), None
        ends = re.fullmatch(rf"(\S+) ends ({NAME}) as ({NAME})", words)
        if ends is not None:
            task = self._task(ends.group(2), entry, ends.group(1))
            outcome = ends.group(3)
            fields, refs = self._form(entry, task, outcome)
            answer = Answer(instance=task, outcome=outcome, fields=fields, refs=refs)
            return answer, self._actor(ends.group(1), entry)
        votes = re.fullmatch(rf"(\S+) votes ({NAME})(?: as ({NAME}))?", words)
        if votes is not None:
            task, chosen = self._task(votes.group(2), entry), votes.group(3)
            fields, refs = self._form(entry, task, chosen) if chosen else ({}, {})
            vote = CastVote(instance=task, outcome=chosen, fields=fields, refs=refs)
            return vote, self._actor(votes.group(1), entry)
        return self._command(entry, words)

    def _event(self, entry: Entry, words: str) -> tuple[Body, Actor]:
        event = self.protocol.event[words]
        fields, refs = self._values(entry, (*event.brings,))
        agency = event.sources[0] if event.sources else self.protocol.agencies[0].id
        actor = Actor(person=f"{agency}-records", role=None, agency=agency, linked=not event.sources)
        return EventHappened(event=words, fields=fields, refs=refs), actor

    def _command(self, entry: Entry, words: str) -> tuple[Body, Actor]:
        does = re.fullmatch(rf"(\S+) (takes|tries|resumes) ({NAME})", words)
        if does is not None:
            task = self._task(does.group(3), entry, does.group(1))
            kinds: dict[str, TakeUp | LogTry | ResumeClock] = {
                "takes": TakeUp(instance=task),
                "tries": LogTry(instance=task),
                "resumes": ResumeClock(instance=task),
            }
            return kinds[does.group(2)], self._actor(does.group(1), entry)
        hands = re.fullmatch(rf"(\S+) hands ({NAME}) to ({NAME})", words)
        if hands is not None:
            task = self._task(hands.group(2), entry, hands.group(1))
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
            "Write an event, or R ends S as O, R votes S, R takes S, R tries S, or LINK opens.",
        )

    def _form(self, entry: Entry, task: int, outcome: Slug) -> tuple[dict[Slug, Value], dict[Slug, str]]:
        found = self.tasks.get(task)
        asks: tuple[str, ...] = ()
        if found is not None:
            known = [each for each in self.protocol.step[found.step].outcomes if each.id == outcome]
            asks = tuple(ask.name for each in known for ask in each.asks if ask.required)
        return self._values(entry, asks)

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

    def _value(self, name: str, said: object, entry: Entry) -> Value:
        known = self.protocol.field.get(name)
        if isinstance(said, list) and known is not None and known.type is FieldType.LIST:
            return tuple(self._item(known, each, entry) for each in said)
        return self._scalar(known, str(said), entry)

    def _item(self, known: Field, said: object, entry: Entry) -> Item:
        columns = {each.id: each for each in known.columns}
        if not isinstance(said, dict):
            raise refuse("SCENARIO_ITEM", f"An item of {known.id} has {', '.join(columns)}.", entry.place)
        return {str(name): self._scalar(columns.get(str(name)), str(value), entry) for name, value in said.items()}

    def _scalar(self, known: Field | None, said: str, entry: Entry) -> Scalar:
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

    def _task(self, name: Slug, entry: Entry, who: str = "") -> int:
        """The live instance of a step (hers first, then an open one), or 0 for one that is not there."""
        if name not in self.protocol.step:
            raise refuse("SCENARIO_STEP", f"{name} is no step.", entry.place)
        role = self.scenario.on_duty.get(who, who)
        found = [each for each in self.tasks.values() if each.step == name]
        found.sort(key=lambda each: (role not in each.owners, not each.open, each.instance))
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
        is_so = re.fullmatch(rf"({NAME}) is (open|not open|late|on time|paused|waiting|not waiting)", words)
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
            "not waiting": all(each.open for each in found),
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
        paused = re.fullmatch(rf"({NAME}) lane is (paused|running)", words)
        if paused is not None:
            stands = paused.group(1) in self.paused
            return None if stands == (paused.group(2) == "paused") else ("paused" if stands else "running")
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
        return self._linked(words, entry)

    def _linked(self, words: str, entry: Entry) -> str | None:
        bodies = [fact.body for fact in self.fresh]
        begins = re.fullmatch(rf"({NAME}) begins", words)
        if begins is not None:
            return None if begins.group(1) in self.links else "it has not begun"
        hears = re.fullmatch(rf"({NAME}) hears ({NAME})", words)
        if hears is not None:
            told = [each.event for each in bodies if isinstance(each, PassedOn) and each.link == hears.group(1)]
            return None if hears.group(2) in told else f"it hears {told}"
        value = re.fullmatch(rf"({NAME}) is (\S+)", words)
        if value is not None and value.group(1) in self.protocol.field:
            found = self.fields.get(value.group(1))
            shown = {True: "yes", False: "no", None: "not known"}.get(found if isinstance(found, bool | None) else None)
            said = str(found) if found is not None and not isinstance(found, bool) else shown
            return None if said == value.group(2) else f"{value.group(1)} is {said}"
        raise refuse(
            "SCENARIO_EXPECT",
            f"{words} is nothing that can be expected.",
            entry.place,
            "Write S is open, S is due T, R holds S, R was told, S ended as O, F is V, case ended.",
        )
