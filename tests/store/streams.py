"""Real cases for the store's tests: the engine driven by seeded chance, and the facts it recorded."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from protocol.engine.machine import earliest, step
from protocol.facts import Fact
from protocol.kernel import Protocol
from protocol.messages import (
    TICK,
    Actor,
    Answer,
    Body,
    EventHappened,
    Input,
    LogTry,
    PageRead,
    PauseClock,
    Reassign,
    ResumeClock,
    TakeUp,
)
from protocol.names import OpaqueId, Slug
from protocol.state import CaseState, Code, Instance, Instant, PauseReason, Phase, Status, Value
from store import protocols
from store.projector import Batch, project
from store.session import Database
from tests.protocol.texts import compiled

MINUTE = 60 * 1_000_000
HOUR = 60 * MINUTE
START = 1_772_856_000_000_000
"""Friday 6 March 2026, 22:00 in Chicago."""

SLUG = "post-arrest-advocacy"


def advocacy() -> Protocol:
    """P1 as bundled."""
    return compiled(SLUG).protocol


@dataclass
class Play:
    """One case of a protocol, its facts so far, and the instants at which each batch of them came."""

    protocol: Protocol
    case_id: OpaqueId = "case-1"
    state: CaseState = field(default_factory=CaseState)
    facts: list[Fact] = field(default_factory=list)
    sent: int = 0

    def until(self, to: Instant) -> None:
        """Let time pass."""
        while (due := earliest(self.protocol, self.state)) is not None and due <= to:
            self._take(TICK, due)

    def do(self, actor: Actor, body: Body, now: Instant) -> Code | None:
        """Send one input; why it was refused, if it was."""
        self.sent += 1
        return self._take(Input(command=f"command-{self.sent}", actor=actor, body=body), now)

    def live(self, step_id: Slug) -> list[Instance]:
        """Delivered instances of a step that have not ended."""
        return [each for each in self.state.instances if each.step == step_id and each.phase is Phase.OPEN]

    def _take(self, command: Input, now: Instant) -> Code | None:
        found = step(self.protocol, self.state, command, now)
        self.state = found.state
        self.facts.extend(found.facts)
        return None if found.refusal is None else found.refusal.code


def actor(protocol: Protocol, role: Slug) -> Actor:
    """The one person in a role."""
    return Actor(person=f"{role}-1", role=role, agency=protocol.role[role].agency)


def opened(protocol: Protocol, case_id: OpaqueId = "case-1", now: Instant = START) -> Play:
    """A case just opened by an arrest."""
    play = Play(protocol, case_id)
    assert play.do(actor(protocol, "patrol"), EventHappened(event="arrest-booked"), now) is None
    return play


def wander(protocol: Protocol, seed: int, case_id: OpaqueId = "case-1", acts: int = 40) -> Play:
    """A case driven by chance through every kind of input; most are taken, some refused."""
    chance = Random(seed)
    play = opened(protocol, case_id)
    now = START
    for _ in range(acts):
        now += chance.choice((1, 7, 20, 55, 240, 1500)) * MINUTE
        play.until(now)
        if play.state.status is Status.ENDED:
            break
        whom, body = _some_input(play, chance, now)
        play.do(whom, body, now)
    return play


def _some_input(play: Play, chance: Random, now: Instant) -> tuple[Actor, Body]:
    protocol = play.protocol
    if not play.state.instances or chance.random() < 0.15:
        event = chance.choice([each for each in protocol.events if each.sources])
        source = chance.choice(event.sources)
        fields = {name: value_of(protocol, name, chance, now) for name in (*event.brings, *event.may_bring)}
        return Actor(person=f"{source}-1", role=None, agency=source), EventHappened(event=event.id, fields=fields)
    instance = chance.choice(play.state.instances)
    known = protocol.step[instance.step]
    lead = protocol.agency[known.agency].leads[0]
    roles = [each.id for each in protocol.roles if each.agency == known.agency]
    bodies: list[Body] = [
        TakeUp(instance=instance.n),
        LogTry(instance=instance.n),
        Reassign(instance=instance.n, role=chance.choice(roles)),
        PauseClock(instance=instance.n, until=now + HOUR, reason=PauseReason.OTHER),
        ResumeClock(instance=instance.n),
        *(PageRead(page=each.number) for each in instance.pages),
        *[answer(play, instance, chance.choice(known.outcomes).id, chance, now)] * 6,
    ]
    return actor(protocol, chance.choice((*instance.owners, lead))), chance.choice(bodies)


def answer(play: Play, instance: Instance, outcome: Slug, chance: Random, now: Instant) -> Answer:
    """An answer with everything its form asks."""
    found = next(each for each in play.protocol.step[instance.step].outcomes if each.id == outcome)
    names = [ask.name for ask in found.asks]
    return Answer(
        instance=instance.n,
        outcome=outcome,
        fields={each: value_of(play.protocol, each, chance, now) for each in names if each in play.protocol.field},
        refs={each: f"ref-{play.case_id}-{play.sent}-{each}" for each in names if each in play.protocol.slot},
    )


def value_of(protocol: Protocol, name: Slug, chance: Random, now: Instant) -> Value:
    """Some value a record field may have."""
    known = protocol.field[name]
    if known.choices:
        return chance.choice(known.choices)
    if known.type.value == "instant":
        return now + chance.choice((5, 30, 70)) * HOUR
    if known.type.value == "yes-no":
        return chance.random() < 0.5
    return known.low


def publish(database: Database, protocol: Protocol | None = None) -> str:
    """Publish a protocol (P1) as the council would; its hash."""
    with database.write() as connection:
        return protocols.publish(
            connection, protocol or advocacy(), compiled(SLUG).source, published_at=START, published_by="council-1"
        ).hash


def store(database: Database, play: Play, hash_: str, facts: list[Fact] | None = None) -> int:
    """Project a play's facts (or some) in one batch."""
    with database.write() as connection:
        batch = Batch(play.case_id, play.protocol, hash_, play.facts if facts is None else facts)
        return project(connection, [batch])[0]
