"""Turns a story's entries into inputs, and the facts that come of them into verdicts, for whatever drives the engine.

Expectations are judged on the facts alone (``verdicts``): ``scenario.play`` here and a real server in the tests are
judged by the same words.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime

from protocol.engine import clocks
from protocol.facts import Fact, StepCancelled, StepEnded
from protocol.kernel import Field, FieldType, Protocol
from protocol.messages import (
    Actor,
    Answer,
    Body,
    CastVote,
    EventHappened,
    Input,
    LinkNotice,
    LogTry,
    PauseClock,
    Reassign,
    Refusal,
    ResumeClock,
    TakeUp,
)
from protocol.names import Slug
from protocol.scenarios.seen import Seen
from protocol.scenarios.stories import Entry, Scenario, local_time
from protocol.scenarios.verdicts import Problem, Verdicts
from protocol.state import Item, PauseReason, Scalar, Value
from protocol.text.names import NAME, did_you_mean
from protocol.text.reading import refuse

WRITE = (
    "Write an event (from AGENCY, from linked cases), R ends S as O, R takes S, R tries S, R votes S (as O), "
    "R hands S to R, R pauses S until T, R resumes S, LINK opens or LINK ends."
)


class Judge:
    """Turns entries into inputs and facts into verdicts, for any driver."""

    def __init__(self, protocol: Protocol, scenario: Scenario) -> None:
        self.protocol = protocol
        self.scenario = scenario
        self.seen = Seen()
        self._verdicts = Verdicts(protocol, scenario, self.seen)
        self._count = 0

    @property
    def facts(self) -> list[Fact]:
        """Every fact so far."""
        return self.seen.facts

    def begin(self) -> None:
        """A new entry: what was told is what is told from now on."""
        self.seen.begin()

    def see(self, facts: Iterable[Fact]) -> None:
        """Take in new facts."""
        self.seen.see(facts)

    def verdicts(self, entry: Entry, refusal: Refusal | None) -> Iterator[Problem]:
        """What the entry expected and did not find."""
        return self._verdicts.of(entry, refusal)

    def command(self, entry: Entry) -> Input | None:
        """The input of an entry, aimed at what is open by then, or None when it only expects."""
        if entry.when is None:
            return None
        self._count += 1
        body, actor = self._body(entry, entry.when)
        return Input(command=f"entry-{self._count}", actor=actor, body=body, at=entry.happened)

    def _body(self, entry: Entry, words: str) -> tuple[Body, Actor | None]:
        happens = re.fullmatch(rf"({NAME})(?: from (linked cases|{NAME}))?", words)
        if happens is not None:
            return self._event(entry, happens.group(1), happens.group(2))
        notice = re.fullmatch(rf"({NAME}) (opens|ends)", words)
        if notice is not None:
            link, ended = notice.group(1), notice.group(2) == "ends"
            self._known("linked case", link, self.protocol.link, entry)
            return LinkNotice(link=link, seq=self.seen.links.get(link, 0), ended=ended), None
        for pattern, made in (
            (rf"(\S+) ends ({NAME}) as ({NAME})", self._answer),
            (rf"(\S+) votes ({NAME})(?: as ({NAME}))?", self._vote),
            (rf"(\S+) (takes|tries|resumes) ({NAME})", self._act),
            (rf"(\S+) hands ({NAME}) to ({NAME})", self._hand),
            (rf"(\S+) pauses ({NAME}) until (.+)", self._pause),
        ):
            match = re.fullmatch(pattern, words)
            if match is not None:
                return made(entry, *match.groups()), self._actor(match.group(1), entry)
        raise refuse("SCENARIO_WHEN", f"{words} is nothing that happens here.", entry.place, WRITE)

    def _event(self, entry: Entry, name: Slug, source: str | None) -> tuple[Body, Actor]:
        self._known("event", name, self.protocol.event, entry)
        event = self.protocol.event[name]
        fields, refs = self._values(entry, (*event.brings,))
        linked = source == "linked cases" or (source is None and not event.sources)
        agency = (*event.sources, self.protocol.agencies[0].id)[0] if source is None or linked else source
        self._known("agency", agency, self.protocol.agency, entry)
        actor = Actor(person=f"{agency}-records", role=None, agency=agency, linked=linked)
        return EventHappened(event=name, fields=fields, refs=refs), actor

    def _answer(self, entry: Entry, who: str, step: Slug, outcome: Slug) -> Body:
        task = self._task(step, entry, who)
        fields, refs = self._form(entry, task, outcome)
        return Answer(instance=task, outcome=outcome, fields=fields, refs=refs)

    def _vote(self, entry: Entry, who: str, step: Slug, outcome: Slug | None) -> Body:
        task = self._task(step, entry, who)
        fields, refs = self._form(entry, task, outcome) if outcome else ({}, {})
        return CastVote(instance=task, outcome=outcome, fields=fields, refs=refs)

    def _act(self, entry: Entry, who: str, does: str, step: Slug) -> Body:
        task = self._task(step, entry, who)
        kinds: dict[str, TakeUp | LogTry | ResumeClock] = {
            "takes": TakeUp(instance=task),
            "tries": LogTry(instance=task),
            "resumes": ResumeClock(instance=task),
        }
        return kinds[does]

    def _hand(self, entry: Entry, who: str, step: Slug, role: Slug) -> Body:
        self._known("role", role, self.protocol.role, entry)
        return Reassign(instance=self._task(step, entry, who), role=role)

    def _pause(self, entry: Entry, who: str, step: Slug, until: str) -> Body:
        task = self._task(step, entry, who)
        return PauseClock(instance=task, until=clocks.instant(self._time(until, entry)), reason=PauseReason.OTHER)

    def _form(self, entry: Entry, task: int, outcome: Slug) -> tuple[dict[Slug, Value], dict[Slug, str]]:
        found = self.seen.tasks.get(task)
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
        self._known("role and nobody on duty", role, self.protocol.role, entry)
        return Actor(person=f"person-{who}", role=role, agency=self.protocol.role[role].agency)

    def _known(self, what: str, name: str, known: Collection[str], entry: Entry) -> None:
        if name not in known:
            raise refuse("SCENARIO_NAME", f"{name} is no {what}.", entry.place, did_you_mean(name, known))

    def _task(self, name: Slug, entry: Entry, who: str) -> int:
        """The live instance of a step (hers first, then an open one), or 0 for one that is not there."""
        self._known("step", name, self.protocol.step, entry)
        role = self.scenario.on_duty.get(who, who)
        found = self.seen.of(name)
        found.sort(key=lambda each: (role not in each.owners, not each.open, each.instance))
        ended = [
            fact.body.instance
            for fact in self.seen.facts
            if isinstance(fact.body, StepEnded | StepCancelled) and fact.body.step == name
        ]
        return found[0].instance if found else ended[-1] if ended else 0
