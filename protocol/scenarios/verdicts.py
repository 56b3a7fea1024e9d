"""What a story expects, phrase by phrase, judged on the facts it has seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import datetime

from protocol.engine import clocks
from protocol.errors import Place
from protocol.facts import (
    CaseEnded,
    LinkedCaseStarted,
    LinkNoticed,
    PassedOn,
    StepEnded,
    TakenUp,
    Told,
)
from protocol.kernel import FieldType, Protocol
from protocol.messages import Refusal
from protocol.names import Slug
from protocol.scenarios.seen import Seen
from protocol.scenarios.stories import Entry, Scenario, local_time
from protocol.state import Value
from protocol.text.names import NAME, did_you_mean
from protocol.text.reading import refuse

WRITE = (
    "Write S is open (not open, late, on time, paused, waiting, due T, open N times), S ended as O, S was taken up, "
    "R holds S, R was told (of S), R was not told, R sees nothing, L lane is closed (open, paused, running), F is V, "
    "LINK begins, LINK hears E, a linked case starts as E, case ended, case goes on, refused: CODE."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An expectation that did not hold: where, what was expected, what was so."""

    place: Place
    expected: str
    found: str


class Verdicts:
    """The phrases an entry may expect. A name in one that the protocol does not have is refused, not found untrue."""

    def __init__(self, protocol: Protocol, scenario: Scenario, seen: Seen) -> None:
        self.protocol = protocol
        self.scenario = scenario
        self.seen = seen
        self._entry: Entry
        states = "open|not open|late|on time|paused|waiting|not waiting"
        self._phrases: tuple[tuple[str, Callable[..., str | None]], ...] = (
            (rf"(?P<step>{NAME}) is (?P<state>{states})", self._is),
            (rf"(?P<step>{NAME}) is open (?P<times>\d+) times", self._times),
            (rf"(?P<step>{NAME}) is due (?P<said>.+)", self._due),
            (rf"(?P<step>{NAME}) was taken up", self._taken),
            (rf"(?P<step>{NAME}) ended as (?P<outcome>{NAME})(?: (?P<how>on time|late))?", self._ended),
            (rf"(?P<who>\S+) holds (?P<step>{NAME})", self._holds),
            (rf"(?P<who>\S+) was told(?: of (?P<step>{NAME}))?", self._told),
            (rf"(?P<who>\S+) was not told(?: of (?P<step>{NAME}))?", self._not_told),
            (r"(?P<who>\S+) sees nothing", self._sees_nothing),
            (rf"(?P<lane>{NAME}) lane is (?P<state>closed|open|paused|running)", self._lane),
            (rf"(?P<link>{NAME}) begins", self._begins),
            (rf"(?P<link>{NAME}) has (?P<state>opened|ended)", self._noticed),
            (rf"(?P<link>{NAME}) hears (?P<event>{NAME})", self._hears),
            (rf"a linked case starts as (?P<event>{NAME})", self._starts),
            (r"case (?P<state>ended|goes on)", self._case),
            (rf"(?P<field>{NAME}) has (?P<items>\d+) items?", self._items),
            (rf"(?P<field>{NAME}) is (?P<said>.+)", self._value),
        )

    def of(self, entry: Entry, refusal: Refusal | None) -> Iterator[Problem]:
        """What the entry expected and did not find."""
        self._entry = entry
        codes = [each.removeprefix("refused: ") for each in entry.expect if each.startswith("refused: ")]
        if refusal is not None and refusal.code not in codes:
            yield Problem(place=entry.place, expected=entry.when or "", found=f"refused: {refusal.code}")
        for words in entry.expect:
            if words.startswith("refused: "):
                wanted = words.removeprefix("refused: ")
                held = refusal is not None and refusal.code == wanted
                found = None if held else f"not refused with {wanted}"
            else:
                found = self._found(words)
            if found is not None:
                yield Problem(place=entry.place, expected=words, found=found)

    def _found(self, words: str) -> str | None:
        """None if it is as expected, else what is so."""
        for pattern, judged in self._phrases:
            match = re.fullmatch(pattern, words)
            if match is not None:
                named = match.groupdict()
                self._known("step", named.get("step"), self.protocol.step)
                self._known("lane", named.get("lane"), self.protocol.lane)
                self._known("linked case", named.get("link"), self.protocol.link)
                self._known("field of the record", named.get("field"), self.protocol.field)
                if "who" in named:
                    people = {**self.protocol.role, **self.scenario.on_duty}
                    self._known("role and nobody on duty", named["who"], people)
                    named["who"] = self.scenario.on_duty.get(named["who"], named["who"])
                return judged(**named)
        raise refuse("SCENARIO_EXPECT", f"{words} is nothing that can be expected.", self._entry.place, WRITE)

    def _known(self, what: str, name: str | None, known: Collection[str]) -> None:
        if name is not None and name not in known:
            raise refuse("SCENARIO_NAME", f"{name} is no {what}.", self._entry.place, did_you_mean(name, known))

    # Steps

    def _is(self, step: Slug, state: str) -> str | None:
        found = self.seen.of(step)
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
        late = [each.late for each in opened]
        return None if holds else f"{step}: {len(opened)} open, {len(found)} live, late {late}"

    def _times(self, step: Slug, times: str) -> str | None:
        opened = sum(each.open for each in self.seen.of(step))
        return None if opened == int(times) else f"open {opened} times"

    def _due(self, step: Slug, said: str) -> str | None:
        wanted = clocks.instant(self._time(said))
        dues = [each.due for each in self.seen.of(step) if each.open]
        # A due time read off a page is a minute; microseconds of delivery do not matter to the story.
        if any(due is not None and abs(due - wanted) < clocks.MINUTE for due in dues):
            return None
        return f"due {[self._said(due) for due in dues if due is not None]}"

    def _taken(self, step: Slug) -> str | None:
        bodies = [fact.body for fact in self.seen.facts]
        found = any(isinstance(each, TakenUp) and each.step == step for each in bodies)
        return None if found else "not taken up"

    def _ended(self, step: Slug, outcome: Slug, how: str | None) -> str | None:
        self._known(f"outcome of {step}", outcome, [each.id for each in self.protocol.step[step].outcomes])
        ends = [fact.body for fact in self.seen.facts if isinstance(fact.body, StepEnded) and fact.body.step == step]
        found = [(each.outcome, "on time" if each.on_time else "late") for each in ends]
        return None if any(was == outcome and how in (None, in_time) for was, in_time in found) else f"ended as {found}"

    # People

    def _holds(self, who: str, step: Slug) -> str | None:
        owners = [each.owners for each in self.seen.of(step) if each.open]
        return None if any(who in each for each in owners) else f"held by {owners}"

    def _tellings(self, who: str, step: Slug | None) -> list[str]:
        told = (fact.body for fact in self.seen.fresh if isinstance(fact.body, Told))
        return [each.rung or each.step for each in told if who in each.roles and step in (None, each.step)]

    def _told(self, who: str, step: Slug | None) -> str | None:
        return None if self._tellings(who, step) else "not told"

    def _not_told(self, who: str, step: Slug | None) -> str | None:
        found = self._tellings(who, step)
        return f"told by {found}" if found else None

    def _sees_nothing(self, who: str) -> str | None:
        told = [fact.body for fact in self.seen.facts if isinstance(fact.body, Told) and who in fact.body.roles]
        return f"told by {[each.rung or each.step for each in told]}" if told else None

    # The case

    def _lane(self, lane: Slug, state: str) -> str | None:
        closing = state in ("closed", "open")
        stands = lane in (self.seen.closed if closing else self.seen.paused)
        if stands == (state in ("closed", "paused")):
            return None
        return {True: ("open", "closed"), False: ("running", "paused")}[closing][stands]

    def _case(self, state: str) -> str | None:
        ended = any(isinstance(fact.body, CaseEnded) for fact in self.seen.facts)
        return None if ended == (state == "ended") else ("it ended" if ended else "it goes on")

    def _begins(self, link: Slug) -> str | None:
        return None if link in self.seen.links else "it has not begun"

    def _noticed(self, link: Slug, state: str) -> str | None:
        notices = [fact.body for fact in self.seen.facts if isinstance(fact.body, LinkNoticed)]
        found = any(each.link == link and each.ended == (state == "ended") for each in notices)
        return None if found else f"it has not {state}"

    def _hears(self, link: Slug, event: Slug) -> str | None:
        bodies = (fact.body for fact in self.seen.fresh)
        told = [each.event for each in bodies if isinstance(each, PassedOn) and each.link == link]
        return None if event in told else f"it hears {told}"

    def _starts(self, event: Slug) -> str | None:
        bodies = (fact.body for fact in self.seen.facts)
        found = any(isinstance(each, LinkedCaseStarted) and each.event == event for each in bodies)
        return None if found else "no linked case"

    def _items(self, field: Slug, items: str) -> str | None:
        found = self.seen.fields.get(field)
        count = len(found) if isinstance(found, tuple | list) else 0
        return None if count == int(items) else f"{field} has {count} items"

    def _value(self, field: Slug, said: str) -> str | None:
        known = self.protocol.field[field]
        found = self.seen.fields.get(field, 0 if known.type is FieldType.COUNT else None)
        if known.type is FieldType.DERIVED:
            raise refuse(
                "SCENARIO_DERIVED", f"{field} is worked out, not recorded.", self._entry.place, "Expect what it opens."
            )
        if known.type is FieldType.INSTANT and isinstance(found, int) and said != "not known":
            return None if clocks.instant(self._time(said)) == found else f"{field} is {self._said(found)}"
        return None if said == _shown(found) else f"{field} is {_shown(found)}"

    def _said(self, at: int) -> str:
        return clocks.moment(at, self.protocol.zone).isoformat()

    def _time(self, said: str) -> datetime:
        zone = self.protocol.zone
        return local_time(said, clocks.moment(self._entry.at, zone), zone, self._entry.place)


def _shown(value: Value | None) -> str:
    """A value as a story writes it."""
    if value is None:
        return "not known"
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
