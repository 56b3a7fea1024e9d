"""What a case decided arrives exactly once, through a lost database, new runs, load and a lost worker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from temporalio.client import Client
from temporalio.worker import Worker

from protocol.facts import WindowMissed
from protocol.serial import dump_protocol
from store import schema
from store.session import Database
from tests.workflows.acts import begin, booked, given, kinds, new_id, note, runs
from tests.workflows.conftest import KEY, publish_all
from tests.workflows.drivers import SECOND, eventually, read_facts
from tests.workflows.texts import quick, relay
from worker import build
from workflows import client as cases

pytestmark = pytest.mark.server


async def _projected(reader: Database, client: Client, case_id: str) -> bool:
    look = await cases.look(client, case_id)
    return not look.undelivered and len(read_facts(reader, case_id)) == look.state.seq


async def test_facts_wait_for_a_lost_database(client: Client, tmp_path: Path) -> None:
    """While SQL is away a case serves commands and time; when SQL is back every fact is there once, in order."""
    url, queue, case_id = f"sqlite:///{tmp_path / 'handoff.db'}", f"test-{new_id()}", new_id()
    async with build(client, Database(url), key=KEY, task_queue=queue, cached=10):
        await cases.open_or_join(client, case_id, dump_protocol(quick()), booked(), task_queue=queue)
        await cases.send(client, case_id, note("c1"))

        async def missed() -> bool:
            undelivered = (await cases.look(client, case_id)).undelivered
            return any(isinstance(each.body, WindowMissed) for each in undelivered)

        await eventually(missed)
        await cases.send(client, case_id, given("c2"))
        waiting = (await cases.look(client, case_id)).undelivered
        schema.upgrade(url)
        publish_all(Database(url))
        reader = Database(url)
        await eventually(lambda: _projected(reader, client, case_id))

    facts = read_facts(reader, case_id)
    assert facts[: len(waiting)] == waiting
    assert [each.seq for each in facts] == list(range(1, len(facts) + 1))


async def test_nothing_is_lost_when_runs_change_under_load(client: Client, task_queue: str, reader: Database) -> None:
    """A case that goes on in a new run every few commands takes each of 120 concurrent commands exactly once."""
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue, budget=60)
    await cases.send(client, case_id, booked())
    turns = asyncio.Semaphore(30)

    async def send(number: int) -> int:
        async with turns:
            return (await cases.send(client, case_id, note(f"c{number % 120}"))).seq

    seqs = await asyncio.gather(*(send(number) for number in range(240)))
    await eventually(lambda: _projected(reader, client, case_id))
    look = await cases.look(client, case_id)

    assert seqs[:120] == seqs[120:]
    assert len(set(seqs)) == 120
    assert look.state.born == 121
    assert len(await runs(client, case_id)) > 3
    assert [each.seq for each in read_facts(reader, case_id)] == list(range(1, look.state.seq + 1))


async def test_a_case_outlives_its_worker(
    client: Client, make_worker: Callable[[str], Worker], reader: Database
) -> None:
    """A case whose worker went away answers from another one, and what fell due meanwhile happens then."""
    queue, case_id = f"test-{new_id()}", new_id()
    async with make_worker(queue):
        await cases.open_or_join(client, case_id, dump_protocol(quick()), booked(), task_queue=queue)

    async def fell_due() -> bool:
        return (await kinds(client, case_id))["TIMER_FIRED"] == 1

    await eventually(fell_due)
    async with make_worker(queue):
        answer = await cases.send(client, case_id, given("c1"))
        again = await cases.send(client, case_id, booked())
        await eventually(lambda: _projected(reader, client, case_id))
    facts = read_facts(reader, case_id)
    missed = [each for each in facts if isinstance(each.body, WindowMissed)]

    assert again.seq == 3
    assert answer.seq <= len(facts)
    assert len(missed) == 1
    assert missed[0].at == facts[0].at + SECOND
    assert missed[0].recorded > missed[0].at
