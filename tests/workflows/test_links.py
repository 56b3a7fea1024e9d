"""Linked cases of other protocols on a real server: opened once, told in order, their end told to their parent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.worker import Worker

from activities.contracts import START_LINKED, LinkedCase, LinkedStarted, Parent
from activities.projection import Projector
from protocol.facts import LinkNoticed, LinkStarted
from protocol.kernel import Protocol
from protocol.messages import Actor, Answer, EventHappened, Input
from protocol.names import Slug
from protocol.serial import dump_protocol, protocol_hash
from protocol.state import Linked, Status, Value
from store import protocols, schema
from store.session import Database
from tests.workflows.acts import begin, booked, new_id, runs
from tests.workflows.conftest import KEY
from tests.workflows.drivers import eventually, read_facts
from tests.workflows.texts import ERRAND, RELAY, advocacy, errand, full_case, relay
from worker import build
from workflows import client as cases
from workflows.case import CaseWorkflow
from workflows.messages import TASK_TIMEOUT, CaseStart, linked_case_id
from workflows.sandbox import sandbox

pytestmark = pytest.mark.server

STARTED = 3
"""In an errand: the case opened, the event was recorded, the link was started."""


def happens(protocol: Protocol, event: Slug, command: str | None = None, **fields: Value) -> Input:
    """An event reported by the first agency that may."""
    actor = Actor(person="reporter", role=None, agency=protocol.event[event].sources[0])
    brought = {name.replace("_", "-"): value for name, value in fields.items()}
    return Input(command=command or event, actor=actor, body=EventHappened(event=event, fields=brought))


async def does(client: Client, case_id: str, protocol: Protocol, step: Slug, outcome: Slug, **given: str) -> None:
    """The owner of a step's one open instance answers it; ``given`` are references to protected values."""
    state = (await cases.look(client, case_id)).state
    (found,) = [each for each in state.instances if each.step == step and each.delivered is not None]
    role = protocol.role[found.owners[0]]
    known = {name: value for name, value in ANSWERS.items() if any(
        ask.name == name for each in protocol.step[step].outcomes if each.id == outcome for ask in each.asks
    )}  # fmt: skip
    refs = {name.replace("_", "-"): ref for name, ref in given.items()}
    body = Answer(instance=found.n, outcome=outcome, fields=known, refs=refs)
    actor = Actor(person=f"{role.id}-one", role=role.id, agency=role.agency)
    await cases.send(client, case_id, Input(command=f"{step}-{outcome}", actor=actor, body=body))


