"""Open cases that follow a newer text stop by themselves: whoever had them follow it is told, once."""

from __future__ import annotations

from collections.abc import Callable

from protocol.migrating.plan import Plan
from protocol.migrating.watching import Because
from runtime.posting.config import Gateway, Posting
from store.migrating import runs, watched
from store.migrating.runs import Run, Stage
from store.notices.reach import Quiet
from tests.notices.conftest import World
from tests.notices.receivers import Receiver
from tests.store.streams import HOUR, SLUG, START

Make = Callable[[Posting], World]
PHONE = "+15550100123"
SAID = "Rota: what you started has stopped. Please look."


def ordered(world: World, by: str) -> None:
    """A run, ordered by somebody."""
    plan = Plan.model_validate({"migration": SLUG, "stop": {"least answers": 2}}, by_alias=True)
    made = Run(
        id="run-1", slug=SLUG, target="f" * 64, plan=plan, stage=Stage.FIRST, waits_until=None, ordered_at=START,
        ordered_by=by,
    )  # fmt: skip
    with world.database.write() as connection:
        runs.order(connection, made, [])


def stopped(world: World) -> Because | None:
    """All that people answer is refused, and the run is looked at."""
    with world.database.write() as connection:
        watched.answered(connection, SLUG, runs.UNDER_WAY, 2, 2)
        return runs.advance(connection, runs.one(connection, "run-1"), world.clock.at).because


async def test_who_ordered_a_run_is_told_once_that_it_stopped_by_itself(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """However often it is looked at afterwards; nothing is said of cases or of why."""
    world = make_world(Posting(text=texts))
    ordered(world, world.person("coordinator", phone=PHONE).id)
    assert stopped(world) is Because.REFUSED
    for _ in range(2):
        await world.notifier().turn()
        with world.database.write() as connection:
            runs.advance(connection, runs.one(connection, "run-1"), world.clock.at)
    assert [(each["to"], each["text"]) for each in receiver.json()] == [(PHONE, SAID)]


async def test_it_waits_for_the_end_of_quiet_hours(make_world: Make, texts: Gateway, receiver: Receiver) -> None:
    """Nobody's safety hangs on it before the morning: no case moves meanwhile."""
    world = make_world(Posting(text=texts))
    ordered(world, world.person("coordinator", phone=PHONE, quiet=Quiet(start=21 * 60, end=7 * 60)).id)
    stopped(world)
    await world.notifier().turn()
    assert receiver.bodies == []
    world.clock.at = START + 12 * HOUR
    await world.notifier().turn()
    assert len(receiver.bodies) == 1


async def test_nobody_is_told_of_what_they_stopped_themselves(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """Stopped by hand it is known to be stopped."""
    world = make_world(Posting(text=texts))
    ordered(world, world.person("coordinator", phone=PHONE).id)
    with world.database.write() as connection:
        runs.stop(connection, "run-1")
    await world.notifier().turn()
    assert receiver.bodies == []
