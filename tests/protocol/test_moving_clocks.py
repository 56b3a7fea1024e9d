"""Every clock decision of a move agrees with a clock that is stepped minute by minute (council.md section 3, algebra).

The stepped clock shares nothing with the engine: a minute counts if the hours are open and nobody has stopped it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest

from protocol.engine import clocks
from protocol.messages import Actor, PauseClock
from protocol.names import Slug
from protocol.state import Instant, PauseReason
from tests.protocol.random_runs import Run, actor
from tests.protocol.test_migrating import calling, dues, moved
from tests.protocol.texts import SMALL

ZONE = ZoneInfo("America/Chicago")
MONDAY = datetime(2026, 3, 9, 0, 0, tzinfo=ZONE)
"""The first of two weeks in which no clock changes and no day is closed."""

MINUTES = 14 * 24 * 60
WORDS = "within 1 working day, or 30 minutes before hearing if sooner"
OPEN = "open: mon-fri 08:30-17:00"
HOURS = {"08:30-17:00": (510, 1020), "09:00-16:00": (540, 960), "07:00-20:00": (420, 1200)}
GRACE = 15
EDGES = (510, 540, 960, 1020)
"""Minutes of the day at which some hours begin or end."""


@dataclass(frozen=True)
class Side:
    """The window of one text, in minutes: counted in working time of these hours, or on the clock."""

    budget: int
    hours: str
    working: bool

    def text(self) -> str:
        window = f"{self.budget // 60} working hours" if self.working else f"{self.budget} minutes"
        return SMALL.replace(WORDS, f"within {window}").replace(OPEN, f"open: mon-fri {self.hours}")

    def counts(self, minute: int) -> bool:
        """Whether this minute after the Monday is counted."""
        day, of_day = divmod(minute, 1440)
        opens, closes = HOURS[self.hours]
        return not self.working or (day % 7 < 5 and opens <= of_day < closes)


def after(side: Side, start: int, budget: int, still: range) -> int:
    """The least minute by which so many have been counted from the start on."""
    minute = start
    while budget > 0:
        budget -= side.counts(minute) and minute not in still
        minute += 1
    return minute


def used(side: Side, start: int, end: int, still: range) -> int:
    return sum(side.counts(each) and each not in still for each in range(start, end))


@dataclass(frozen=True)
class Example:
    """One duty: its two windows, when it was delivered, when the case moves, and while what minutes it stood still."""

    old: Side
    new: Side
    delivered: int
    move: int
    still: range


def drawn(chance: Random) -> Example:
    """Half of the moves fall on the very minute at which hours begin or end."""
    old, new = (
        Side(60 * chance.randint(1, 14) if working else chance.randint(20, 900), chance.choice(list(HOURS)), working)
        for working in (chance.random() < 0.7, chance.random() < 0.7)
    )
    if chance.random() < 0.3:
        new = Side(60 * chance.randint(1, 14) if old.working else new.budget, old.hours, old.working)
    delivered = chance.randrange(1440 * 3)
    move = delivered + chance.randrange(1, 1440)
    if chance.random() < 0.5:
        move = move // 1440 * 1440 + chance.choice(EDGES) + (1440 if move % 1440 > 1020 else 0)
        move = move if move > delivered else move + 1440
    begin = chance.randint(delivered, move)
    still = range(begin, begin + chance.choice((0, 0, 30, 300)))
    return Example(old, new, delivered, move, still)


def expected(example: Example, how: str) -> int:
    """The due minute after the move, by stepping."""
    old, new, move = example.old, example.new, example.move
    due = after(old, example.delivered, old.budget, example.still)
    if how in ("keep deadline", "grandfather") or (due <= move and how != "restart"):
        return due
    if how == "restart":
        return after(new, move, new.budget, example.still)
    consumed = used(old, example.delivered, move, example.still)
    kept = consumed * new.budget // old.budget if old.working != new.working else consumed
    grace = max(GRACE, new.budget // 10)
    if move in example.still:
        left = max(new.budget - kept, min(old.budget - consumed, grace))
        return after(new, move, left, example.still)
    raw = after(new, move, new.budget - kept, example.still)
    return max(raw, min(due, after(new, move, grace, range(0))))


def at(minute: int) -> Instant:
    return clocks.instant(MONDAY + timedelta(minutes=minute))


def owed(example: Example) -> Run | None:
    """The case with its duty delivered, its clock stopped as drawn; None where it was due before it could be."""
    run = calling(at(example.delivered), example.old.text())
    if example.still:
        if after(example.old, example.delivered, example.old.budget, range(0)) <= example.still.start:
            return None
        run.until(at(example.still.start))
        stop = PauseClock(instance=2, until=at(example.still.stop), reason=PauseReason.OTHER)
        assert run.send(stop, lead(run, "supervisor")).refusal is None
    run.until(at(example.move))
    return run


def lead(run: Run, role: Slug) -> Actor:
    return actor(run.protocol, role)


@pytest.mark.parametrize("how", ["keep elapsed", "keep deadline", "restart", "grandfather"])
def test_each_decision_equals_the_stepped_clock(how: str) -> None:
    """With pauses before and across the move, other hours, other units, and moves on the minute of a boundary."""
    chance = Random(how)
    compared = 0
    while compared < 25:
        example = drawn(chance)
        run = owed(example)
        if run is None:
            continue
        lines = {"call": {"clock": how, "because": "placeholder"}}
        made, there = moved(run, example.new.text(), at(example.move), steps=lines)
        assert made.hindrance is None, example
        if not made.moved or made.moved[-1].how == "unchanged":
            continue
        found = dues(there.onto, made.result.state)[2]
        assert found is not None
        # A share of another unit is kept to the microsecond; the stepped clock knows whole minutes only.
        whole = 0 if example.old.working == example.new.working else 1
        assert abs((found - at(0)) / clocks.MINUTE - expected(example, how)) <= whole, example
        compared += 1
