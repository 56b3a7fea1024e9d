"""What the store makes of practice cases: marked, with their clock, and nobody asked to be told of them."""

from __future__ import annotations

from sqlalchemy import select

from protocol.engine.clocks import HOUR
from protocol.engine.machine import step
from protocol.facts import Fact
from protocol.messages import Actor, EventHappened, Input, MoveClock
from protocol.state import CaseState, Practice
from store import projector, tables
from store.notices.tables import errand
from store.projector import Batch
from store.session import Database
from tests.store.streams import START, advocacy, publish


def facts(practice: Practice | None) -> list[Fact]:
    """A case that opened, and of practice whose clock then moved by a day."""
    police = Actor(person="somebody", role=None, agency="police")
    opened = step(
        advocacy(),
        CaseState(practice=practice),
        Input(command="begin", actor=police, body=EventHappened(event="arrest-booked")),
        START,
    )
    moved = step(advocacy(), opened.state, Input(command="go", actor=police, body=MoveClock(by=24 * HOUR)), START)
    return [*opened.facts, *moved.facts]


def test_practice_is_marked_and_asks_nobody_to_be_told(database: Database) -> None:
    """A real case's facts leave errands for who has to hear; a practice case's none, though a window was missed."""
    hash_ = publish(database)
    with database.write() as connection:
        real = Batch("real", advocacy(), hash_, facts(None))
        made = Batch("practice", advocacy(), hash_, facts(Practice(ahead=-HOUR)))
        projector.project(connection, [real, made], notify=True)
    with database.read() as connection:
        case = tables.case_file
        known = {
            row.case_id: (row.practice, row.ahead)
            for row in connection.execute(select(case.c.case_id, case.c.practice, case.c.ahead))
        }
        asked = set(connection.execute(select(errand.c.case_id)).scalars())

    assert known == {"real": (False, 0), "practice": (True, 23 * HOUR)}
    assert asked == {"real"}
