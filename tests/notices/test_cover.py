"""Cover asked for a shift is told to who could give it: once, with its times, and nothing of whose it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.engine import clocks
from runtime.posting.config import Gateway, Posting
from store import rotas
from store.notices import covering
from store.notices.covering import Asked
from store.notices.reach import Quiet
from store.rotas import Shift
from tests.notices.conftest import World
from tests.notices.receivers import Receiver
from tests.store.streams import HOUR, START

Make = Callable[[Posting], World]
FIRST, SECOND, THIRD = "+15550100123", "+15550100124", "+15550100125"
SHIFT = (START + 12 * HOUR, START + 20 * HOUR)
SAID = "Rota: cover is asked for, Sat 10:00 AM to Sat 6:00 PM. Open your rota."


def on_duty(world: World, person: str, span: tuple[int, int] = SHIFT) -> Shift:
    """Somebody's shift as an advocate."""
    with world.database.write() as connection:
        id_ = rotas.add_duty(connection, "advocate", person, *span)
        return rotas.shift_of(connection, "advocacy", id_)


def ask(world: World, found: Shift) -> Shift:
    """Its person asks for cover of it, as the route does."""
    with world.database.write() as connection:
        rotas.ask_cover(connection, found, found.starts_at, found.ends_at, world.clock.at)
        wanted = rotas.shift_of(connection, "advocacy", found.id)
        covering.ask(connection, wanted, world.posting.able, world.clock.at)
    return wanted


def asked(world: World, found: Shift) -> set[Asked]:
    """Whom it went to."""
    with world.database.read() as connection:
        return set(covering.asked(connection, found))


async def test_who_could_cover_is_told_when_and_nothing_else(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """Not the asker, nor who is on duty then, nor another role; who has no telephone is said to be not reached."""
    world = make_world(Posting(text=texts))
    asker, free = world.person("advocate", phone=FIRST), world.person("advocate", 2, phone=SECOND)
    busy, mute = world.person("advocate", 3, phone=THIRD), world.person("advocate", 4)
    world.person("supervisor", phone="+15550100126")
    on_duty(world, busy.id)
    wanted = ask(world, on_duty(world, asker.id))
    assert asked(world, wanted) == {
        Asked(person_id=free.id, reached=None),
        Asked(person_id=mute.id, reached=False),
    }
    await world.notifier().turn()
    assert [(each["to"], each["text"]) for each in receiver.json()] == [(SECOND, SAID)]
    assert Asked(person_id=free.id, reached=True) in asked(world, wanted)
    assert asker.name not in SAID


async def test_asking_again_within_four_hours_tells_nobody_twice(
    make_world: Make, texts: Gateway, receiver: Receiver
) -> None:
    """Kept, and asked for once more: who was told stays told; after four hours they are told again."""
    world = make_world(Posting(text=texts))
    asker = world.person("advocate", phone=FIRST)
    world.person("advocate", 2, phone=SECOND)
    wanted = on_duty(world, asker.id)
    for hours, texts_ in ((0, 1), (1, 1), (4, 2)):
        world.clock.at = START + hours * HOUR
        with world.database.write() as connection:
            rotas.keep(connection, wanted)
        wanted = ask(world, wanted)
        await world.notifier().turn()
        assert len(receiver.bodies) == texts_
        assert [each.reached for each in asked(world, wanted)] == [True]


async def test_what_is_covered_meanwhile_is_not_sent(make_world: Make, texts: Gateway, receiver: Receiver) -> None:
    """Somebody said yes, or the asker keeps it, before the text left: it does not leave."""
    world = make_world(Posting(text=texts))
    asker = world.person("advocate", phone=FIRST)
    world.person("advocate", 2, phone=SECOND)
    wanted = ask(world, on_duty(world, asker.id))
    with world.database.write() as connection:
        rotas.keep(connection, wanted)
    await world.notifier().turn()
    assert receiver.bodies == []
    assert asked(world, replace(wanted, asked_at=None)) == set()


@pytest.mark.parametrize(("starts", "sent"), [(12, 0), (3, 1)], ids=["later", "tonight"])
async def test_quiet_hours_hold_it_unless_the_shift_begins_in_them(
    make_world: Make, texts: Gateway, receiver: Receiver, starts: int, sent: int
) -> None:
    """Asked at 10 PM with quiet until 7 AM: a shift of the next morning waits until then, one at 1 AM does not."""
    world = make_world(Posting(text=texts))
    asker = world.person("advocate", phone=FIRST)
    world.person("advocate", 2, phone=SECOND, quiet=Quiet(start=21 * 60, end=7 * 60))
    ask(world, on_duty(world, asker.id, (START + starts * HOUR, START + (starts + 4) * HOUR)))
    await world.notifier().turn()
    assert len(receiver.bodies) == sent
    world.clock.at = START + 9 * HOUR + clocks.MINUTE
    await world.notifier().turn()
    assert len(receiver.bodies) == 1
