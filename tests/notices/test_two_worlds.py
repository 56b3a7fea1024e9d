"""What outsiders are told is the same in two worlds that differ only in what happens inside a confidential agency."""

from __future__ import annotations

from collections.abc import Callable

from protocol.state import Instant
from runtime.posting.config import Mail, Posting
from store import projector
from store.projector import Batch
from tests.notices.conftest import World
from tests.notices.receivers import Mailbox
from tests.store.streams import START, Play
from tests.store.worlds import INSIDE, OUTSIDERS, STRIDE, Script, alike

Heard = list[tuple[Instant, str, str]]
STRIDES = 48


async def heard(world: World, box: Mailbox, play: Play) -> tuple[Heard, int]:
    """When which outsider was told what, as a case's facts came; and how much was told inside."""
    found: Heard = []
    inside, notifier = 0, world.notifier()
    for stride in range(STRIDES):
        world.clock.at = START + stride * STRIDE
        facts = [each for each in play.facts if each.recorded <= world.clock.at]
        with world.database.write() as connection:
            projector.project(connection, [Batch(play.case_id, world.protocol, world.hash, facts)], notify=True)
        await notifier.turn()
        told = [(str(each["To"]), bytes(each.get_payload(decode=True)).decode()) for each in box.taken]
        box.taken.clear()
        outside = [(to, said) for to, said in told if to.partition("-1@")[0] in OUTSIDERS]
        inside += len(told) - len(outside)
        found += [(world.clock.at, to, said) for to, said in sorted(outside)]
    return found, inside


async def test_outsiders_hear_the_same_at_the_same_time(
    make_world: Callable[[Posting], World], mail: Mail, box: Mailbox
) -> None:
    """Whether she was reached, what she chose, how often somebody tried: no mail to others comes of it (law 7)."""
    script = Script(
        acts={3: "given", 10: "report", 20: "dismissed", 25: "released"}, first_acts=(1, 6), strides=STRIDES
    )
    told, inside = [], []
    for play in alike(make_world(Posting()).protocol, script, (25, 5)):
        world = make_world(Posting(email=mail))
        for role in (*OUTSIDERS, *(each.id for each in world.protocol.roles if each.agency == INSIDE)):
            world.person(role)
        found, number = await heard(world, box, play)
        told.append(found)
        inside.append(number)
    assert told[0] == told[1]
    assert told[0]
    assert inside[0] != inside[1]
