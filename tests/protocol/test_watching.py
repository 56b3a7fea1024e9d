"""When a run stops by itself, when its first share has gone on far enough, and which moved case is broken."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.evolving import evolve
from protocol.migrating.crossing import migrate
from protocol.migrating.plan import FirstShare, Plan, Stop
from protocol.migrating.watching import SECOND, SENTENCES, Because, Seen, Soak, broken, halts, soaked
from tests.protocol import random_runs
from tests.protocol.test_migrating import CLOCKS, begun, compiled, pair, way
from tests.protocol.texts import SMALL, changed

HOUR = 3_600
STOP = Stop()


@pytest.mark.parametrize(
    ("seen", "because"),
    [
        (Seen(stayed=2, moved=0), None),
        (Seen(stayed=3, moved=297), None),
        (Seen(stayed=4, moved=296), Because.STAYED),
        (Seen(broken=1, moved=500), Because.LAW),
        (Seen(answers=19, refused=19), None),
        (Seen(answers=20, refused=4), None),
        (Seen(answers=20, refused=5), Because.REFUSED),
        (Seen(escalations=9), None),
        (Seen(escalations=10), Because.ESCALATIONS),
        (Seen(escalations=30, usual=10.0), None),
        (Seen(escalations=31, usual=10.0), Because.ESCALATIONS),
        (Seen(stayed=9, moved=1, broken=1, answers=20, refused=20, escalations=99), Because.LAW),
    ],
)
def test_a_run_stops_at_its_plan_s_conditions_the_gravest_first(seen: Seen, because: Because | None) -> None:
    """More than a share and so many at least, a broken law, refused answers, three times the usual escalations."""
    assert halts(STOP, seen) is because


def test_every_stop_has_its_sentence() -> None:
    """For the coordinator who finds the run stopped."""
    assert set(SENTENCES) == set(Because)


def test_a_plan_says_its_conditions_in_words() -> None:
    """As docs/migrating.md has them; fewer than once the usual is no condition."""
    said = {"law": 2, "refused answers": "5%", "escalations": "2.5 times", "least escalations": 4}
    plan = Plan.model_validate({"migration": "x", "stop": said}, by_alias=True)
    assert (plan.stop.law, plan.stop.refused_answers, plan.stop.escalations) == (2, 0.05, 2.5)
    with pytest.raises(ValueError, match="greater than or equal to 1"):
        Plan.model_validate({"migration": "x", "stop": {"escalations": "0.5 times"}}, by_alias=True)


FIRST = FirstShare.model_validate({"then wait": HOUR, "gone on": 5, "at most": 3 * HOUR}, by_alias=True)


@pytest.mark.parametrize(
    ("hours", "moved", "went_on", "done"),
    [
        (0.5, {"safe": 9}, {"safe": 9}, None),
        (1, {"safe": 9}, {"safe": 4}, None),
        (1, {"safe": 9}, {"safe": 5}, True),
        (2, {"safe": 9, "unaffected": 9}, {"safe": 9, "unaffected": 4}, None),
        (2, {"safe": 9, "unaffected": 9}, {"safe": 5, "unaffected": 5}, True),
        (2, {"safe": 9, "unaffected": 4}, {"safe": 5}, True),
        (2, {"safe": 3}, {"safe": 3}, True),
        (2, {}, {}, True),
        (3, {"safe": 9}, {"safe": 4}, False),
    ],
)
def test_the_rest_waits_for_time_and_for_each_class(
    *, hours: float, moved: dict[str, int], went_on: dict[str, int], done: bool | None
) -> None:
    """Five of each, or all there are; a class of four waits with the larger; after three hours it is over."""
    soak = Soak(since=0, now=int(hours * HOUR) * SECOND, moved=moved, went_on=went_on)
    assert soaked(FIRST, soak) is done


@settings(max_examples=60)
@given(seed=st.integers(0, 1_000_000))
def test_no_move_that_is_made_is_broken(seed: int) -> None:
    """Random texts, cases and plans: what the engine does is what it must leave."""
    chance = Random(seed)
    old, new = pair(chance)
    there = way(old, new, clock=chance.choice(CLOCKS))
    run = random_runs.drive(old, chance, chance.randint(1, 12))
    crossed = migrate(there, run.state, "run", run.now).result.state.crossed
    assert crossed is None or not broken(there, crossed)


@pytest.mark.parametrize("plant", ["lost", "missed", "otherwise"])
def test_a_case_that_is_not_as_its_move_must_leave_it_is_broken(plant: str) -> None:
    """A duty that is gone, one that became missed by the move, and a due time that nobody foresaw."""
    there = way(compiled(SMALL), compiled(changed("within 2 hours", "within 90 minutes")))
    run = begun()
    crossed = migrate(there, run.state, "run", run.now).result.state.crossed
    assert crossed is not None
    first, *rest = crossed.after.instances
    planted = {
        "lost": tuple(rest),
        "missed": (evolve(first, missed=True), *rest),
        "otherwise": (evolve(first, grace=first.grace + 1), *rest),
    }[plant]

    assert not broken(there, crossed)
    assert broken(there, replace(crossed, after=evolve(crossed.after, instances=planted)))
