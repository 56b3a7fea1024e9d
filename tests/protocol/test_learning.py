"""What the figures say of a change: a planted one is found in time, and nothing is said too early."""

from __future__ import annotations

from random import Random

import pytest

from protocol.council.learning import FEWEST_WEEKS, Verdict, Week, before_after, wilson

A_WEEK = 60


def weeks(count: int, part: float, seed: int, a_week: int = A_WEEK) -> list[Week]:
    """So many weeks in which each handoff is kept by chance; weeks differ among themselves."""
    chance = Random(seed)
    found = []
    for _ in range(count):
        due = a_week + chance.randrange(-a_week // 4, a_week // 4 + 1)
        mood = part + chance.uniform(-0.02, 0.02)
        found.append(Week(due, sum(chance.random() < mood for _ in range(due))))
    return found


def test_a_planted_change_of_five_points_is_recovered_at_26_weeks() -> None:
    """Ten times, with other chance each time: the interval holds the five points, and lies above nothing."""
    found = [before_after(weeks(26, 0.85, seed), weeks(26, 0.90, 1000 + seed)) for seed in range(10)]

    assert [each.verdict for each in found] == [Verdict.MORE] * 10
    assert sum(each.low <= 5 <= each.high for each in found if each.low and each.high) >= 8
    assert sum(each.points for each in found if each.points) / 10 == pytest.approx(5, abs=0.7)
    assert all(each.before and each.after and each.before.low < each.before.part < each.before.high for each in found)


def test_at_seven_weeks_it_is_too_early_and_no_figure_is_given() -> None:
    """However many handoffs were due, and whichever side is the shorter."""
    for before, after in ((26, 7), (7, 26)):
        found = before_after(weeks(before, 0.85, 1, 900), weeks(after, 0.90, 2, 900))
        assert (found.verdict, found.weeks, found.before, found.points, found.low) == (
            Verdict.TOO_EARLY, 7, None, None, None,
        )  # fmt: skip


def test_under_a_hundred_due_it_is_too_early() -> None:
    """Half a year of a handoff that is rare says nothing yet."""
    assert before_after(weeks(26, 0.85, 1), weeks(26, 0.9, 2, 3)).verdict is Verdict.TOO_EARLY


def test_the_nearest_weeks_of_equal_spans_count() -> None:
    """A year before and nine weeks after: only the nine before the change are held against them."""
    long_ago, just_before = [Week(100, 10)] * 43, [Week(100, 90)] * 9
    found = before_after([*long_ago, *just_before], [Week(100, 90)] * 9)

    assert (found.verdict, found.weeks, found.due, found.points) == (Verdict.NONE_SEEN, 9, (900, 900), 0)


def test_a_change_for_the_worse_is_told_too() -> None:
    """Less in time is said as plainly as more."""
    assert before_after(weeks(26, 0.9, 1), weeks(26, 0.8, 2)).verdict is Verdict.LESS


def test_nothing_is_told_where_few_missed() -> None:
    """Of a hundred and twenty, three that were late could be known; and four that were kept."""
    late = [Week(15, 15)] * 5 + [Week(15, 14)] * 3
    for few in (late, [Week(each.due, each.due - each.kept) for each in late]):
        found = before_after(weeks(FEWEST_WEEKS, 0.5, 1), few)
        assert (found.verdict, found.after, found.points) == (Verdict.TOO_FEW, None, None)


def test_the_same_weeks_have_the_same_interval() -> None:
    """Whoever looks again reads the same figures."""
    sides = weeks(26, 0.85, 1), weeks(26, 0.88, 2)
    assert before_after(*sides) == before_after(*sides)


@pytest.mark.parametrize(
    ("kept", "due", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 0, 0, 1)],
)
def test_the_interval_of_a_share_is_wilsons(kept: int, due: int, low: float, high: float) -> None:
    """As in Newcombe 1998, table I, method 3."""
    assert wilson(kept, due) == pytest.approx((low, high), abs=5e-5)
