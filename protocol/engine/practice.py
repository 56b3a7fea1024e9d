"""A practice case has a clock of its own, which a trainer moves forward: to what is due next, or by an amount.

What falls due on the way happens at its own instant, and is recorded then, as if people had waited for it. A real
case has no such clock: there is nothing in its state that could be moved, and the engine says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.messages import Input, MoveClock, Refusal
from protocol.state import CaseState, Code, Instant, Practice, Status

FARTHEST = 31 * 24 * clocks.HOUR
"""How far one move goes at most."""

BEHIND_AT_MOST = FARTHEST
"""How long ago a practice case may begin."""

STOPS = 300
"""Instants at which something may fall due in one move: past them the clock rests, and a further move goes on. It
keeps a move within what one task of a workflow may take."""


def check(state: CaseState, command: Input, body: MoveClock) -> Refusal | None:
    """Why the clock cannot be moved like this, or None."""
    if state.practice is None:
        return Refusal(code=Code.NOT_PRACTICE)
    if state.status is Status.ENDED:
        return Refusal(code=Code.CASE_ENDED)
    if state.status is Status.NEW or command.actor is None:
        return Refusal(code=Code.NOT_STARTED)
    if body.by is not None and not 0 < body.by <= FARTHEST:
        return Refusal(code=Code.CLOCK_ONLY_FORWARD)
    return None


def pass_time(
    protocol: Protocol,
    state: CaseState,
    to: Instant | None,
    due: Callable[[Protocol, CaseState], Instant | None],
    tick: Callable[[Protocol, CaseState, Instant], CaseState],
) -> tuple[CaseState, Instant] | None:
    """Let what is due up to ``to`` happen, each at its instant; the case then, and where its clock rests.

    Args:
        protocol: the text that the case is pinned to.
        state: the case, nothing of which is due before its present instant.
        to: how far; None: to what is due next.
        due: the engine's own: when a case does something next by itself.
        tick: the engine's own: what an instant does to a case.

    Returns:
        None where ``to`` is None and nothing is due.
    """
    at = state.now
    for _ in range(STOPS):
        following = due(protocol, state)
        if following is None or (to is not None and following > to):
            break
        at = max(following, at)
        state = tick(protocol, state, at)
        if to is None:
            return state, at
    else:
        return state, at
    return None if to is None else (state, to)


def moved(state: CaseState, by: Instant) -> CaseState:
    """The case with its clock so much farther on."""
    assert state.practice is not None  # noqa: S101 - checked before
    return replace(state, practice=Practice(ahead=state.practice.ahead + by))
