"""Habits learned from what a site did: how soon each role takes work up and answers, by hour, where there is enough.

A role is learned where three or more people have it and fifty of its handoffs were answered; an hour or a weekend where
fifty fell into it; else the wider figure holds, else what was declared (council.md section 5). So a habit is nobody's
own. Of a confidential agency only how soon it takes up what comes from outside is learned: all that others know
(privacy.md section 5). Who is on duty comes of the rotas, where people are a queue and it is declared how long a task
takes. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median_low
from typing import NamedTuple

from protocol.engine import clocks
from protocol.names import Slug
from protocol.rehearsal.comparing import FEWEST_PEOPLE
from protocol.rehearsal.habits import BANDS, LONGEST, Band, Delay, Habits, Hourly, Pace, RoleHabits, Seen, StepHabits
from protocol.state import Instant

FEWEST_ANSWERS = 50
"""Of fewer nothing is learned."""

SMALLEST = 5
"""A kept or a missed part of fewer is compared with nothing: it would be somebody's."""

MINUTE = 60
TENS = 10
"""Answers are told in tens: two reports side by side tell of no single one."""

HALF, NINE_OF_TEN = 0.5, 0.9
SATURDAY = 5


class Took(NamedTuple):
    """How long something took, in seconds; ``done`` False: so long it was waited, and it had not come yet."""

    seconds: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Handled:
    """One handoff of the past. None: nothing is known of that, or it is not others' to know.

    ``on_time`` is for figures to compare with, and only of the text that is rehearsed.
    """

    role: Slug
    step: Slug
    at: Instant
    took_up: Took | None = None
    answered: Took | None = None
    on_time: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What was learned of a role: from about how many answers (in tens), and in which hours they made a difference.

    ``takes_up``, ``answers`` None: as declared. ``staff``: whether the rotas say how many are on duty.
    """

    role: Slug
    takes_up: int | None = None
    answers: int | None = None
    hours: tuple[Band, ...] = ()
    weekends: bool = False
    staff: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Habits with what was learned in them.

    ``roles``: of whom something was learned; ``declared``: of whom nothing was, for want of people or of answers.
    ``steps`` have a learned pace of their own, which goes before their role's. ``months``: the first and the last of
    the whole months that were looked at, as 2026-03.
    """

    habits: Habits
    roles: tuple[Source, ...] = ()
    steps: tuple[Slug, ...] = ()
    declared: tuple[Slug, ...] = ()
    months: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What is known of a site's past.

    ``people``: how many have each role. ``staff``: how many were on duty at once, usually, by band of the day.
    """

    handled: Sequence[Handled] = ()
    people: Mapping[Slug, int] = field(default_factory=dict)
    staff: Mapping[Slug, Mapping[Band, int]] = field(default_factory=dict)
    months: tuple[str, str] = ("", "")


def learn(past: Past, declared: Habits, zone: str, roles: Iterable[Slug]) -> Learned:
    """What is declared, with what was learned in its place; ``roles`` are those of the texts that are rehearsed."""
    enough = {each for each, number in past.people.items() if number >= FEWEST_PEOPLE}
    handled = [each for each in past.handled if each.role in enough]
    found = {role: _role(role, [each for each in handled if each.role == role], past, declared, zone) for role in roles}
    steps = {
        name: _step(name, [each for each in handled if each.step == name], declared, zone)
        for name in sorted({each.step for each in handled})
    }
    learned = {name: habits for name, (habits, _) in steps.items() if habits != declared.steps.get(name, StepHabits())}
    sources = [source for _, source in found.values() if source is not None]
    habits = declared.model_copy(
        update={
            "learned": bool(sources or learned),
            "roles": {**declared.roles, **{role: habits for role, (habits, each) in found.items() if each is not None}},
            "steps": {**declared.steps, **learned},
        }
    )
    return Learned(
        habits=habits,
        roles=tuple(sources),
        steps=tuple(name for name, (_, own) in steps.items() if own),
        declared=tuple(role for role, (_, source) in found.items() if source is None),
        months=past.months,
    )


def _role(
    role: Slug, handled: Sequence[Handled], past: Past, declared: Habits, zone: str
) -> tuple[RoleHabits, Source | None]:
    """A role's habits, and what of them was learned."""
    known = declared.roles.get(role, RoleHabits())
    queue = known.staff is not None
    # Of a queue the waiting comes of the queue: what the site's answers took has it in it already.
    paces = _Paces([each.took_up for each in handled], [None if queue else each.answered for each in handled])
    where = [_when(each.at, zone) for each in handled]
    hourly = _hourly(known, paces, where)
    shifts = past.staff.get(role, {}) if queue and past.people.get(role, 0) >= FEWEST_PEOPLE else {}
    staff = {"staff": max(shifts.values()), "shifts": dict(shifts)} if shifts else {}
    if paces.whole is None and not staff:
        return known, None
    whole = paces.whole or Pace()
    source = Source(
        role=role,
        takes_up=_tens(paces.takes if whole.takes_up else ()),
        answers=_tens(paces.answers if whole.answers else ()),
        hours=tuple(each for each in BANDS if paces.cell(where, each) is not None),
        weekends=paces.cell(where, None) is not None,
        staff=bool(staff),
    )
    return known.model_copy(update={**hourly, **staff}), source


