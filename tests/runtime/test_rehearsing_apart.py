"""A rehearsal in a process of its own: the same as here, and no longer than it may be."""

from __future__ import annotations

import asyncio

import pytest

from protocol.errors import HandoffError
from protocol.rehearsal.comparing import compare
from protocol.rehearsal.habits import Habits
from protocol.rehearsal.playing import Arrival, play
from runtime.rehearsing import Order
from runtime.rehearsing_apart import rehearse_apart
from tests.protocol.test_migrating import compiled
from tests.protocol.texts import SMALL

HOUR = 3_600_000_000
FIRST = 1_767_600_000_000_000


def order() -> tuple[Order, tuple[Arrival, ...]]:
    """A text and one whose first window is longer, and a week of arrivals."""
    both = compiled(SMALL), compiled(SMALL.replace("within 2 hours", "within 3 hours"))
    found = tuple(Arrival(at=FIRST + each * 20 * HOUR, event="arrest", source="police") for each in range(8))
    return Order(protocols=both, habits=Habits(), days=3), found


def test_it_comes_to_the_same_as_here() -> None:
    """To the last figure."""
    asked, found = order()
    old, new = (play(each, asked.habits, found, asked.seed, days=asked.days) for each in asked.protocols)
    here = compare(old, new, asked.protocols, asked.habits, seed=asked.seed, days=asked.days)
    assert asyncio.run(rehearse_apart(asked, found, 60)) == here


def test_one_that_takes_too_long_is_stopped() -> None:
    """And says so."""
    asked, found = order()
    with pytest.raises(HandoffError) as refused:
        asyncio.run(rehearse_apart(asked, found, 0.01))
    assert refused.value.code == "REHEARSAL_TOO_LONG"
