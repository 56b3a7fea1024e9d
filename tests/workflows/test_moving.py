"""Cases go over to another text and back on a real server, one by one and by runs that are cut off."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest
from sqlalchemy import select
from temporalio.client import Client

from api.moving import Mover
from protocol.migrating.hindrances import Code
from protocol.migrating.plan import Plan
from protocol.serial import dump_protocol, protocol_hash
from store import protocols, tables
from store.migrating import runs
from store.migrating.runs import Outcome, Run, Stage
from store.migrating.tables import migration_item
from store.rebuild import rebuild
from store.session import Database
from tests.workflows.acts import begin, booked, filed, given, kinds, moves, new_id, note
from tests.workflows.drivers import eventually, read_facts
from tests.workflows.texts import relay, sooner, unfiled
from workflows import client as cases

pytestmark = pytest.mark.server

OLD, NEW = (protocol_hash(dump_protocol(each)) for each in (relay(), sooner()))
HALF_AN_HOUR = 30 * 60 * 1_000_000


async def opened(client: Client, task_queue: str, *, budget: int = 2_000) -> str:
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue, budget=budget)
    await cases.send(client, case_id, booked())
    return case_id


def due(reader: Database, case_id: str) -> int:
    with reader.read() as connection:
        found = connection.execute(select(tables.task.c.due_at).where(tables.task.c.case_id == case_id)).scalar()
    return found or 0


def duties(reader: Database, case_id: str) -> dict[str, list[str]]:
    """How the case's duties stand, by their steps, in the order they were owed."""
    wanted = select(tables.task.c.step, tables.task.c.status).where(tables.task.c.case_id == case_id)
    found: dict[str, list[str]] = {}
    with reader.read() as connection:
        for step, status in connection.execute(wanted.order_by(tables.task.c.instance)):
            found.setdefault(step, []).append(status)
    return found


async def projected(reader: Database, case_id: str, seq: int) -> None:
    def there() -> bool:
        facts = read_facts(reader, case_id)
        return bool(facts) and facts[-1].seq >= seq

    await seen(there)


async def seen(holds: Callable[[], bool]) -> None:
    async def asked() -> bool:
        return holds()

    await eventually(asked)


async def test_a_case_goes_over_and_back(client: Client, task_queue: str, database: Database, reader: Database) -> None:
    """Its window is 30 min shorter and then as it was; each fact is kept under the text it was recorded under."""
    case_id = await opened(client, task_queue)
    await projected(reader, case_id, 2)
    at_first = due(reader, case_id)
    there, back = moves(relay(), sooner())

    reply = await cases.move(client, case_id, there)
    assert reply.pinned == NEW
    assert await cases.move(client, case_id, there) == reply
    await projected(reader, case_id, reply.seq)
    assert at_first - due(reader, case_id) == HALF_AN_HOUR

    again = await cases.move(client, case_id, back)
    await projected(reader, case_id, again.seq)
    assert due(reader, case_id) == at_first
    assert (await cases.look(client, case_id)).protocol_hash == OLD
    with reader.read() as connection:
        fact = tables.fact.c
        rows = connection.execute(
            select(fact.kind, fact.protocol_hash).where(fact.case_id == case_id).order_by(fact.seq)
        )
        kept = [tuple(each) for each in rows]
        file = connection.execute(select(tables.case_file).where(tables.case_file.c.case_id == case_id)).one()
    moved = [number for number, (kind, _) in enumerate(kept) if kind == "case-migrated"]
    assert [hash_ for _, hash_ in kept] == [
        *[OLD] * moved[0],
        *[NEW] * (moved[1] - moved[0]),
        *[OLD] * (len(kept) - moved[1]),
    ]
    assert file.protocol_hash == OLD
    report = await asyncio.to_thread(rebuild, database)
    assert report.before == report.after


