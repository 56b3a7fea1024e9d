"""Practice cases on a real server: their clock is moved, and everything that is theirs goes by it."""

from __future__ import annotations

import time

import pytest
from temporalio.client import Client

from protocol.facts import ClockMoved, Fact, LinkStarted, Told, WindowMissed
from protocol.kernel import Protocol
from protocol.messages import Input, MoveClock
from protocol.serial import dump_protocol, protocol_hash
from protocol.state import CaseState, Code, Practice
from store.rebuild import rebuild
from store.session import Database
from tests.workflows.acts import PATROL, booked, end, new_id, note, reported
from tests.workflows.conftest import KEY
from tests.workflows.drivers import SECOND, eventually, read_facts
from tests.workflows.texts import errand, relay
from workflows import client as cases
from workflows.messages import TASK_TIMEOUT, CaseStart, linked_case_id

pytestmark = pytest.mark.server

HOUR = 3_600 * SECOND


async def begun(client: Client, task_queue: str, *, ahead: int = 0, protocol: Protocol | None = None) -> str:
    """A practice case that has opened."""
    case_id, text = new_id(), protocol or relay()
    opening = reported("begun") if protocol else booked()
    await cases.open_or_join(
        client, case_id, dump_protocol(text), opening, task_queue=task_queue, practice=Practice(ahead=ahead)
    )
    return case_id


def forward(by: int | None, command: str) -> Input:
    """A trainer's move of the clock."""
    return Input(command=command, actor=PATROL, body=MoveClock(by=by))


async def facts_from(reader: Database, case_id: str, kind: type) -> list[Fact]:
    """The facts of a kind, once there are any."""

    async def there() -> bool:
        return any(isinstance(each.body, kind) for each in read_facts(reader, case_id))

    await eventually(there)
    return [each for each in read_facts(reader, case_id) if isinstance(each.body, kind)]


async def test_a_real_case_refuses_to_be_moved(client: Client, task_queue: str) -> None:
    """In its own workflow, whoever asks; nothing of it is written into its history."""
    case_id = new_id()
    await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=task_queue)
    before = await cases.look(client, case_id)

    for by in (None, 1, HOUR):
        with pytest.raises(cases.Refused) as caught:
            await cases.send(client, case_id, forward(by, f"go-{by}"))
        assert caught.value.code == Code.NOT_PRACTICE

    after = await cases.look(client, case_id)
    assert (after.state, after.armed) == (before.state, before.armed)


async def test_reporting_to_an_open_case_never_makes_it_practice(client: Client, task_queue: str) -> None:
    """What a case is was pinned when it began."""
    case_id = new_id()
    await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=task_queue)

    await cases.open_or_join(
        client, case_id, dump_protocol(relay()), booked("c1"), task_queue=task_queue, practice=Practice()
    )

    assert (await cases.look(client, case_id)).state.practice is None


async def test_its_timer_goes_by_its_own_clock(client: Client, task_queue: str, reader: Database) -> None:
    """Moved to just before a window runs out, the rest of the window passes by itself; the timer set before is gone."""
    case_id = await begun(client, task_queue)
    armed = (await cases.look(client, case_id)).armed
    assert armed is not None

    await cases.send(client, case_id, forward(armed - time.time_ns() // 1_000 - SECOND, "nearly"))

    (missed,) = await facts_from(reader, case_id, WindowMissed)
    assert missed.at == armed
    assert missed.recorded - missed.at < 10 * SECOND


async def test_it_may_begin_in_the_past_and_come_to_the_present(
    client: Client, task_queue: str, database: Database, reader: Database
) -> None:
    """Begun five hours ago and moved to now, it was told late at its own instants; the tables can be made again."""
    case_id = await begun(client, task_queue, ahead=-5 * HOUR)

    await cases.send(client, case_id, forward(5 * HOUR, "to-now"))

    (moved,) = await facts_from(reader, case_id, ClockMoved)
    told = [each for each in read_facts(reader, case_id) if isinstance(each.body, Told)]
    assert moved.body == ClockMoved(agency="police", since=moved.at - 5 * HOUR, ahead=0)
    assert len(told) == 2
    assert all(each.at == each.recorded < moved.at for each in told)
    report = rebuild(database)
    assert report.before == report.after


async def test_its_clock_goes_on_in_the_next_run(client: Client, task_queue: str) -> None:
    """A run that ends hands its clock over to the next; a repeated move is answered as before."""
    case_id, text = new_id(), dump_protocol(relay())
    state = CaseState(practice=Practice())
    start = CaseStart(protocol=text.decode(), protocol_hash=protocol_hash(text), state=state, budget=30)
    await client.start_workflow(relay().id, start, id=case_id, task_queue=task_queue, task_timeout=TASK_TIMEOUT)
    await cases.send(client, case_id, booked())
    first = await cases.send(client, case_id, forward(HOUR, "go"))
    for number in range(8):
        await cases.send(client, case_id, note(f"c{number}"))

    again = await cases.send(client, case_id, forward(HOUR, "go"))

    assert again == first
    assert (await cases.look(client, case_id)).state.practice == Practice(ahead=HOUR)


async def test_what_it_begins_is_practice_too(client: Client, task_queue: str, reader: Database) -> None:
    """A linked case has the clock of the case that began it."""
    case_id = await begun(client, task_queue, ahead=-HOUR, protocol=errand())
    (started,) = await facts_from(reader, case_id, LinkStarted)

    linked = linked_case_id(KEY, case_id, started.seq)

    async def opened() -> bool:
        found = await cases.glance(client, linked)
        return found is not None and found.state.practice == Practice(ahead=-HOUR)

    await eventually(opened)
    await cases.send(client, linked, end())
