"""What a protocol's stories tell of it: every event, opening, outcome, rung, count and link, or not.

Judged on facts alone. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from protocol.facts import (
    Counted,
    Ending,
    EventRecorded,
    Fact,
    LinkStarted,
    OwnersChanged,
    StepCancelled,
    StepDelivered,
    StepEnded,
    StepNotOpened,
    StepScheduled,
    Told,
    WindowMissed,
)
from protocol.kernel import ActKind, Protocol, Rung, Step

KINDS = ("event", "step", "outcome", "rung", "count", "link")


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Of one kind of thing: how many there are, and which of them no story tells of."""

    kind: str
    all: int
    missing: tuple[str, ...]


def coverage(protocol: Protocol, facts: Iterable[Fact]) -> tuple[Coverage, ...]:
    """What the facts of all stories together cover, kind by kind in text order."""
    seen = {each for fact in facts for each in _told_of(protocol, fact)}
    found = []
    for kind in KINDS:
        wanted = [each for each in _things(protocol) if each.partition(":")[0] == kind]
        missing = tuple(each.partition(":")[2] for each in wanted if each not in seen)
        found.append(Coverage(kind=kind, all=len(wanted), missing=missing))
    return tuple(found)


def _things(protocol: Protocol) -> list[str]:
    """Everything a story may tell of."""
    found = [f"event:{each.id}" for each in protocol.events]
    for step in protocol.steps:
        found.append(f"step:{step.id}")
        found += [f"outcome:{step.id}/{each.id}" for each in step.outcomes]
        found += [f"rung:{step.id}/{each.id}" for each in step.rungs]
    for name, counting in protocol.counters:
        found += [f"count:{name}/{each}" for each in counting.thresholds]
    return [*found, *(f"link:{each.id}" for each in protocol.links)]


def _told_of(protocol: Protocol, fact: Fact) -> set[str]:  # noqa: PLR0911 - one line for each kind of fact
    """The things one fact tells of."""
    body = fact.body
    match body:
        case EventRecorded():
            return {f"event:{body.event}"}
        case Counted():
            return {f"count:{body.field}/{body.value}"}
        case WindowMissed():
            return {f"rung:{body.step}/late"}
        case Told() | OwnersChanged():
            return set() if body.rung is None else {f"rung:{body.step}/{body.rung}"}
        case StepEnded():
            step = protocol.step[body.step]
            ended = {f"outcome:{step.id}/{body.outcome}"} if body.outcome is not None else set()
            by_rung = (
                each for each in step.rungs if body.how is Ending.RUNG and _does(each, ActKind.END_AS, body.outcome)
            )
            return ended | {f"rung:{step.id}/{each.id}" for each in by_rung}
        case StepCancelled():
            return {
                f"rung:{step.id}/{rung.id}"
                for step in protocol.steps
                for rung in step.rungs
                if _does(rung, ActKind.CANCEL, body.step)
            }
        case StepDelivered() | StepScheduled() | StepNotOpened():
            opened = {f"step:{body.step}"} if isinstance(body, StepDelivered) else set()
            return opened | _published(protocol.steps, body.cause)
        case LinkStarted():
            return {f"link:{body.link}", *_published(protocol.steps, body.cause)}
    return set()


def _does(rung: Rung, kind: ActKind, target: str | None) -> bool:
    return any(act.act is kind and target in act.targets for act in rung.acts)


def _published(steps: Iterable[Step], cause: str | None) -> set[str]:
    """The rung that made an occurrence, if one did."""
    if cause is None:
        return set()
    return {f"rung:{step.id}/{rung.id}" for step in steps for rung in step.rungs if rung.publishes == cause}
