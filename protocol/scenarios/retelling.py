"""A finished case told again as a scenario: what was done, at other times, by roles, with nothing that names anybody.

The case is moved by whole weeks and each act by some minutes; what comes of it on the engine must be what came of it
then, act for act, or it is not told. What a story says is text; a case's protected values were never in its facts
(council.md section 6).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol as Port

from protocol.engine import clocks
from protocol.errors import HandoffError, Place, SpecError
from protocol.facts import (
    CaseEnded,
    CaseMigrated,
    Claimed,
    ClockPaused,
    ClockResumed,
    Ending,
    EventRecorded,
    Fact,
    FieldSet,
    LinkNoticed,
    OwnersChanged,
    PageStopped,
    SlotFilled,
    StepDelivered,
    StepEnded,
    TakenUp,
    Told,
    TryLogged,
    VoteCast,
)
from protocol.kernel import Field, FieldType, Protocol
from protocol.names import Slug
from protocol.scenarios.scenario import play, read_scenarios
from protocol.scenarios.stories import Entry, Scenario
from protocol.state import Instant, Value

NOWHERE = Place(line=0, column=0)
WEEK = 7 * 24 * clocks.HOUR
SHIFTS = (*range(4, 27), *range(-26, -3))
"""Weeks by which a case is moved: never so few that its days could be known again."""
TRIES = 40
JITTERS = (7, 7, 5, 3, 1, 0)
"""Minutes by which an act is moved at most: less where nothing else comes about again."""
LINKED = "linked cases"
Shape = tuple[str, ...]
Path = tuple[tuple[Slug, Slug | None], ...]
"""Steps as they ended, with their outcomes."""
DONE = (EventRecorded, StepEnded, TryLogged, VoteCast, LinkNoticed)
LIGHT = (TakenUp, Claimed)
"""What an act leaves that says who did it; a group has one of the first kind, or only the second."""


class Chance(Port):
    """Where the other times are drawn from; whoever asks brings it, as ``random.Random`` does."""

    def choice(self, seq: Sequence[int], /) -> int:
        """One of some numbers."""
        ...

    def randint(self, a: int, b: int, /) -> int:
        """A number from ``a`` to ``b``, both among them."""
        ...


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody did: when, in the words of scenarios, with which record values."""

    at: Instant
    when: str
    given: dict[Slug, Value]


def path(facts: Sequence[Fact]) -> Path:
    """Which steps ended how, in their order: what a case has in common with others."""
    return tuple((each.body.step, each.body.outcome) for each in facts if isinstance(each.body, StepEnded))


