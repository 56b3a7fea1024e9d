"""Example runs as scenarios: the words of a finding's run become a story that plays on the engine itself.

A run says only what happens; here it gets times, people and values. People act a minute apart; what waits for a time
is given it. A run whose words do not come true in that way is not playable, and nothing that rests on it is reported.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from protocol.checks.consequences import Given, Move
from protocol.checks.domains import FUTURE, ITEMS, KNOWN, PAST
from protocol.compiling.calendars import HORIZON_YEARS
from protocol.engine import clocks
from protocol.engine.machine import LATE, Deadline, Due, deadlines, earliest, step
from protocol.engine.points import calendar_of
from protocol.errors import HandoffError, Place
from protocol.kernel import Field, FieldType, Protocol, Step
from protocol.names import Ref, Slug
from protocol.scenarios.judge import Judge
from protocol.scenarios.scenario import advance
from protocol.scenarios.stories import Entry, Scenario
from protocol.state import CaseState, Instance, Phase, Status

NOWHERE = Place(line=0, column=0)
AHEAD = {FUTURE: timedelta(days=10), KNOWN: timedelta(days=1), PAST: timedelta(hours=-1)}
ROUND, ALONE = "again", "by itself"
WAYS = 6
LONGEST_WALK = 150


class UnplayableError(HandoffError):
    """A run that does not come true on the engine."""

    def __init__(self, word: str, why: str) -> None:
        super().__init__("UNPLAYABLE", f"{word}: {why}.")


@dataclass(frozen=True, slots=True)
class Played:
    """A run as a story, and the case it leads to."""

    scenario: Scenario
    state: CaseState


def words(move: Move) -> str:
    """A move as a run says it: ``call-received``, ``scene arrest with weapons yes``, ``serve late``."""
    given = "" if not move.given else f" with {' and '.join(f'{name} {value}' for name, value in move.given)}"
    match move.kind:
        case "event" | "wait":
            said = move.name
        case "answer":
            said = f"{move.name} {move.detail}"
        case "end-as":
            said = f"{move.name} {move.detail} {ALONE}"
        case "late":
            said = f"{move.name} {' '.join(_late(move.detail))}"
        case "deliver":
            said = f"{move.name} opens {ROUND}" if move.detail else f"{move.name} opens"
        case "link":
            said = f"{move.name} {move.detail}"
        case _:
            said = "time passes"
    return said + given


def _late(ref: Ref) -> list[str]:
    """``late:serve`` is late; ``late:serve/5-working-days`` is 5 working days late."""
    span = ref.partition("/")[2]
    return [*span.split("-"), "late"] if span else ["late"]


def scenario_of(protocol: Protocol, run: Sequence[str], title: str = "An example run") -> Played:
    """A run as a scenario that plays on the engine.

    Raises:
        UnplayableError: some word of the run does not come true.
    """
    playing = _Playing(protocol, title)
    for word in run:
        playing.word(word)
    scenario = Scenario(title=title, of=protocol.id, on_duty={}, story=tuple(playing.story))
    return Played(scenario, playing.state)


def comes(protocol: Protocol, run: Sequence[str], wanted: Callable[[CaseState], bool]) -> bool:
    """Whether something may come after a run by itself: people answer promptly, no event happens, time passes.

    Several ways of answering are tried, each for a while; that none of them leads there is no proof, but what is
    proved on abstract states can be told from what merely seems so there.
    """
    for way in range(WAYS):
        playing = _Playing(protocol, "")
        for word in run:
            playing.word(word)
        if playing.walk(way, wanted):
            return True
    return False


class _Playing:
    """A case being led through a run."""

    def __init__(self, protocol: Protocol, title: str) -> None:
        self.protocol = protocol
        self.story: list[Entry] = []
        self.state = CaseState()
        self.judge = Judge(protocol, Scenario(title=title, of=protocol.id, on_duty={}, story=()))
        # A Monday in March at ten: an ordinary working hour, in the year the protocol was compiled for.
        first = date(date.fromordinal(protocol.horizon).year - HORIZON_YEARS, 3, 2)
        day = first - timedelta(days=first.weekday()) + timedelta(days=7)
        self.now = clocks.instant(datetime(day.year, day.month, day.day, 10, tzinfo=ZoneInfo(protocol.zone)))

    def word(self, word: str) -> None:
        """Make one word of the run come true."""
        said, _, with_ = word.partition(" with ")
        given: Given = tuple((each.partition(" ")[0], each.partition(" ")[2]) for each in with_.split(" and ") if each)
        first, _, rest = said.partition(" ")
        if said in self.protocol.event:
            self._happen(said, dict(given))
        elif f"wait:{said}" in {f"wait:{each.id}" for each in self.protocol.waits}:
            self._until(word, lambda each: each.kind is Due.WAIT and each.rung == said)
        elif first in self.protocol.link and rest in ("opens", "ends"):
            self._do(said, {})
        elif first in self.protocol.step:
            self._step(word, self.protocol.step[first], rest, dict(given))
        elif said == "time passes":
            self.now += 24 * clocks.HOUR
        else:
            raise UnplayableError(word, "nothing that happens here")

    def _happen(self, name: Slug, given: dict[str, str]) -> None:
        event = self.protocol.event[name]
        names = [*event.brings, *(each for each in event.may_bring if each in given)]
        self._do(name, self._values(names, given))

    def _step(self, word: str, known: Step, rest: str, given: dict[str, str]) -> None:
        if rest == "late" or rest.endswith(" late"):
            span = "-".join(rest.split(" ")[:-1])
            self._late(word, known, f"late:{known.id}/{span}" if span else f"late:{known.id}")
        elif rest.startswith("opens"):
            self._deliver(word, known)
        elif rest.endswith(f" {ALONE}"):
            outcome = rest.removesuffix(f" {ALONE}")
            ends = [each.id for each in known.rungs for act in each.acts if act.targets[:1] == (outcome,)]
            self._until(word, lambda each: each.rung in ends and self._step_of(each) == known.id)
        else:
            self._answer(word, known, rest, given)

    def _late(self, word: str, known: Step, ref: Ref) -> None:
        rungs = {each.id for each in known.rungs if each.publishes == ref}
        rung = LATE if ref == f"late:{known.id}" else next(iter(rungs), "")
        self._until(word, lambda each: each.rung == rung and self._step_of(each) == known.id)

    def _deliver(self, word: str, known: Step) -> None:
        if (
            not any(each.step == known.id and each.phase is Phase.OPEN for each in self.state.instances)
            or ROUND in word
        ):
            self._until(word, lambda each: each.kind is Due.DELIVERY and self._step_of(each) == known.id)

    def _step_of(self, deadline: Deadline) -> Slug:
        return next((each.step for each in self.state.instances if each.n == deadline.instance), "")

    # Answers

    def _answer(self, word: str, known: Step, outcome: Slug, given: dict[str, str]) -> None:
        task = self._open(word, known)
        role = task.owners[0]
        asks = next((each.asks for each in known.outcomes if each.id == outcome), ())
        values = self._values([each.name for each in asks if each.required or each.name in given], given)
        self._tries(known, task, role, outcome)
        votes = known.votes
        if votes is not None and votes.owner_decides:
            for each in votes.roles:
                self._do(f"{each} votes {known.id}", {})
        if votes is not None and not votes.owner_decides:
            for each in dict.fromkeys(votes.roles[: votes.needed]):
                self._do(f"{each} votes {known.id} as {outcome}", values)
        elif any(each.n == task.n for each in self.state.instances):
            self._do(f"{role} ends {known.id} as {outcome}", values)

    def _open(self, word: str, known: Step) -> Instance:
        """The open task of a step; one that waits for delivery is waited for."""
        for _ in range(2):
            found = [each for each in self.state.instances if each.step == known.id and not each.receipt]
            opened = [each for each in found if each.phase is Phase.OPEN]
            if opened:
                return opened[0]
            if not found:
                break
            self._deliver(word, known)
        raise UnplayableError(word, f"{known.id} is not open")

    def _tries(self, known: Step, task: Instance, role: Slug, outcome: Slug) -> None:
        tries = known.tries
        if tries is None or tries.up_to or tries.then != outcome:
            return
        for _ in range(tries.count):
            self._do(f"{role} tries {known.id}", {})
            if tries.apart is not None:
                calendar = calendar_of(self.protocol, task.agency, task.agency)
                self.now = clocks.shift(calendar, self.now, tries.apart)

    def walk(self, way: int, wanted: Callable[[CaseState], bool]) -> bool:
        """Answer whatever is open, one way or another, and let time pass; whether the wanted came."""
        for count in range(LONGEST_WALK):
            if wanted(self.state):
                return True
            if self.state.status is Status.ENDED or not self._someone(way, count):
                return False
        return False

    def _someone(self, way: int, count: int) -> bool:
        opened = [each for each in self.state.instances if each.phase is Phase.OPEN]
        for each in opened[count % len(opened) :] + opened[: count % len(opened)] if opened else []:
            known = self.protocol.step[each.step]
            if each.receipt:
                self._do(f"{each.owners[0]} takes {known.id}", {})
                return True
            for turn in range(len(known.outcomes)):
                outcome = known.outcomes[(way + count * (way % 2) + turn) % len(known.outcomes)]
                given = {ask.name: ("yes", "no")[way % 2] for ask in outcome.asks if self._is_yes_no(ask.name)}
                try:
                    self._answer(known.id, known, outcome.id, given)
                except UnplayableError:
                    continue
                return True
        due = earliest(self.protocol, self.state)
        if due is None:
            return False
        self.now = max(self.now, due)
        self._play(Entry(at=self.now, when=None, given={}, expect=(), place=NOWHERE))
        return True

    def _is_yes_no(self, name: Slug) -> bool:
        known = self.protocol.field.get(name)
        return known is not None and known.type is FieldType.YES_NO

    # Values

    def _values(self, names: Sequence[Slug], given: dict[str, str]) -> dict[str, object]:
        return {each: self._value(each, given.get(each)) for each in names if each in self.protocol.field} | {
            each: "protected" for each in names if each in self.protocol.slot
        }

    def _value(self, name: Slug, word: str | None) -> object:
        known = self.protocol.field[name]
        if known.type is not FieldType.LIST:
            return self._scalar(known, word)
        copies = ITEMS.index(word) if word is not None else 1
        return [{each.id: self._scalar(each, None) for each in known.columns} for _ in range(copies)]

    def _scalar(self, known: Field, word: str | None) -> str:
        if known.type is FieldType.INSTANT:
            at = clocks.moment(self.now, self.protocol.zone) + AHEAD[word or KNOWN]
            return at.strftime("%Y-%m-%d %H:%M")
        if word is not None and word != KNOWN:
            return word
        defaults = {FieldType.YES_NO: "no", FieldType.NUMBER: str(known.low), FieldType.REFERENCE: "some-reference"}
        return defaults.get(known.type, next(iter(known.choices), ""))

    # Time

    def _do(self, when: str, given: dict[str, object]) -> None:
        """One entry of the story, played."""
        self._play(Entry(at=self.now, when=when, given=given, expect=(), place=NOWHERE))
        self.now += clocks.MINUTE

    def _until(self, word: str, wanted: Callable[[Deadline], bool]) -> None:
        """Let time pass until a deadline comes."""
        found = next((each for each in deadlines(self.protocol, self.state) if wanted(each)), None)
        if found is None:
            raise UnplayableError(word, "it is not to come")
        self.now = max(self.now, found.at)
        self._play(Entry(at=self.now, when=None, given={}, expect=(), place=NOWHERE))
        self.now += clocks.MINUTE

    def _play(self, entry: Entry) -> None:
        self.judge.begin()
        self.state, seen = advance(self.protocol, self.state, entry.at, inclusive=entry.when is None)
        self.judge.see(seen)
        command = self.judge.command(entry)
        self.story.append(entry)
        if command is None:
            return
        if self.state.status is Status.ENDED:
            raise UnplayableError(entry.when or "", "the case has ended")
        result = step(self.protocol, self.state, command, entry.at)
        if result.refusal is not None:
            raise UnplayableError(entry.when or "", f"refused with {result.refusal.code}")
        self.state = result.state
        self.judge.see(result.facts)


__all__ = ["Played", "UnplayableError", "comes", "scenario_of", "words"]
