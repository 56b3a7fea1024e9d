"""What figures say of a change of text: the share kept before and after, between what it lies, or too early to tell.

A share's own interval is Wilson's. The difference's comes of drawing whole weeks again, for handoffs of one week share
its staff and its weather; a span that is shorter on one side is cut to the same length on the other. It says what was
seen and never why (council.md section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from protocol.rehearsal.chance import Chance

FEWEST_DUE = 100
"""Handoffs that must have been due on each side before a difference is told."""

FEWEST_WEEKS = 8
RESAMPLES = 400
SMALLEST = 5
"""A kept or a missed part of fewer is not told, nor what would give it away."""

Z = 1.959964
"""Standard deviations between which nineteen of twenty lie."""


@dataclass(frozen=True, slots=True)
class Week:
    """One week's handoffs whose time came: how many, and how many of them were kept."""

    due: int
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """The part that was kept, 0 to 1, and between what it lies nineteen times of twenty."""

    due: int
    kept: int
    low: float
    high: float

    @property
    def part(self) -> float:
        """Kept of due."""
        return self.kept / self.due


class Verdict(StrEnum):
    """What may be said of a difference."""

    TOO_EARLY = "too early to tell"
    TOO_FEW = "too few to be told"
    NONE_SEEN = "no difference seen"
    MORE = "more in time"
    LESS = "less in time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """Before and after. ``points``, ``low``, ``high``: the difference in points, None where it is not told."""

    verdict: Verdict
    weeks: int
    due: tuple[int, int]
    before: Share | None = None
    after: Share | None = None
    points: float | None = None
    low: float | None = None
    high: float | None = None


def wilson(kept: int, due: int) -> tuple[float, float]:
    """Between what a share lies nineteen times of twenty (Wilson 1927); everything is possible of none.

    Raises:
        ValueError: more were kept than were due.
    """
    if not 0 <= kept <= due:
        raise ValueError(f"{kept} of {due}")
    if due == 0:
        return 0.0, 1.0
    part, over = kept / due, Z * Z / due
    middle = (part + over / 2) / (1 + over)
    reach = Z * sqrt(part * (1 - part) / due + over / (4 * due)) / (1 + over)
    # At its ends the formula is exact, and rounding would leave a trace.
    return 0.0 if kept == 0 else max(0.0, middle - reach), 1.0 if kept == due else min(1.0, middle + reach)


def share(weeks: Sequence[Week]) -> Share | None:
    """The share of some weeks together; None when nothing was due."""
    due, kept = sum(each.due for each in weeks), sum(each.kept for each in weeks)
    if not due:
        return None
    low, high = wilson(kept, due)
    return Share(due=due, kept=kept, low=low, high=high)


def before_after(before: Sequence[Week], after: Sequence[Week]) -> Learned:
    """What the weeks before and after a change say, both in the order of time; the nearest weeks count.

    No share and no difference is given while it is too early, or where so few were kept or missed that somebody could
    be meant.
    """
    span = min(len(before), len(after))
    old, new = before[len(before) - span :], after[:span]
    due = sum(each.due for each in old), sum(each.due for each in new)
    if span < FEWEST_WEEKS or min(due) < FEWEST_DUE:
        return Learned(verdict=Verdict.TOO_EARLY, weeks=span, due=due)
    was, is_ = share(old), share(new)
    if was is None or is_ is None or any(_small(each) for each in (was, is_)):
        return Learned(verdict=Verdict.TOO_FEW, weeks=span, due=due)
    low, high = _between(old, new)
    verdict = Verdict.MORE if low > 0 else Verdict.LESS if high < 0 else Verdict.NONE_SEEN
    points = 100 * (is_.part - was.part)
    return Learned(
        verdict=verdict, weeks=span, due=due, before=was, after=is_, points=points, low=100 * low, high=100 * high
    )


def _small(each: Share) -> bool:
    return any(0 < part < SMALLEST for part in (each.kept, each.due - each.kept))


def _between(old: Sequence[Week], new: Sequence[Week]) -> tuple[float, float]:
    """The interval of the difference, from weeks drawn again on either side; the same weeks, the same interval."""
    chance = Chance(sum(each.due for each in (*old, *new)))
    found = sorted(
        _again(new, chance, "new", number) - _again(old, chance, "old", number) for number in range(RESAMPLES)
    )
    edge = RESAMPLES // 40
    return found[edge], found[-1 - edge]


def _again(weeks: Sequence[Week], chance: Chance, side: str, number: int) -> float:
    """The share of as many weeks, drawn with putting back; of weeks in which nothing was due, that of all."""
    drawn = [weeks[int(chance.draw(side, number, place) * len(weeks))] for place in range(len(weeks))]
    due = sum(each.due for each in drawn)
    of = drawn if due else weeks
    return sum(each.kept for each in of) / sum(each.due for each in of)
