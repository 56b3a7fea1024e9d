"""Two texts' tallies side by side: shares, differences, and intervals by resampling whole weeks in pairs.

Weeks, not cases: cases of one week share its staff and its weather (block bootstrap, Künsch 1989). Both texts are
resampled by the same weeks, so what the weeks have in common falls out of the difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.rehearsal.chance import Chance
from protocol.rehearsal.habits import Habits, Seen
from protocol.rehearsal.tally import HOURS, Rung, Tally

RESAMPLES = 400
FEWEST = 5
"""A figure of fewer is not shown (privacy.md: small cells)."""

FEWEST_PEOPLE = 3
"""A role of fewer people has no hours shown: they would be somebody's."""

NEAR_SHARE, NEAR_TIME = 0.03, 0.2
"""How near to what was seen the old text must come for a step to count as calibrated (council.md section 5)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure under both texts, the new one's difference, and between what it lies nineteen times of twenty.

    None: fewer than five, or the text has no such thing.
    """

    old: float | None
    new: float | None
    low: float | None
    high: float | None

    @property
    def difference(self) -> float | None:
        """New less old."""
        return None if self.old is None or self.new is None else self.new - self.old

    @property
    def differs(self) -> bool:
        """Whether the interval is on one side of nothing."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFigures:
    """A step: the share on time, of how many, and the seconds that half, and nine of ten, took from its delivery."""

    step: Slug
    on_time: Figure
    of: tuple[int, int]
    usual: tuple[int | None, int | None]
    nine_of_ten: tuple[int | None, int | None]
    first: tuple[int | None, int | None]
    """Seconds from the case's opening to the step's first end, in half of the cases."""
    calibrated: bool | None
    """Whether the old text tells what was seen; None when nothing seen was given to compare with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RungFigures:
    """How often a rung told, paged or moved, per hundred cases."""

    step: Slug
    rung: str
    per_hundred: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleFigures:
    """Tasks a week for a role; by hour of the week only where three or more people share it."""

    role: Slug
    a_week: tuple[float, float]
    hours: tuple[tuple[float, ...], tuple[float, ...]] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A whole rehearsal of two texts."""

    cases: tuple[int, int]
    weeks: int
    seed: int
    days: int
    assumed: float
    """The share of delays drawn from what is assumed of everybody."""
    steps: tuple[StepFigures, ...]
    rungs: tuple[RungFigures, ...]
    roles: tuple[RoleFigures, ...]
    refused: tuple[Mapping[str, int], Mapping[str, int]]
    cut: tuple[int, int]


def compare(
    old: Tally, new: Tally, protocols: tuple[Protocol, Protocol], habits: Habits, *, seed: int, days: int
) -> Comparison:
    """Put two tallies of the same arrivals side by side."""
    weeks = max(old.weeks, new.weeks)
    draws = _draws(seed, weeks)
    names = dict.fromkeys((*(each.id for each in protocols[0].steps), *new.due, *new.waits))
    rungs = sorted({*old.told, *new.told}, key=lambda each: (list(names).index(each.step), each.rung))
    drawn = old.drawn + new.drawn
    return Comparison(
        cases=(old.cases.total(), new.cases.total()),
        weeks=weeks,
        seed=seed,
        days=days,
        assumed=(old.assumed + new.assumed) / drawn if drawn else 0.0,
        steps=tuple(_step(name, old, new, draws, habits) for name in names if name in old.waits or name in new.waits),
        rungs=tuple(_rung(each, old, new, draws) for each in rungs),
        roles=tuple(_roles(old, new, habits, weeks)),
        refused=(dict(old.refused), dict(new.refused)),
        cut=(old.cut, new.cut),
    )


def _draws(seed: int, weeks: int) -> list[list[int]]:
    chance = Chance(seed)
    return [[int(chance.draw("week", n, place) * weeks) for place in range(weeks)] for n in range(RESAMPLES)]


def _figure(
    over: Counter[int], of: Counter[int], over_new: Counter[int], of_new: Counter[int], draws: list[list[int]], by: int
) -> Figure:
    old, new = _ratio(over, of, by), _ratio(over_new, of_new, by)
    if old is None or new is None or not draws or not draws[0]:
        return Figure(old=old, new=new, low=None, high=None)
    found = []
    weeks = range(len(draws[0]))
    a, b, c, d = ([counts[week] for week in weeks] for counts in (over, of, over_new, of_new))
    for drawn in draws:
        below, below_new = sum(b[week] for week in drawn), sum(d[week] for week in drawn)
        if below and below_new:
            found.append(by * (sum(c[w] for w in drawn) / below_new - sum(a[w] for w in drawn) / below))
    found.sort()
    edge = len(found) // 40
    return Figure(old=old, new=new, low=found[edge], high=found[-1 - edge]) if found else Figure(
        old=old, new=new, low=None, high=None
    )  # fmt: skip


def _ratio(over: Counter[int], of: Counter[int], by: int) -> float | None:
    return by * over.total() / of.total() if of.total() >= FEWEST else None


def _step(name: Slug, old: Tally, new: Tally, draws: list[list[int]], habits: Habits) -> StepFigures:
    none: Counter[int] = Counter()
    due, due_new = old.due.get(name, none), new.due.get(name, none)
    on_time = _figure(old.on_time.get(name, none), due, new.on_time.get(name, none), due_new, draws, 100)
    waits = sorted(old.waits.get(name, ())), sorted(new.waits.get(name, ()))
    contact = sorted(old.contact.get(name, ())), sorted(new.contact.get(name, ()))
    usual = _at(waits[0], 0.5), _at(waits[1], 0.5)
    slow = _at(waits[0], 0.9), _at(waits[1], 0.9)
    said = habits.steps.get(name)
    seen = None if said is None else said.seen
    return StepFigures(
        step=name,
        on_time=on_time,
        of=(due.total(), due_new.total()),
        usual=usual,
        nine_of_ten=slow,
        first=(_at(contact[0], 0.5), _at(contact[1], 0.5)),
        calibrated=None if seen is None else _tells(seen, on_time.old, usual[0], slow[0]),
    )


def _tells(seen: Seen, on_time: float | None, usual: int | None, slow: int | None) -> bool:
    if on_time is None or usual is None or slow is None:
        return False
    near = abs(on_time / 100 - seen.on_time) <= NEAR_SHARE
    return near and all(
        abs(found - known) <= NEAR_TIME * known for found, known in ((usual, seen.usual), (slow, seen.nine_of_ten))
    )


def _at(values: Sequence[int], share: float) -> int | None:
    return values[min(len(values) - 1, int(len(values) * share))] if len(values) >= FEWEST else None


def _rung(each: Rung, old: Tally, new: Tally, draws: list[list[int]]) -> RungFigures:
    none: Counter[int] = Counter()
    told, told_new = old.told.get(each, none), new.told.get(each, none)
    figure = _figure(told, old.cases, told_new, new.cases, draws, 100)
    few = max(told.total(), told_new.total()) < FEWEST
    hidden = Figure(old=None, new=None, low=None, high=None)
    return RungFigures(step=each.step, rung=each.rung, per_hundred=hidden if few else figure)


def _roles(old: Tally, new: Tally, habits: Habits, weeks: int) -> Iterator[RoleFigures]:
    nobody = [0] * HOURS
    for role in sorted({*old.load, *new.load}):
        before, after = old.load.get(role, nobody), new.load.get(role, nobody)
        if max(sum(before), sum(after)) < FEWEST or not weeks:
            continue
        said = habits.roles.get(role)
        shown = ((said is not None and said.staff) or 0) >= FEWEST_PEOPLE or not habits.learned
        hours = tuple(each / weeks for each in before), tuple(each / weeks for each in after)
        a_week = sum(before) / weeks, sum(after) / weeks
        yield RoleFigures(role=role, a_week=a_week, hours=hours if shown else None)
