"""What modelled people do in one case, as a script: every act with its instant, for a practice case to be played by.

The rehearsal's own people on the real core (``playing``); the case that is made of it runs on Temporal.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.kernel import Protocol
from protocol.messages import TICK, Input, LinkNotice
from protocol.names import Slug
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.playing import DAY, Arrival, Case, Playing
from protocol.state import Code, Instant

MINUTE = 60 * 1_000_000
WEEK = (
    *(0, 390, 1350, 1410, 1796, 2120, 2420, 2809, 2886, 3330, 3898, 4206, 4410, 4748, 5435, 5670, 5841, 6290, 6752),
    *(7121, 7580, 7770, 8340, 8570, 8670, 9230, 9531, 9683, 9843),
)
"""When arrests were made in one week, in minutes after midnight of its Monday there: a quarter of those of 16 to 22 May
2022 that the City of Chicago published as domestic ("Crimes - 2001 to Present", its open data). Times, nothing else."""

NIGHT = (17, 80, 110, 177, 225, 329)
"""The busiest night of that week once more, in minutes before now, so that something is always in mid-flight."""


@dataclass(frozen=True, slots=True)
class Line:
    """One act: when, what, and by which role of which agency (None: a records system)."""

    at: Instant
    command: Input
    role: Slug | None


def script(protocol: Protocol, habits: Habits, arrival: Arrival, seed: int, until: Instant) -> tuple[Line, ...]:
    """What is done in a case from its first event to an instant, in order; the first line opens it."""
    writing = _Writing(protocol, habits, seed, days=max(1, -(-(until - arrival.at) // DAY)), first=arrival.at)
    writing.play([arrival])
    return tuple(each for each in writing.lines if each.at <= until)


class _Writing(Playing):
    """A rehearsal of one case that keeps what the case took."""

    def __init__(self, protocol: Protocol, habits: Habits, seed: int, *, days: int, first: Instant) -> None:
        super().__init__(protocol, habits, seed, days=days, first=first)
        self.lines: list[Line] = []

    def _step(self, case: Case, command: Input, at: Instant) -> Code | None:
        refused = super()._step(case, command, at)
        # The first case is the one that is written; what it begins has a life of its own, and says so itself.
        if refused is None and case.number == 0 and command is not TICK and not isinstance(command.body, LinkNotice):
            role = None if command.actor is None else command.actor.role
            self.lines.append(Line(at, command, role))
        return refused
