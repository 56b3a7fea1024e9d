"""Records golden histories: ``python -m tests.workflows.recording 2 late`` writes ``histories/2-late-*.json``.

A recorded history is never changed: it is what cases that are still open have behind them. Code that would replay
it otherwise goes behind ``workflow.patched``, and its own histories are recorded under the next number.
"""

from __future__ import annotations

import asyncio
import re
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.testing import TimeSkipper

from protocol.messages import Input, MoveClock
from protocol.scenarios.scenario import read_scenarios
from protocol.serial import dump_protocol
from protocol.state import Practice
from store import schema
from store.session import Database
from tests import servers
from tests.store import rings
from tests.workflows.acts import PATROL, begin, booked, end, filed, given, moves, new_id, note, reported, runs, second
from tests.workflows.conftest import KEY, publish_all
from tests.workflows.drivers import SECOND, TemporalDriver, eventually, play
from tests.workflows.texts import SPECS, advocacy, errand, relay, sooner
from worker import build
from workflows import client as cases
from workflows.case import PATIENCE
from workflows.messages import linked_case_id

STACK = re.compile(r' *"stackTrace": ".*",\n')
"""Where in somebody's folders an error was raised is no part of a history."""

HISTORIES = Path(__file__).parent / "histories"
QUEUE = "recording"
START = 1_800_000_000 * SECOND
HOUR = 3_600 * SECOND


@dataclass(frozen=True, slots=True)
class Studio:
    """A server, a worker and a database on which stories are played, in clear."""

    client: Client
    skipper: TimeSkipper
    database: Database

    def driver(self) -> TemporalDriver:
        """One case, to be driven."""
        return TemporalDriver(self.skipper, QUEUE, self.database)


Story = Callable[[Studio], Awaitable[str]]


async def answered(studio: Studio) -> str:
    """Opened, refused once, answered to its end."""
    driver = studio.driver()
    await driver.start(relay())
    await driver.advance(START)
    for command in (booked(), given("c1", instance=9), given("c1"), filed("c2")):
        await driver.send(command)
    return driver.case_id


async def late(studio: Studio) -> str:
    """Windows missed, a timer that fires into nothing, and an end by an event."""
    driver = studio.driver()
    await driver.start(relay())
    await driver.advance(START)
    await driver.send(booked())
    await driver.advance(START + HOUR)
    await driver.send(note("c1"))
    await driver.send(given("c2"))
    await driver.send(filed("c3", instance=3))
    await driver.advance(START + 30 * HOUR)
    await driver.send(end())
    return driver.case_id


async def linked(studio: Studio) -> str:
    """A linked case is started."""
    driver = studio.driver()
    await driver.start(relay())
    await driver.advance(START)
    for command in (booked(), second("c1"), end()):
        await driver.send(command)
    return driver.case_id


async def errand_done(studio: Studio) -> str:
    """A case of another protocol is started, told twice, and its end waited for."""
    case_id, linked_id = await _errand(studio)
    await cases.send(studio.client, linked_id, end())
    await studio.client.get_workflow_handle(linked_id).result()
    await cases.send(studio.client, case_id, reported("over"))
    return case_id


async def errand_linked(studio: Studio) -> str:
    """A case that another case started, and told of its end."""
    _, linked_id = await _errand(studio)
    await cases.send(studio.client, linked_id, end())
    await studio.client.get_workflow_handle(linked_id).result()
    return linked_id


async def _errand(studio: Studio) -> tuple[str, str]:
    driver = studio.driver()
    await driver.start(errand())
    await driver.advance(START)
    linked_id = linked_case_id(KEY, driver.case_id, 3)
    for command in (reported("begun"), reported("more"), reported("refused")):
        await driver.send(command)

    async def told() -> bool:
        papers = (await cases.look(studio.client, driver.case_id)).state.links["papers"]
        return papers.opened and (await cases.look(studio.client, linked_id)).state.born == 2

    await eventually(told)
    return driver.case_id, linked_id


async def two_runs(studio: Studio) -> str:
    """A case that goes on in new runs."""
    case_id = new_id()
    await begin(studio.client, case_id, relay(), QUEUE, budget=40)
    await cases.send(studio.client, case_id, booked())
    for number in range(9):
        await cases.send(studio.client, case_id, note(f"c{number}"))
    await cases.send(studio.client, case_id, end())
    return case_id


