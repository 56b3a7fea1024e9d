"""When a run that moves cases stops by itself, and when its first share has gone on far enough for the rest. Pure.

Nothing here decides about a case. What is counted is what everybody may know (``store.migrating.watched``), so that no
stop tells of what happened inside a confidential agency.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from protocol.migrating.crossing import migrate
from protocol.migrating.plan import FirstShare, Stop
from protocol.migrating.route import Route
from protocol.state import Crossed, Instant, Status

SECOND = 1_000_000
FEWEST = 5
"""A class of fewer cases is waited for with the others: its going on alone would be somebody's."""

BROKEN = "LAW_BROKEN"
"""The code of a case that moved and is not as its move must leave it."""


class Because(StrEnum):
    """Why a run stopped by itself; stable, for programs and pages rely on these words."""

    STAYED = "too-many-stay"
    LAW = "law-broken"
    REFUSED = "answers-refused"
    ESCALATIONS = "escalations"
    NOT_GONE_ON = "not-gone-on"


SENTENCES = {
    Because.STAYED: "It stopped by itself: too many of the cases that were asked stayed on their older text.",
    Because.LAW: "It stopped by itself: a case is not as its move must leave it. Look at it before the rest follows.",
    Because.REFUSED: "It stopped by itself: too many of people's answers were refused since it began.",
    Because.ESCALATIONS: "It stopped by itself: within an hour there were many more escalations than usual.",
    Because.NOT_GONE_ON: "It stopped by itself: too few of the first cases went on in the time that the plan gives.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is known of a run since it began, or since somebody last let it go on.

    ``broken``: cases not left as a move must leave them. ``answers``, of which ``refused``: what people gave.
    ``escalations`` of the last hour; ``usual``: how many an hour there were before the run.
    """

    stayed: int = 0
    moved: int = 0
    broken: int = 0
    answers: int = 0
    refused: int = 0
    escalations: int = 0
    usual: float = 0.0


def halts(stop: Stop, seen: Seen) -> Because | None:
    """Why a run must stop now, the gravest reason first; None while it may go on."""
    if seen.broken >= stop.law:
        return Because.LAW
    if seen.stayed >= stop.least and seen.stayed > stop.share * (seen.stayed + seen.moved):
        return Because.STAYED
    if seen.answers >= stop.least_answers and seen.refused > stop.refused_answers * seen.answers:
        return Because.REFUSED
    if seen.escalations >= stop.least_escalations and seen.escalations > stop.escalations * seen.usual:
        return Because.ESCALATIONS
    return None


def broken(route: Route, crossed: Crossed) -> bool:
    """Whether a case that moved is not as its move must leave it.

    A duty was lost that no line of the plan closes and none of its step replaces (M2), or became missed by the move
    (M1), or the case is not what the move makes of it when it is foreseen (council.md section 3).
    """
    after = {each.n: each for each in crossed.after.instances}
    open_ = {route.onto.known_as[each.step] for each in crossed.after.instances}
    for each in crossed.before.instances:
        made, name = after.get(each.n), route.step_now(each.step)
        lost = made is None and name not in open_ and route.line(name).close is None
        if lost and crossed.after.status is Status.OPEN:
            return True
        if made is not None and made.missed and not each.missed:
            return True
    foreseen = migrate(route, crossed.before, crossed.run, crossed.before.now).result.state.crossed
    return foreseen is None or foreseen.after != crossed.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak:
    """How the first share has gone on. By class: how many of its cases moved, and how many of those went on since."""

    since: Instant
    now: Instant
    moved: Mapping[str, int] = field(default_factory=dict)
    went_on: Mapping[str, int] = field(default_factory=dict)


def soaked(first: FirstShare, soak: Soak) -> bool | None:
    """Whether the rest may follow the first share; None: not yet. False: not in the time that the plan gives."""
    if soak.now < soak.since + first.then_wait * SECOND:
        return None
    if all(have >= min(first.gone_on, all_) for all_, have in _classes(soak)):
        return True
    over = soak.now >= soak.since + max(first.at_most, first.then_wait) * SECOND
    return False if over else None


def _classes(soak: Soak) -> list[tuple[int, int]]:
    """Each class's cases and how many of them went on; the small classes as one with the largest."""
    found = sorted(((number, soak.went_on.get(kind, 0)) for kind, number in soak.moved.items()), reverse=True)
    large = [each for each in found if each[0] >= FEWEST] or found[:1]
    small = found[len(large) :]
    if not small:
        return large
    first, *rest = large
    return [(first[0] + sum(n for n, _ in small), first[1] + sum(n for _, n in small)), *rest]