async def test_a_hindered_move_leaves_no_trace(client: Client, task_queue: str) -> None:
    """What the plan does not cover is refused with the place, and the server hears of it nowhere."""
    case_id = await opened(client, task_queue)
    _, back = moves(relay(), sooner())
    with pytest.raises(cases.Hindered) as refused:
        await cases.move(client, case_id, back)
    assert refused.value.hindrance.code is Code.NOT_MOVED
    assert (await kinds(client, case_id))["WORKFLOW_EXECUTION_UPDATE_ACCEPTED"] == 1


async def test_a_case_that_moved_goes_on_in_new_runs(client: Client, task_queue: str, reader: Database) -> None:
    """Continued as new it keeps the newer text, what it remembers of the older one, and the answer it gave."""
    case_id = await opened(client, task_queue, budget=30)
    there, back = moves(relay(), sooner())
    reply = await cases.move(client, case_id, there)
    for number in range(8):
        await cases.send(client, case_id, note(f"n{number}"))
    assert (await cases.look(client, case_id)).protocol_hash == NEW
    assert (await cases.move(client, case_id, there)).pinned == reply.pinned
    await cases.move(client, case_id, back)
    assert (await cases.look(client, case_id)).protocol_hash == OLD
    await projected(reader, case_id, reply.seq)


async def test_answers_and_a_move_at_once_are_all_honoured(client: Client, task_queue: str) -> None:
    """Ten people answer while the case moves: one loop orders them, and every answer is taken once."""
    case_id = await opened(client, task_queue)
    for number in range(9):
        await cases.send(client, case_id, note(f"n{number}"))
    there, _ = moves(relay(), sooner())
    answers = [cases.send(client, case_id, given(f"g{number}", number)) for number in range(1, 11)]
    results = await asyncio.gather(*answers[:5], cases.move(client, case_id, there), *answers[5:])
    assert len(results) == 11
    state = (await cases.look(client, case_id)).state
    assert {f"g{number}" for number in range(1, 11)} <= set(state.replies)
    assert sorted(each.step for each in state.instances) == ["file"] * 10


def run_of(name: str, *, then_wait: int = 0, gone_on: int = 0, target: str = NEW, **steps: object) -> Run:
    first = {"least": 2, "share": 0.0, "then wait": then_wait, "gone on": gone_on}
    lines = {"migration": "relay", "first share": first, "quiet before": 0, "steps": steps}
    plan = Plan.model_validate({**lines, "cases a second": 100}, by_alias=True)
    now = time.time_ns() // 1_000
    return Run(
        id=name, slug="relay", target=target, plan=plan, stage=Stage.FIRST, waits_until=None, ordered_at=now,
        ordered_by="council",
    )  # fmt: skip


def mover(database: Database, client: Client) -> Mover:
    return Mover(database, partial(cases.move, client), partial(cases.glance, client))


def order(database: Database, run: Run, case_ids: list[str]) -> int:
    with database.write() as connection:
        return runs.order(connection, run, case_ids)


def standing(reader: Database, run: Run) -> tuple[Stage, dict[Outcome, int]]:
    with reader.read() as connection:
        return runs.one(connection, run.id).stage, runs.counts(connection, run.id)


