"""What if the assumptions were wrong: slower, faster, one fewer at work, a busier year; and what that would turn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from protocol.rehearsal.chance import Chance
from protocol.rehearsal.comparing import Comparison
from protocol.rehearsal.habits import Habits, Hourly, Pace, RoleHabits
from protocol.rehearsal.people import SECOND, WEEK
from protocol.rehearsal.playing import Arrival

EIGHT_WEEKS = 8 * WEEK
MORE = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """One way in which the assumptions may be wrong, with what is rehearsed then."""

    says: str
    habits: Habits
    arrivals: tuple[Arrival, ...]


def variants(habits: Habits, arrivals: Sequence[Arrival], seed: int) -> tuple[Variant, ...]:
    """The assumptions as they are first, then each changed alone; over the first eight weeks."""
    first = min((each.at for each in arrivals), default=0)
    some = tuple(each for each in arrivals if each.at < first + EIGHT_WEEKS)
    return (
        Variant(says="as assumed", habits=habits, arrivals=some),
        Variant(says="everybody takes 30 % longer", habits=_scaled(habits, 1.3), arrivals=some),
        Variant(says="everybody takes 30 % less", habits=_scaled(habits, 0.7), arrivals=some),
        Variant(says="one fewer on each shift", habits=_fewer(habits), arrivals=some),
        Variant(says="20 % more arrests", habits=habits, arrivals=(*some, *_more(some, seed))),
    )


def turned(as_assumed: Comparison, other: Comparison) -> tuple[str, ...]:
    """The steps whose share on time would move the other way."""
    before = {each.step: each.on_time for each in as_assumed.steps}
    found = []
    for each in other.steps:
        known = before.get(each.step)
        if known is None or not known.differs or not each.on_time.differs:
            continue
        if ((known.difference or 0) > 0) != ((each.on_time.difference or 0) > 0):
            found.append(each.step)
    return tuple(found)


def _scaled(habits: Habits, by: float) -> Habits:
    return habits.model_copy(
        update={
            "everybody": _role(habits.everybody, by),
            "roles": {name: _role(each, by) for name, each in habits.roles.items()},
            "steps": {name: each.model_copy(update=_hourly(each, by)) for name, each in habits.steps.items()},
        }
    )


def _role(role: RoleHabits, by: float) -> RoleHabits:
    return role.model_copy(update=_hourly(role, by))


def _hourly(known: Hourly, by: float) -> dict[str, object]:
    hours = {band: each.model_copy(update=_pace(each, by)) for band, each in known.hours.items()}
    weekends = None if known.weekends is None else known.weekends.model_copy(update=_pace(known.weekends, by))
    return {**_pace(known, by), "hours": hours, "weekends": weekends}


def _pace(pace: Pace, by: float) -> dict[str, object]:
    return {
        "takes_up": None if pace.takes_up is None else pace.takes_up.scaled(by),
        "answers": None if pace.answers is None else pace.answers.scaled(by),
    }


def _fewer(habits: Habits) -> Habits:
    roles = {
        name: each
        if each.staff is None
        else each.model_copy(
            update={
                "staff": max(1, each.staff - 1),
                "shifts": {band: max(1, staff - 1) for band, staff in each.shifts.items()},
            }
        )
        for name, each in habits.roles.items()
    }
    return habits.model_copy(update={"roles": roles})


def _more(arrivals: Sequence[Arrival], seed: int) -> Iterator[Arrival]:
    chance = Chance(seed)
    for number, each in enumerate(arrivals):
        if chance.draw("more", number) < MORE:
            yield replace(each, at=each.at + int(chance.draw("more at", number) * 3_600) * SECOND)
