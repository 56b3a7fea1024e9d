"""What people do in the small protocol, and what a case's history says of it."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client

from protocol.kernel import Protocol
from protocol.messages import Actor, Answer, EventHappened, Input
from protocol.migrating.plan import Plan
from protocol.serial import dump_protocol, protocol_hash
from workflows.messages import EVENTS_PER_RUN, TASK_TIMEOUT, CaseStart, Move

RECORDS = Actor(person="police-records", role=None, agency="police")
PATROL = Actor(person="pat", role="patrol", agency="police")
CLERK = Actor(person="cleo", role="clerk", agency="court")


def new_id() -> str:
    """An id that no other test has."""
    return str(uuid4())


def booked(command: str = "booked") -> Input:
    """The event that opens a case and its first hand-over."""
    return Input(command=command, actor=RECORDS, body=EventHappened(event="booked"))


def note(command: str) -> Input:
    """An event that opens one more hand-over."""
    return Input(command=command, actor=RECORDS, body=EventHappened(event="note"))


def reported(event: str) -> Input:
    """An event that the police report, once."""
    return Input(command=event, actor=RECORDS, body=EventHappened(event=event))


def second(command: str) -> Input:
    """An event that starts a linked case."""
    return Input(command=command, actor=RECORDS, body=EventHappened(event="second"))


def end(command: str = "end") -> Input:
    """The event that ends the case."""
    return Input(command=command, actor=CLERK, body=EventHappened(event="closed"))


def given(command: str, instance: int = 1) -> Input:
    """Patrol hands the papers over."""
    return Input(command=command, actor=PATROL, body=Answer(instance=instance, outcome="given"))


def filed(command: str, instance: int = 2) -> Input:
    """The clerk files the papers."""
    return Input(command=command, actor=CLERK, body=Answer(instance=instance, outcome="filed"))


def moves(old: Protocol, new: Protocol, run: str = "run") -> tuple[Move, Move]:
    """A case's move to a newer text by a plan without lines, and its way back."""
    plan = Plan(migration=new.id).dump().decode()
    texts = [dump_protocol(each).decode() for each in (new, old)]
    return Move(run=run, protocol=texts[0], plan=plan), Move(run=run, protocol=texts[1], plan=plan, undo=True)


async def begin(
    client: Client, case_id: str, protocol: Protocol, task_queue: str, *, budget: int = EVENTS_PER_RUN
) -> None:
    """Start a case's run with no command yet, as a client does that is killed in between."""
    data = dump_protocol(protocol)
    start = CaseStart(protocol=data.decode(), protocol_hash=protocol_hash(data), budget=budget)
    await client.start_workflow(protocol.id, start, id=case_id, task_queue=task_queue, task_timeout=TASK_TIMEOUT)


async def events(client: Client, case_id: str, run: str | None = None) -> list[HistoryEvent]:
    """The history of the case's last run, or of the given one."""
    return [each async for each in client.get_workflow_handle(case_id, run_id=run).fetch_history_events()]


async def kinds(client: Client, case_id: str, run: str | None = None) -> Counter[str]:
    """How often each kind of event is in that history: ``TIMER_STARTED``, ``ACTIVITY_TASK_SCHEDULED`` ..."""
    prefix = "EVENT_TYPE_"
    return Counter(EventType.Name(each.event_type).removeprefix(prefix) for each in await events(client, case_id, run))


async def runs(client: Client, case_id: str) -> list[str]:
    """The ids of every run of the case, first to last."""
    described = await client.get_workflow_handle(case_id).describe()
    found = [described.raw_description.workflow_execution_info.first_run_id]
    while True:
        last = (await events(client, case_id, found[-1]))[-1]
        following = last.workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        if not following:
            return found
        found.append(following)
