"""People by chance: they report events, answer, try, vote, pause and hand over, mostly as they may, at odd times."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from protocol.engine import clocks
from protocol.engine.machine import Result, earliest, step
from protocol.facts import Fact
from protocol.kernel import Field, FieldType, Protocol
from protocol.messages import (
    TICK,
    Actor,
    Answer,
    Body,
    CastVote,
    EventHappened,
    Input,
    LinkNotice,
    LogTry,
    PageRead,
    PauseClock,
    Reassign,
    ResumeClock,
    TakeUp,
)
from protocol.names import Slug
from protocol.state import CaseState, Instance, Instant, PauseReason, Phase, Status, Value

START = clocks.instant(datetime(2026, 3, 6, 21, 0, tzinfo=UTC))
"""A Friday afternoon, two days before the clocks change."""

STEPS = (0, 1, 5, 17, 60, 240, 1_440)


@dataclass
class Run:
    """A case, everything sent to it, and everything that came of it."""

    protocol: Protocol
    state: CaseState = field(default_factory=CaseState)
    now: Instant = START
    sent: list[tuple[Input, Instant]] = field(default_factory=list)
    results: list[Result] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def send(self, body: Body | None, actor: Actor | None, at: Instant | None = None) -> Result:
        """One input now (None: time has passed), with a command id of its own."""
        number = len(self.sent) + 1
        command = TICK if body is None else Input(command=f"c{number}", actor=actor, body=body, at=at)
        result = step(self.protocol, self.state, command, self.now)
        self.sent.append((command, self.now))
        self.results.append(result)
        self.facts.extend(result.facts)
        self.state = result.state
        return result

    def until(self, to: Instant) -> None:
        """Let time pass, waking the case whenever it asked to be."""
        while (due := earliest(self.protocol, self.state)) is not None and due <= to:
            self.now = max(due, self.now)
            self.send(None, None)
        self.now = to


def actor(protocol: Protocol, role: Slug) -> Actor:
    """The one person in a role."""
    return Actor(person=f"person-{role}", role=role, agency=protocol.role[role].agency)


def value(protocol: Protocol, known: Field, chance: Random, now: Instant) -> Value:
    """A value a field may have."""
    match known.type:
        case FieldType.YES_NO:
            return chance.random() < 0.5
        case FieldType.NUMBER:
            return chance.randint(known.low, known.high)
        case FieldType.INSTANT:
            return now + chance.randint(-2, 9) * 7 * clocks.HOUR
        case FieldType.LIST:
            return tuple(
                {str(each.id): scalar(protocol, each, chance, now) for each in known.columns}
                for _ in range(chance.randint(0, 3))
            )
        case FieldType.REFERENCE:
            return "some-reference"
    return known.choices[chance.randrange(len(known.choices))]


def scalar(protocol: Protocol, known: Field, chance: Random, now: Instant) -> bool | int | Slug:
    """A value a column may have."""
    found = value(protocol, known, chance, now)
    assert not isinstance(found, tuple)
    return found


def values(
    protocol: Protocol, names: list[tuple[Slug, bool]], chance: Random, now: Instant
) -> tuple[dict[Slug, Value], dict[Slug, str]]:
    """What a form or event brings: everything required, and about half of the rest."""
    fields: dict[Slug, Value] = {}
    refs: dict[Slug, str] = {}
    for name, required in names:
        if not required and chance.random() < 0.5:
            continue
        if name in protocol.slot:
            refs[name] = f"ref-{name}"
        else:
            fields[name] = value(protocol, protocol.field[name], chance, now)
    return fields, refs


def happen(run: Run, name: Slug, chance: Random) -> Result:
    """An event is reported by one of its sources (or by a linked case)."""
    event = run.protocol.event[name]
    names = [*((each, True) for each in event.brings), *((each, False) for each in event.may_bring)]
    fields, refs = values(run.protocol, names, chance, run.now)
    source = event.sources[chance.randrange(len(event.sources))] if event.sources else run.protocol.agencies[0].id
    who = Actor(person=f"{source}-records", role=None, agency=source, linked=not event.sources)
    return run.send(EventHappened(event=name, fields=fields, refs=refs), who)


def act(run: Run, chance: Random) -> None:
    """Somebody does something: mostly what they may do, now and then what they may not."""
    protocol, live = run.protocol, list(run.state.instances)
    if not live or chance.random() < 0.2:
        names = sorted(each for each in protocol.event)
        happen(run, names[chance.randrange(len(names))], chance)
        return
    each = live[chance.randrange(len(live))]
    role = each.owners[0] if chance.random() < 0.85 else sorted(protocol.role)[chance.randrange(len(protocol.role))]
    body, who = some_act(run, each, chance)
    run.send(body, actor(protocol, who or role))


def some_act(  # noqa: PLR0911 - one line for each thing a person may do
    run: Run, each: Instance, chance: Random
) -> tuple[Body, Slug | None]:
    """An act on a task, and the role it takes if it is not its owner's."""
    protocol, known = run.protocol, run.protocol.step[each.step]
    lead = protocol.agency[each.agency].leads[0]
    outcome = known.outcomes[chance.randrange(len(known.outcomes))]
    names = [(ask.name, ask.required) for ask in outcome.asks]
    fields, refs = values(protocol, names, chance, run.now)
    if known.votes is not None and chance.random() < 0.7:
        voter = known.votes.roles[chance.randrange(len(known.votes.roles))]
        if known.votes.owner_decides:
            return CastVote(instance=each.n), voter
        return CastVote(instance=each.n, outcome=outcome.id, fields=fields, refs=refs), voter
    roll = chance.random()
    if each.receipt or roll < 0.15:
        return TakeUp(instance=each.n), None
    if known.tries is not None and roll < 0.45:
        return LogTry(instance=each.n), None
    if roll < 0.8:
        return Answer(instance=each.n, outcome=outcome.id, fields=fields, refs=refs), None
    if roll < 0.86:
        until = run.now + chance.randint(1, 70) * clocks.HOUR
        return PauseClock(instance=each.n, until=until, reason=PauseReason.OTHER), lead
    if roll < 0.9:
        return ResumeClock(instance=each.n), lead
    if each.pages:
        return PageRead(page=each.pages[0].number), None
    roles = protocol.agency[each.agency].roles
    return Reassign(instance=each.n, role=roles[chance.randrange(len(roles))]), None


def notice(run: Run, chance: Random) -> None:
    """A linked case says that it has opened, or ended."""
    for name, linked in run.state.links.items():
        if chance.random() < 0.5:
            run.send(LinkNotice(link=name, seq=linked.seq, ended=chance.random() < 0.3), None)


def drive(protocol: Protocol, chance: Random, length: int, *, wakes: bool = True) -> Run:
    """A case from its first event on; without ``wakes`` the engine slept through an outage before each input."""
    run = Run(protocol)
    starts = [each.id for each in protocol.events if each.starts]
    happen(run, starts[chance.randrange(len(starts))], chance)
    for _ in range(length):
        to = run.now + STEPS[chance.randrange(len(STEPS))] * clocks.MINUTE
        if wakes and chance.random() < 0.9:
            run.until(to)
        else:
            run.now = to
        if run.state.status is Status.ENDED and chance.random() < 0.8:
            break
        notice(run, chance)
        if chance.random() < 0.8:
            act(run, chance)
    return run


def opened(state: CaseState) -> list[Instance]:
    """What is delivered and not ended."""
    return [each for each in state.instances if each.phase is Phase.OPEN]