def retold(protocol: Protocol, facts: Sequence[Fact], title: str, chance: Chance) -> str:
    """A scenario as text, which holds on the protocol.

    Raises:
        HandoffError: ``CASE_OPEN`` for a case that goes on; ``NOT_RETOLD`` for one that scenarios have no words for, or
            that does not come about again at any other time.
    """
    if not any(isinstance(each.body, CaseEnded) for each in facts):
        raise HandoffError("CASE_OPEN", "only a case that has ended is told again")
    acts, wanted = tuple(_acts(protocol, facts)), _shape(facts)
    for number in range(TRIES):
        jitter = JITTERS[number * len(JITTERS) // TRIES]
        moved = _moved(protocol, acts, chance.choice(SHIFTS), jitter, chance)
        try:
            problems, played = play(protocol, _story(protocol, title, moved))
        except SpecError:
            continue
        if problems or _shape(played) != wanted:
            continue
        text = _written(protocol, title, moved, played)
        problems, again = play(protocol, read_scenarios(text, protocol.zone)[0])
        if not problems and _shape(again) == wanted:
            return text
    raise HandoffError("NOT_RETOLD", "this case came about by its very times, or by what scenarios have no words for")


def _acts(protocol: Protocol, facts: Sequence[Fact]) -> Iterator[Act]:
    """What was done, each with the record values that came with it."""
    owners: dict[int, tuple[Slug, ...]] = {}
    for group in _groups(facts):
        for each in group:
            if isinstance(each.body, StepDelivered | OwnersChanged):
                owners[each.body.instance] = each.body.owners
        said = next((said for each in _by_weight(group) if (said := _said(protocol, each, owners))), None)
        if said is None:
            continue
        given: dict[Slug, Value] = {b.field: b.value for b in (e.body for e in group) if isinstance(b, FieldSet)}
        given |= {b.slot: "protected" for b in (e.body for e in group) if isinstance(b, SlotFilled)}
        yield Act(at=group[0].recorded, when=said, given=given)


def _groups(facts: Sequence[Fact]) -> Iterator[list[Fact]]:
    """Facts that one input left: what is recorded at one instant, up to the next that somebody did in it."""
    group: list[Fact] = []
    done: Fact | None = None
    for each in facts:
        later = bool(group) and each.recorded != group[-1].recorded
        if later or (done is not None and isinstance(each.body, (*DONE, *LIGHT)) and _by_somebody(each)):
            yield group
            group, done = [], None
        group.append(each)
        if isinstance(each.body, DONE) and _by_somebody(each):
            done = each
    if group:
        yield group


def _by_somebody(fact: Fact) -> bool:
    body = fact.body
    if isinstance(body, TakenUp):
        return body.person is not None
    return not isinstance(body, StepEnded) or body.how is Ending.ANSWERED


def _by_weight(group: list[Fact]) -> list[Fact]:
    """What was done before what followed from it: who answers takes the task up by that."""
    return sorted(group, key=lambda each: isinstance(each.body, LIGHT))


def _said(protocol: Protocol, fact: Fact, owners: dict[int, tuple[Slug, ...]]) -> str | None:
    """A fact as the act that left it; None for what came of itself.

    Raises:
        HandoffError: ``NOT_RETOLD`` for an act that scenarios have no words for.
    """
    body = fact.body
    match body:
        case EventRecorded():
            sources = protocol.event[body.event].sources
            plain = body.agency in sources[:1] or not sources
            return body.event if plain else f"{body.event} from {body.agency if body.agency in sources else LINKED}"
        case StepEnded(how=Ending.ANSWERED):
            return f"{body.role or owners[body.instance][0]} ends {body.step} as {body.outcome}"
        case TryLogged():
            return f"{owners[body.instance][0]} tries {body.step}"
        case VoteCast():
            how = f" as {body.outcome}" if body.outcome else ""
            return f"{body.role} votes {body.step}{how}"
        case TakenUp(person=str()):
            return f"{body.by or owners[body.instance][0]} takes {body.step}"
        case Claimed():
            return f"{body.role} takes {body.step}"
        case LinkNoticed():
            return f"{body.link} {'ends' if body.ended else 'opens'}"
        case OwnersChanged(person=str()) | ClockPaused(person=str()) | ClockResumed(person=str()):
            raise HandoffError("NOT_RETOLD", "a task was handed over or paused in it: write that story by hand")
        case PageStopped() | CaseMigrated():
            raise HandoffError("NOT_RETOLD", "scenarios have no words for a page that was read or a text that changed")
    return None


def _moved(protocol: Protocol, acts: Sequence[Act], weeks: int, jitter: int, chance: Chance) -> list[Act]:
    """The same acts at other times, to the minute, in their order."""
    found: list[Act] = []
    for each in acts:
        wanted = _later(protocol, each.at, weeks) + chance.randint(-jitter, jitter) * clocks.MINUTE
        at = max(wanted, found[-1].at if found else 0)
        given = {name: _shifted(protocol, protocol.field.get(name), value, weeks) for name, value in each.given.items()}
        found.append(Act(at=at, when=each.when, given=given))
    return found


def _later(protocol: Protocol, at: Instant, weeks: int) -> Instant:
    """The same minute of the same weekday as people there read it: days end at midnight in summer and in winter."""
    there = clocks.moment(at, protocol.zone)
    day = there.toordinal() + 7 * weeks
    return clocks.local_instant(protocol.zone, day, there.hour * 60 + there.minute, last=bool(there.fold))


def _shifted(protocol: Protocol, known: Field | None, value: Value, weeks: int) -> Value:
    """A value with its times moved as the case is."""
    if isinstance(value, tuple) and known is not None:
        columns = {each.id: each for each in known.columns}
        return tuple(
            {name: _at(protocol, columns.get(name), part, weeks) for name, part in item.items()} for item in value
        )
    return value if isinstance(value, tuple) else _at(protocol, known, value, weeks)


def _at(protocol: Protocol, known: Field | None, value: bool | int | str, weeks: int) -> bool | int | str:  # noqa: FBT001 - a value
    if known is None or known.type is not FieldType.INSTANT or not isinstance(value, int):
        return "some-reference" if known is not None and known.type is FieldType.REFERENCE else value
    return _later(protocol, value, weeks)


def _shape(facts: Sequence[Fact]) -> tuple[tuple[Shape, ...], frozenset[Shape]]:
    """What came of a case without its times and people: how its steps ended, in order, and all else that came of it.

    In which order, and how often, somebody was told again while nobody acted hangs on the minute, and is no verdict.
    """
    ended: list[Shape] = []
    found: list[Shape] = []
    for each in facts:
        body = each.body
        match body:
            case StepEnded():
                ended.append((body.step, body.outcome or "", body.how, str(body.on_time)))
            case Told():
                found.append(("told", body.step, body.rung or "", *body.roles))
            case StepDelivered():
                found.append(("delivered", body.step, *body.owners))
            case TakenUp() | Claimed() | FieldSet() | SlotFilled():
                pass
            case _:
                named = (getattr(body, name, "") for name in ("step", "event", "lane", "link", "rung"))
                found.append((body.kind, *(str(name or "") for name in named)))
    return tuple(ended), frozenset(found)


def _story(protocol: Protocol, title: str, acts: Sequence[Act]) -> Scenario:
    entries = tuple(
        Entry(at=each.at, when=each.when, given=_plain(protocol, each.given), expect=(), place=NOWHERE) for each in acts
    )
    return Scenario(title=title, of=protocol.id, on_duty={}, story=entries)


def _plain(protocol: Protocol, given: dict[Slug, Value]) -> dict[str, object]:
    """Values as scenarios write them."""
    return {name: _word(protocol, protocol.field.get(name), value) for name, value in given.items()}


def _word(protocol: Protocol, known: Field | None, value: Value) -> object:
    if isinstance(value, tuple):
        columns = {} if known is None else {each.id: each for each in known.columns}
        return [{name: _word(protocol, columns.get(name), part) for name, part in item.items()} for item in value]
    if isinstance(value, bool):
        return "yes" if value else "no"
    if known is not None and known.type is FieldType.INSTANT and isinstance(value, int):
        return _local(protocol, value)
    return str(value)


def _local(protocol: Protocol, at: Instant) -> str:
    return clocks.moment(at, protocol.zone).strftime("%Y-%m-%d %H:%M")


def _written(protocol: Protocol, title: str, acts: Sequence[Act], played: Sequence[Fact]) -> str:
    """The scenario's text: what was done, and what must come of it, at the minute it does."""
    lines = [f"scenario: {title}", f"of: {protocol.id}", "story:"]
    left = list(played)
    for number, each in enumerate(acts):
        until = acts[number + 1].at if number + 1 < len(acts) else None
        own = [fact for fact in left if fact.recorded <= each.at]
        left = left[len(own) :]
        ends = {b.step: b for b in (f.body for f in own) if isinstance(b, StepEnded) and b.how is Ending.ANSWERED}
        expect = [
            f"{b.step} ended as {b.outcome} {'on time' if b.on_time else 'late'}"
            for b in ends.values()
            if f" ends {b.step} " in f" {each.when} "
        ]
        lines.append(_line(_local(protocol, each.at), each.when, _plain(protocol, each.given), expect))
        while left and (until is None or left[0].recorded < until):
            now = left[0].recorded
            same = [fact for fact in left if fact.recorded == now]
            left = left[len(same) :]
            told = [
                f"{role} was told of {b.step}"
                for b in (f.body for f in same)
                if isinstance(b, Told)
                for role in b.roles
            ]
            if told:
                lines.append(_line(_local(protocol, now), None, {}, list(dict.fromkeys(told))))
    last = max(fact.recorded for fact in played)
    lines.append(_line(_local(protocol, last), None, {}, ["case ended"]))
    return "\n".join(lines) + "\n"


def _line(at: str, when: str | None, given: dict[str, object], expect: list[str]) -> str:
    parts = [f"at: {at}"]
    if when is not None:
        parts.append(f"when: {when}")
    if given:
        parts.append(f"with: {_flow(given)}")
    if expect:
        parts.append(f"expect: [{', '.join(expect)}]")
    return f" - {{{', '.join(parts)}}}"


def _flow(value: object) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(each) for each in value) + "]"
    return str(value)