ANSWERS: dict[Slug, Value] = {"child-linked": False, "arrested-at": time.time_ns() // 1_000}


async def opened(client: Client, protocol: Protocol, event: Slug, queue: str) -> str:
    case_id = new_id()
    await cases.open_or_join(client, case_id, dump_protocol(protocol), happens(protocol, event), task_queue=queue)
    return case_id


async def linked(client: Client, case_id: str, link: Slug) -> Linked:
    """What a case knows of its linked case, once that has opened."""

    async def known() -> bool:
        found = (await cases.look(client, case_id)).state.links.get(link)
        return found is not None and found.opened

    await eventually(known)
    return (await cases.look(client, case_id)).state.links[link]


async def has_ended(client: Client, case_id: str, link: Slug) -> bool:
    return (await cases.look(client, case_id)).state.links[link].ended


async def heard(client: Client, case_id: str, ref: str) -> bool:
    return ref in (await cases.look(client, case_id)).state.last


async def test_an_arrest_opens_the_advocacy_case(client: Client, task_queue: str) -> None:
    """P2's arrest opens a case of P1, a hearing set there moves it here, and P1's end is told to P2."""
    flow = full_case()
    case_id = await opened(client, flow, "call-received", task_queue)
    await does(client, case_id, flow, "send-car", "done")
    await does(client, case_id, flow, "scene", "arrest")
    inner = linked_case_id(KEY, case_id, (await linked(client, case_id, "advocacy")).seq)
    at = time.time_ns() // 1_000
    await cases.send(client, case_id, happens(flow, "appearance-set", first_appearance=at))
    await eventually(lambda: heard(client, inner, "event:hearing-moved"))
    state = (await cases.look(client, inner)).state

    await does(client, inner, advocacy(), "referral", "given", safe_numbers="ref-1")
    await does(client, inner, advocacy(), "hearing-report", "done")
    assert not await has_ended(client, case_id, "advocacy")
    await cases.send(client, inner, happens(advocacy(), "opt-out"))
    await client.get_workflow_handle(inner).result()

    assert state.fields["first-appearance"] == at
    assert await has_ended(client, case_id, "advocacy")


async def test_a_linked_case_is_told_in_order(client: Client, tmp_path: Path) -> None:
    """A linked case whose protocol is not published yet waits, holds its parent, and then hears all of it in order."""
    url, queue = f"sqlite:///{tmp_path / 'handoff.db'}", f"test-{new_id()}"
    schema.upgrade(url)
    database = Database(url)
    _publish(database, errand(), ERRAND)
    async with build(client, database, key=KEY, task_queue=queue, cached=10):
        case_id = await opened(client, errand(), "begun", queue)
        inner = linked_case_id(KEY, case_id, STARTED)
        for number in range(3):
            await cases.send(client, case_id, happens(errand(), "more", f"more-{number}"))
        await cases.send(client, case_id, happens(errand(), "refused"))
        await cases.send(client, case_id, happens(errand(), "more", "more-3"))
        before = (await cases.look(client, case_id)).state
        with pytest.raises(cases.UnknownCase):
            await cases.send(client, inner, booked())
        _publish(database, relay(), RELAY)
        known = await linked(client, case_id, "papers")

        async def told() -> bool:
            return (await cases.look(client, inner)).state.born == 5

        await eventually(told)
        state = (await cases.look(client, inner)).state
    database.close()

    assert (before.status, before.instances, before.links["papers"].opened) == (Status.OPEN, (), False)
    assert known.seq == STARTED
    assert [each.partition("-")[0] for each in state.replies] == ["link"] * 5
    assert next(iter(state.last)) == "event:booked"
    assert "event:closed" not in state.last


def _publish(database: Database, protocol: Protocol, text: str) -> None:
    with database.write() as connection:
        protocols.publish(connection, protocol, text, published_at=time.time_ns() // 1_000, published_by="council")


async def test_an_end_is_told_across_runs(client: Client, task_queue: str, reader: Database) -> None:
    """A linked case that went on in new runs still tells its parent, itself in a new run, of its end, and once."""
    case_id = new_id()
    inner = linked_case_id(KEY, case_id, STARTED)
    await begin(client, case_id, errand(), task_queue, budget=30)
    data = dump_protocol(relay())
    parent = Parent(case_id=case_id, link="papers", seq=STARTED)
    start = CaseStart(protocol=data.decode(), protocol_hash=protocol_hash(data), budget=30, parent=parent)
    await client.start_workflow("relay", start, id=inner, task_queue=task_queue, task_timeout=TASK_TIMEOUT)
    await cases.send(client, case_id, happens(errand(), "begun"))
    await linked(client, case_id, "papers")
    for number in range(12):
        await cases.send(client, case_id, happens(errand(), "more", f"more-{number}"))

    async def told() -> bool:
        return (await cases.look(client, inner)).state.born == 13

    await eventually(told)
    assert min([len(await runs(client, each)) for each in (case_id, inner)]) > 1
    clerk = Actor(person="cleo", role="clerk", agency="court")
    await cases.send(client, inner, Input(command="end", actor=clerk, body=EventHappened(event="closed")))
    await client.get_workflow_handle(inner).result()
    state = (await cases.look(client, case_id)).state
    await eventually(lambda: _all_projected(client, reader, case_id))

    assert state.links["papers"] == Linked(seq=STARTED, opened=True, ended=True)
    assert [each.step for each in state.instances] == ["follow", "shelve"]
    noticed = [each.body.ended for each in read_facts(reader, case_id) if isinstance(each.body, LinkNoticed)]
    assert noticed == [False, True]


async def _all_projected(client: Client, reader: Database, case_id: str) -> bool:
    return len(read_facts(reader, case_id)) == (await cases.look(client, case_id)).state.seq


async def test_an_ended_parent_needs_no_notice(client: Client, task_queue: str) -> None:
    """A linked case whose parent is over ends by itself."""
    case_id = await opened(client, errand(), "begun", task_queue)
    inner = linked_case_id(KEY, case_id, (await linked(client, case_id, "papers")).seq)
    await cases.send(client, case_id, happens(errand(), "over"))
    await client.get_workflow_handle(case_id).result()
    clerk = Actor(person="cleo", role="clerk", agency="court")
    await cases.send(client, inner, Input(command="end", actor=clerk, body=EventHappened(event="closed")))

    await asyncio.wait_for(client.get_workflow_handle(inner).result(), 30)


async def test_a_notice_lost_with_its_worker_comes_again(
    client: Client, make_worker: Callable[[str], Worker], database: Database, reader: Database
) -> None:
    """A worker that went away after it had opened the linked case, and before it could say so, loses nothing."""
    queue, done = f"test-{new_id()}", asyncio.Event()

    @activity.defn(name=START_LINKED)
    async def open_and_vanish(message: LinkedCase) -> LinkedStarted:
        data = dump_protocol(relay()).decode()
        await cases.open_linked(client, _with(message, data), key=KEY, task_queue=queue)
        done.set()
        await asyncio.Event().wait()
        raise AssertionError

    vanishing = Worker(
        client,
        task_queue=queue,
        workflows=[CaseWorkflow],
        activities=[Projector(database).project, open_and_vanish],
        workflow_runner=sandbox(),
        graceful_shutdown_timeout=timedelta(0),
    )
    async with vanishing:
        case_id = await opened(client, errand(), "begun", queue)
        await asyncio.wait_for(done.wait(), 30)
        assert not (await cases.look(client, case_id)).state.links["papers"].opened
    async with make_worker(queue):
        found = await linked(client, case_id, "papers")
        inner = (await cases.look(client, linked_case_id(KEY, case_id, found.seq))).state
        await eventually(lambda: _all_projected(client, reader, case_id))
        facts = [each.body for each in read_facts(reader, case_id)]

    assert (inner.born, len(inner.replies)) == (1, 1)
    assert [type(each) for each in facts if isinstance(each, LinkStarted | LinkNoticed)] == [LinkStarted, LinkNoticed]


def _with(message: LinkedCase, protocol: str) -> LinkedCase:
    return LinkedCase(case_id=message.case_id, link=message.link, protocol=protocol, shift=message.shift)
