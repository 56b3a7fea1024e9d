"""What stands between a revision and its coming into force, and who clears each: the council's rules as a list."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from protocol.council.acts import Act
from protocol.council.rules import Rules
from protocol.council.standing import ANEW, Standing, State, choices
from protocol.names import Slug


class Need(StrEnum):
    """What is needed. ``CARRIED``: what the votes lack is in ``lacks``, as the tally has it."""

    SUBMITTED = "submitted"
    COMMENTED = "commented"
    VOTES = "votes"
    CONSENTS = "consents"
    CARRIED = "carried"
    SIGNATURES = "signatures"
    RATIFIED = "ratified"
    HOUR = "hour"


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One need: whether it is met, on whom it waits (agencies and seats), and what is lacking, as a code."""

    need: Need
    met: bool
    waits_on: tuple[Slug, ...] = ()
    lacks: str = ""


SIGNED = (State.SIGNING,)
VOTED = (State.BALLOT, State.ADOPTED)


def blockers(rules: Rules, sponsor: Slug, found: Standing, acts: Sequence[Act]) -> tuple[Blocker, ...]:
    """Each need of a revision that is not in force yet, met or not, in the order in which they come."""
    return tuple(_all(rules, sponsor, found, acts))


def _all(rules: Rules, sponsor: Slug, found: Standing, acts: Sequence[Act]) -> Iterator[Blocker]:
    open_again = found.state in ANEW - {State.COMMENT, State.BALLOT, State.SIGNING}
    if not open_again and found.state not in {State.COMMENT, State.RATIFYING, *SIGNED, *VOTED}:
        return
    yield Blocker(need=Need.SUBMITTED, met=not open_again, waits_on=(sponsor,) if open_again else ())
    if open_again:
        return
    if found.state is State.RATIFYING:
        yield Blocker(need=Need.RATIFIED, met=False, waits_on=found.waits_on, lacks=_lacks(found))
        return
    if found.emergency:
        yield Blocker(need=Need.SIGNATURES, met=found.state not in SIGNED, waits_on=found.waits_on)
    else:
        yield Blocker(need=Need.COMMENTED, met=found.state is not State.COMMENT)
        yield from _voting(rules, found, acts)
    yield Blocker(need=Need.HOUR, met=False)


def _voting(rules: Rules, found: Standing, acts: Sequence[Act]) -> Iterator[Blocker]:
    voted = choices(acts, found.bundle or "")
    recused = set() if found.tally is None else set(found.tally.recused)
    consented = set() if found.tally is None else set(found.tally.consented)
    adopted = found.state is State.ADOPTED
    silent = () if adopted else tuple(sorted(set(rules.electors) - recused - set(voted)))
    missing = tuple(sorted(set(found.obliged) - consented))
    yield Blocker(need=Need.VOTES, met=not silent, waits_on=silent)
    if found.obliged:
        yield Blocker(need=Need.CONSENTS, met=not missing, waits_on=missing)
    yield Blocker(need=Need.CARRIED, met=adopted, lacks=_lacks(found))


def _lacks(found: Standing) -> str:
    """What the votes lack so far; missing consents are a need of their own."""
    lacks = "" if found.tally is None else found.tally.because
    return "" if lacks == "consent" else lacks