def _step(name: Slug, handled: Sequence[Handled], declared: Habits, zone: str) -> tuple[StepHabits, bool]:
    """A step's habits, and whether its pace was learned: it goes before its role's."""
    known = declared.steps.get(name, StepHabits())
    queues = {role for role, each in declared.roles.items() if each.staff is not None}
    answers = [None if each.role in queues else each.answered for each in handled]
    paces = _Paces([each.took_up for each in handled], answers)
    hourly = _hourly(known, paces, [_when(each.at, zone) for each in handled])
    seen = _seen([each for each in handled if each.on_time is not None])
    return known.model_copy(update={**hourly, **({"seen": seen} if seen else {})}), paces.whole is not None


def staffing(
    duties: Iterable[tuple[Instant, Instant]], since: Instant, until: Instant, zone: str
) -> Mapping[Band, int]:
    """How many were on duty at once, usually, in each band of the day; of nobody's duties nothing. At least one."""
    found = tuple(duties)
    if not found:
        return {}
    seen: dict[Band, list[int]] = {band: [] for band in BANDS}
    for at in range(since, until, clocks.HOUR):
        seen[_when(at, zone)[0]].append(sum(begins <= at < ends for begins, ends in found))
    return {band: max(1, median_low(each)) for band, each in seen.items() if each}


When = tuple[Band, bool]


class _Paces:
    """The take-ups and answers of some handoffs, as wholes and in part."""

    def __init__(self, takes: Sequence[Took | None], answers: Sequence[Took | None]) -> None:
        self.takes, self.answers = takes, answers
        self.whole = _pace(takes, answers)

    def cell(self, where: Sequence[When], band: Band | None) -> Pace | None:
        """The pace in a band of the day, or (None) at weekends."""
        inside = [weekend if band is None else each == band for each, weekend in where]
        takes, answers = (
            [each for each, holds in zip(all_, inside, strict=True) if holds] for all_ in (self.takes, self.answers)
        )
        return _pace(takes, answers)


def _hourly(known: Hourly, paces: _Paces, where: Sequence[When]) -> dict[str, object]:
    """A pace by the hour: what was learned, and of what was not what is declared, with its own hours."""
    whole = paces.whole or Pace()
    cells = {band: paces.cell(where, band) for band in BANDS}
    hours = {band: _merged(known.hours.get(band), whole, cells[band]) for band in BANDS}
    weekends = _merged(known.weekends, whole, paces.cell(where, None))
    return {
        "takes_up": whole.takes_up or known.takes_up,
        "answers": whole.answers or known.answers,
        "hours": {band: pace for band, pace in hours.items() if pace != Pace()},
        "weekends": None if weekends == Pace() else weekends,
    }


def _merged(known: Pace | None, whole: Pace, cell: Pace | None) -> Pace:
    """What holds in a cell: learned there; declared there only where nothing was learned of the whole."""
    found, declared = cell or Pace(), known or Pace()
    return Pace.model_validate(
        {
            "takes up": found.takes_up or (None if whole.takes_up else declared.takes_up),
            "answers": found.answers or (None if whole.answers else declared.answers),
        }
    )


def _pace(takes: Sequence[Took | None], answers: Sequence[Took | None]) -> Pace | None:
    takes_up, answered = _delay(takes), _delay(answers)
    if takes_up is None and answered is None:
        return None
    return Pace.model_validate({"takes up": takes_up, "answers": answered})


def _delay(found: Sequence[Took | None]) -> Delay | None:
    """The delay through the middle and the ninth tenth; None of too few, or where so many still wait."""
    known = [each for each in found if each is not None]
    if sum(_done(known)) < FEWEST_ANSWERS:
        return None
    usual, slow = (reached(known, part) for part in (HALF, NINE_OF_TEN))
    if usual is None or slow is None:
        return None
    usual, slow = (min(LONGEST, max(MINUTE, round(each / MINUTE) * MINUTE)) for each in (usual, slow))
    return Delay.model_validate({"usual": usual, "nine of ten": slow, "on duty": False})


def reached(found: Iterable[Took], part: float) -> int | None:
    """After how many seconds so large a part had come, those that still wait counted in (Kaplan and Meier 1958).

    None: it had not come of so many yet.
    """
    in_order = sorted(found, key=lambda each: (each.seconds, not each.done))
    left, waiting = 1.0, len(in_order)
    for each in in_order:
        if each.done:
            left *= 1 - 1 / waiting
            if left <= 1 - part + 1e-9:
                return each.seconds
        waiting -= 1
    return None


def _seen(handled: Sequence[Handled]) -> Seen | None:
    """What the past showed of a step, for a rehearsal of it to be compared with."""
    kept = sum(bool(each.on_time) for each in handled)
    times = [each.answered for each in handled if each.answered is not None]
    usual, slow = (reached(times, part) for part in (HALF, NINE_OF_TEN))
    few = any(0 < part < SMALLEST for part in (kept, len(handled) - kept))
    if len(handled) < FEWEST_ANSWERS or few or usual is None or slow is None:
        return None
    on_time = round(kept / len(handled), 3)
    return Seen.model_validate(
        {"on time": on_time, "usual": min(usual, LONGEST), "nine of ten": min(slow, LONGEST), "of": len(handled)}
    )


def _done(found: Iterable[Took | None]) -> Iterator[bool]:
    return (each is not None and each.done for each in found)


def _when(at: Instant, zone: str) -> When:
    moment = clocks.moment(at, zone)
    return BANDS[moment.hour * len(BANDS) // 24], moment.weekday() >= SATURDAY


def _tens(found: Sequence[Took | None]) -> int | None:
    return sum(_done(found)) // TENS * TENS or None
