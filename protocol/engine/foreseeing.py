"""What stopping a clock would do, before it is done: the same step on the case as it is, and nothing else happens.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.engine import clocks
from protocol.engine.machine import earliest, step
from protocol.engine.points import calendar_of
from protocol.facts import ClockResumed
from protocol.kernel import Protocol
from protocol.messages import TICK, Input, PauseClock, Refusal
from protocol.state import CaseState, Instance, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """Whether a pause would be taken, its longest end, and when the duty is due if its clock goes on at its end."""

    refusal: Refusal | None
    longest: Instant | None
    due: Instant | None = None


def pause(protocol: Protocol, state: CaseState, command: Input, now: Instant) -> Foreseen:
    """What this pause would do to the case as it now is.

    Args:
        protocol: what the case runs on.
        state: the case.
        command: with a ``PauseClock``.
        now: the present instant.
    """
    body = command.body
    if not isinstance(body, PauseClock):
        raise TypeError("only a pause can be foreseen")
    instance = next((each for each in state.instances if each.n == body.instance), None)
    longest = None if instance is None else longest_pause(protocol, instance, now)
    found = step(protocol, state, command, now)
    if found.refusal is not None:
        return Foreseen(refusal=found.refusal, longest=longest)
    state, due = found.state, None
    while (at := earliest(protocol, state)) is not None and at <= body.until:
        found = step(protocol, state, TICK, at)
        state = found.state
        ended = [each.body for each in found.facts if isinstance(each.body, ClockResumed)]
        due = next((each.due for each in ended if each.instance == body.instance), due)
    return Foreseen(refusal=None, longest=longest, due=due)


def longest_pause(protocol: Protocol, instance: Instance, now: Instant) -> Instant:
    """Until when at the latest this duty's clock may be stopped now, on its agency's calendar."""
    calendar = calendar_of(protocol, instance.agency, instance.agency)
    return clocks.shift(calendar, now, protocol.step[instance.step].pausing.most)