async def never_opened(studio: Studio) -> str:
    """A run without a first command."""
    case_id = new_id()
    with studio.skipper.with_time_skipping_disabled():
        await begin(studio.skipper.client, case_id, relay(), QUEUE)
    handle = studio.client.get_workflow_handle(case_id)
    await studio.skipper.fast_forward(handle, timedelta(microseconds=PATIENCE + SECOND))
    return case_id


def scenario(number: int) -> Story:
    """One of P1's scenarios."""

    async def story(studio: Studio) -> str:
        driver, stories = (
            studio.driver(),
            read_scenarios((SPECS / advocacy().id / "1.scenarios.yaml").read_bytes(), advocacy().zone),
        )
        await play(driver, advocacy(), stories[number])
        return driver.case_id

    return story


async def moved(studio: Studio) -> str:
    """A case that goes over to a newer text and back, is refused once, and answered to its end."""
    driver = studio.driver()
    await driver.start(relay())
    await driver.advance(START)
    await driver.send(booked())
    there, back = moves(relay(), sooner())
    await cases.move(studio.client, driver.case_id, there)
    await driver.send(note("c1"))
    with suppress(cases.Hindered):
        await cases.move(studio.client, driver.case_id, replace(back, run="another"))
    await cases.move(studio.client, driver.case_id, back)
    for command in (given("c2"), filed("c3", instance=3), end()):
        await driver.send(command)
    return driver.case_id


async def clock_moved(studio: Studio) -> str:
    """A practice case from yesterday that is moved on twice, is refused once, and answered to its end."""
    case_id = new_id()
    await cases.open_or_join(
        studio.client,
        case_id,
        dump_protocol(relay()),
        booked(),
        task_queue=QUEUE,
        practice=Practice(ahead=-24 * HOUR),
    )
    for name, by in (("next", None), ("day", 20 * HOUR), ("back", -HOUR)):
        with suppress(cases.Refused):
            await cases.send(studio.client, case_id, Input(command=name, actor=PATROL, body=MoveClock(by=by)))
    for command in (given("c1"), filed("c2")):
        await cases.send(studio.client, case_id, command)
    return case_id


STORIES: dict[str, Story] = {
    "clock-moved": clock_moved,
    "text-moved": moved,
    "answered": answered,
    "late": late,
    "linked": linked,
    "errand": errand_done,
    "errand-linked": errand_linked,
    "two-runs": two_runs,
    "never-opened": never_opened,
    "advocacy-reached": scenario(0),
    "advocacy-tries": scenario(3),
    "advocacy-moved": scenario(6),
    "advocacy-paused": scenario(16),
}


@asynccontextmanager
async def studio() -> AsyncIterator[Studio]:
    """Everything a recording needs, gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with servers.temporal_server(folder / "temporal") as address:
            client = await Client.connect(
                address, namespace=servers.NAMESPACE, identity="recording", data_converter=pydantic_data_converter
            )
            url = f"sqlite:///{folder / 'handoff.db'}"
            schema.upgrade(url)
            database = Database(url, rings.lasting(f"sqlite:///{folder / 'keys.db'}"))
            publish_all(database)
            async with build(client, database, key=KEY, task_queue=QUEUE, cached=100):
                yield Studio(client, TimeSkipper(client), Database(url, database.keys))


async def record(version: int, names: Sequence[str]) -> None:
    """Play these stories (all, if none is named) and keep the histories of all their runs."""
    async with studio() as ready:
        for name, story in STORIES.items():
            if names and name not in names:
                continue
            case_id = await story(ready)
            await _still(ready.client, case_id)
            for number, run in enumerate(await runs(ready.client, case_id), 1):
                history = await ready.client.get_workflow_handle(case_id, run_id=run).fetch_history()
                path = HISTORIES / f"{version}-{name}-{number}.json"
                with path.open("x", encoding="utf-8") as out:
                    out.write(STACK.sub("", history.to_json()))
                print(path.name, len(history.events), "events")  # noqa: T201 - its only output


async def _still(client: Client, case_id: str) -> None:
    """Wait until nothing of the case is under way."""

    async def still() -> bool:
        described = await client.get_workflow_handle(case_id).describe()
        return not described.raw_description.pending_activities and not described.raw_description.HasField(
            "pending_workflow_task"
        )

    await eventually(still)


if __name__ == "__main__":
    asyncio.run(record(int(sys.argv[1]), sys.argv[2:]))