async def test_a_run_moves_every_case_once_and_takes_them_back(
    client: Client, task_queue: str, database: Database, reader: Database
) -> None:
    """The first share, the wait, the rest; an ended case is passed over; taken back, each runs on its older text."""
    ids = [await opened(client, task_queue) for _ in range(6)]
    for each in ids:
        await projected(reader, each, 2)
    await cases.send(client, ids[-1], given("g"))
    await cases.send(client, ids[-1], filed("f"))
    run = run_of(new_id(), then_wait=3600)
    assert order(database, run, ids) >= 5
    works = mover(database, client)
    while await works.work():
        pass
    stage, counts = standing(reader, run)
    assert (stage, counts[Outcome.MOVED] + counts.get(Outcome.ENDED, 0)) == (Stage.WAITING, 2)

    with database.write() as connection:
        runs.go_on(connection, run.id, time.time_ns() // 1_000)
    # Another process takes up what this one leaves.
    await mover(Database(database.url, database.keys), client).work()
    await works.work()
    stage, counts = standing(reader, run)
    assert stage is Stage.OVER
    assert sum(counts.values()) == counts[Outcome.MOVED] + counts.get(Outcome.ENDED, 0)
    assert {(await cases.look(client, each)).protocol_hash for each in ids[:-1]} == {NEW}

    with database.write() as connection:
        assert runs.take_back(connection, run.id) == counts[Outcome.MOVED]
    while await works.work():
        pass
    stage, counts = standing(reader, run)
    assert stage is Stage.TAKEN_BACK
    assert counts[Outcome.RETURNED] == 5
    assert {(await cases.look(client, each)).protocol_hash for each in ids[:-1]} == {OLD}


@pytest.mark.parametrize("other", [True, False], ids=["goes on", "nothing owed"])
async def test_a_duty_that_a_plan_closes_is_on_no_list_until_it_is_owed_again(
    client: Client, task_queue: str, database: Database, reader: Database, *, other: bool
) -> None:
    """Its step is gone: what its owner reads says so, if the case has more to do and if nothing else is owed in it."""
    case_id = await opened(client, task_queue)
    if other:
        await cases.send(client, case_id, note("note"))
    reply = await cases.send(client, case_id, given("given"))
    await projected(reader, case_id, reply.seq)
    target = protocol_hash(dump_protocol(unfiled()))
    run = run_of(new_id(), target=target, file={"close": "not owed", "because": "placeholder"})
    assert order(database, run, [case_id]) == 1
    works = mover(database, client)
    while await works.work():
        pass
    assert standing(reader, run)[1] == {Outcome.MOVED: 1}
    left = ["open"] if other else []
    await seen(lambda: duties(reader, case_id) == {"hand-over": ["ended", *left], "file": ["cancelled"]})

    with database.write() as connection:
        runs.take_back(connection, run.id)
    while await works.work():
        pass
    await seen(lambda: "open" in duties(reader, case_id)["file"])
    report = await asyncio.to_thread(rebuild, database)
    assert report.before == report.after


async def test_the_rest_waits_until_the_first_cases_have_gone_on(
    client: Client, task_queue: str, database: Database, reader: Database
) -> None:
    """With no time to wait, one of the two first cases must be answered; no case is told to be broken."""
    ids = [await opened(client, task_queue) for _ in range(3)]
    for each in ids:
        await projected(reader, each, 2)
    run = run_of(new_id(), gone_on=1)
    order(database, run, ids)
    works = mover(database, client)
    for _ in range(3):
        await works.work()
    assert standing(reader, run)[0] is Stage.WAITING

    reply = await cases.send(client, ids[0], given("g"))
    await projected(reader, ids[0], reply.seq)
    while standing(reader, run)[0] is not Stage.OVER:
        await works.work()
    with reader.read() as connection:
        item = migration_item.c
        rows = connection.execute(select(item.result, item.code).where(item.run == run.id, item.case_id.in_(ids)))
        assert {tuple(each) for each in rows} == {(Outcome.MOVED.value, None)}


async def test_a_stopped_run_moves_nobody_else(
    client: Client, task_queue: str, database: Database, reader: Database
) -> None:
    """Stopped after the first share the others stay; two runs of one protocol at once are refused."""
    ids = [await opened(client, task_queue) for _ in range(4)]
    for each in ids:
        await projected(reader, each, 2)
    run = run_of(new_id())
    order(database, run, ids)
    with pytest.raises(Exception, match="RUN_UNDER_WAY"):
        order(database, replace(run, id="another"), ids)
    with database.write() as connection:
        runs.stop(connection, run.id)
    assert await mover(database, client).work() == 0
    assert {(await cases.look(client, each)).protocol_hash for each in ids} == {OLD}


def test_what_cases_carry_stands_for_a_published_text(database: Database) -> None:
    """A text that stands for none that is published is not kept."""
    stray = replace(relay(), base="0" * 64)
    with database.write() as connection, pytest.raises(Exception, match="UNKNOWN_PROTOCOL"):
        protocols.carry(connection, dump_protocol(stray))
