"""The interpreter against the same ten steps written by hand, side by side; and what an idle case costs.

Held equal: the embedded Temporal server, namespace and client (codec, encryption and padding included), one process
for the worker and the sender, the sandbox, the worker's settings, update-with-start for the first command, an update
validated by its own id for each of the ten answers, a stored reply for each, a window with a timer for each step, one
projection activity for each transition with the same retries and heartbeat time-out, into the same kind of SQLite
database with full synchronisation, and a result that keeps the replies. Both are timed from the first command to
the end of the run, when everything is written.

Not equal, because that is what each is: by hand there are ten steps and two rules in code, a log row for each thing
that happened and a row for each step and case, and no label says whose a row is. The interpreter reads its protocol,
keeps any ladder and calendar, labels every row and carries its text in the case's first event.
"""

from __future__ import annotations

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from temporalio.client import Client, WithStartWorkflowOperation
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.worker import Worker

from bench.by_hand import TenSteps
from bench.hand_messages import STEPS, HandCommand, HandReply, role_of
from bench.hand_store import HandStore
from protocol.compiling.compiler import compile_text
from protocol.kernel import Protocol
from protocol.messages import Actor, Answer, EventHappened, Input
from protocol.serial import dump_protocol
from runtime.codec import DerivedCaseKeys
from runtime.temporal import connect
from store import protocols, schema
from store.session import Database
from tests.servers import NAMESPACE, temporal_server
from worker import GRACE, STICKY, build
from workflows import client as cases
from workflows.messages import TASK_TIMEOUT
from workflows.sandbox import sandbox

ROUNDS = 10
CASES = 12
"""Cases in a round of each kind, a quarter of them at a time."""
AT_ONCE = 4
IDLE = 200
TEXT = """\
protocol: ten
timezone: UTC
agencies:
 police: {lead: sergeant, roles: [patrol]}
 court: {lead: clerk}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
events:
 reported: {from: police, then: start a case}
steps in work:
""" + "".join(
    f"""\
 {name}:
  when: {"reported" if number == 0 else f"{STEPS[number - 1]} done"}
  who: {role_of(number)}
  must: do this part
  due: within 1 hour
  ladder: {{when due: tell sergeant}}
  outcomes: {{done: }}
"""
    for number, name in enumerate(STEPS)
)
AGENCIES = {"patrol": "police", "clerk": "court"}
RECORDS = Actor(person="police-records", role=None, agency="police")

Play = Callable[["Place"], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Place:
    """A running server and worker, and the compiled ten steps."""

    client: Client
    queue: str
    data: bytes
    folder: Path


@dataclass(slots=True)
class Side:
    """One way of running a case, and what it took: seconds of wall and of this process's CPU for each case."""

    name: str
    play: Play
    wall: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    events: list[int] = field(default_factory=list)


def measure() -> None:
    """Print the comparison and the cost of an idle case, from one server."""
    asyncio.run(_measure())


async def _measure() -> None:
    async with _place() as place:
        hand, interpreter = Side("by hand", _by_hand), Side("interpreter", _interpreted)
        for each in (hand, interpreter):
            await _round(each, place)
            each.wall.clear()
            each.busy.clear()
            each.events.clear()
        for number in range(ROUNDS):
            pair = (hand, interpreter)
            for each in pair if number % 2 else reversed(pair):
                await _round(each, place)
        for each in (hand, interpreter):
            print(
                f"ten steps, {each.name}: {statistics.median(each.wall) * 1000:.0f} ms a case (best round"
                f" {min(each.wall) * 1000:.0f} ms), {statistics.median(each.busy) * 1000:.0f} ms of CPU in worker and"
                f" sender, {statistics.mean(each.events):.1f} history events"
            )
        time_ratio = statistics.median(a / b for a, b in zip(interpreter.wall, hand.wall, strict=True))
        busy_ratio = statistics.median(a / b for a, b in zip(interpreter.busy, hand.busy, strict=True))
        events_ratio = statistics.mean(interpreter.events) / statistics.mean(hand.events)
        print(
            f"interpreter over by hand, {ROUNDS} rounds in turn: time {time_ratio:.2f}x (best"
            f" {min(interpreter.wall) / min(hand.wall):.2f}x, goal 1.15x), CPU {busy_ratio:.2f}x,"
            f" events {events_ratio:.2f}x (goal 1.05x)"
        )
        await _idle(place)


@asynccontextmanager
async def _place() -> AsyncIterator[Place]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compiled = compile_text(TEXT, today=datetime.now(UTC).date()).protocol
        database = _database(folder / "handoff.db", compiled)
        by_hand = HandStore(Database(f"sqlite:///{folder / 'by-hand.db'}"))
        async with temporal_server(folder / "temporal", time_skipping=False) as address:
            client = await connect(address, NAMESPACE, DerivedCaseKeys(folder / "keys"))
            queue = "bench"
            plain = Worker(
                client,
                task_queue=f"{queue}-by-hand",
                workflows=[TenSteps],
                activities=[by_hand.record],
                workflow_runner=sandbox("bench.hand_messages"),
                max_cached_workflows=2000,
                sticky_queue_schedule_to_start_timeout=STICKY,
                graceful_shutdown_timeout=GRACE,
            )
            async with build(client, database, key=bytes(32), task_queue=queue, cached=2000), plain:
                yield Place(client, queue, dump_protocol(compiled), folder)


def _database(path: Path, protocol: Protocol) -> Database:
    url = f"sqlite:///{path}"
    schema.upgrade(url)
    database = Database(url)
    with database.write() as connection:
        protocols.publish(connection, protocol, TEXT, published_at=time.time_ns() // 1_000, published_by="council")
    return database


async def _round(side: Side, place: Place) -> None:
    """Play some cases, a few at a time."""
    began, cpu = time.perf_counter(), time.process_time()
    turns = asyncio.Semaphore(AT_ONCE)

    async def one() -> str:
        async with turns:
            return await side.play(place)

    played = await asyncio.gather(*(one() for _ in range(CASES)))
    side.wall.append((time.perf_counter() - began) / CASES)
    side.busy.append((time.process_time() - cpu) / CASES)
    side.events += [await _events(place, each) for each in played]


async def _events(place: Place, case_id: str) -> int:
    return len((await place.client.get_workflow_handle(case_id).fetch_history()).events)


async def _open(place: Place, case_id: str) -> None:
    reported = Input(command=f"{case_id}-0", actor=RECORDS, body=EventHappened(event="reported"))
    await cases.open_or_join(place.client, case_id, place.data, reported, task_queue=place.queue)


async def _interpreted(place: Place) -> str:
    """One case of the published text, from its report to its end."""
    case_id = str(uuid4())
    await _open(place, case_id)
    for number in range(len(STEPS)):
        actor = Actor(person="somebody", role=role_of(number), agency=AGENCIES[role_of(number)])
        answer = Input(command=f"{case_id}-{number + 1}", actor=actor, body=Answer(instance=number + 1, outcome="done"))
        await cases.send(place.client, case_id, answer)
    await place.client.get_workflow_handle(case_id).result()
    return case_id


async def _by_hand(place: Place) -> str:
    """The same case by hand."""
    case_id = str(uuid4())
    start: WithStartWorkflowOperation[TenSteps, object] = WithStartWorkflowOperation(
        "ten-by-hand",
        id=case_id,
        task_queue=f"{place.queue}-by-hand",
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        task_timeout=TASK_TIMEOUT,
    )
    report = HandCommand(command=f"{case_id}-0", person="police-records", role="records")
    await place.client.execute_update_with_start_workflow(
        "act", report, start_workflow_operation=start, id=report.command, result_type=HandReply
    )
    handle = place.client.get_workflow_handle(case_id)
    for number in range(len(STEPS)):
        done = HandCommand(command=f"{case_id}-{number + 1}", person="somebody", role=role_of(number), step=number)
        await handle.execute_update("act", done, id=done.command, result_type=HandReply)
    await handle.result()
    return case_id


async def _idle(place: Place) -> None:
    """Cases that were opened and wait: what Temporal keeps of each."""
    path = next((place.folder / "temporal").glob("temporal*.db"))
    before = _bytes(path)
    opened = [str(uuid4()) for _ in range(IDLE)]
    for each in opened:
        await _open(place, each)
    while any([await _busy(place, each) for each in opened]):  # noqa: ASYNC110 - nothing says when a server is done
        await asyncio.sleep(0.2)
    events = statistics.mean([await _events(place, each) for each in opened])
    size = (_bytes(path) - before) / IDLE
    print(
        f"an idle case (opened, its first window open): {size:,.0f} bytes in Temporal's database, {events:.1f} events"
    )


async def _busy(place: Place, case_id: str) -> bool:
    described = (await place.client.get_workflow_handle(case_id).describe()).raw_description
    return bool(described.pending_activities) or described.HasField("pending_workflow_task")


def _bytes(path: Path) -> int:
    """The pages in use: files grow in steps and keep a log that is not yet theirs."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        pages, free, size = (
            connection.execute(f"PRAGMA {each}").fetchone()[0] for each in ("page_count", "freelist_count", "page_size")
        )
    finally:
        connection.close()
    return int((pages - free) * size)
