"""A case on a real server: answers that hold, refusals that leave nothing behind, one timer, an end."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from temporalio.client import Client, WorkflowFailureError
from temporalio.exceptions import ApplicationError
from temporalio.testing import TimeSkipper

from protocol.facts import EventRecorded, LinkedCaseStarted, WindowMissed
from protocol.messages import Refusal
from protocol.serial import dump_protocol
from protocol.state import Code, Status
from store.session import Database
from tests.workflows.acts import begin, booked, end, filed, given, kinds, new_id, note, runs, second
from tests.workflows.conftest import KEY
from tests.workflows.drivers import SECOND, TemporalDriver, eventually, read_facts
from tests.workflows.texts import linking, relay
from workflows import client as cases
from workflows.case import PATIENCE
from workflows.messages import NEVER_OPENED, CaseClosed, CommandReply, linked_case_id

pytestmark = pytest.mark.server

HOUR = 3_600 * SECOND


async def _delivered(client: Client, case_id: str) -> bool:
    return not (await cases.look(client, case_id)).undelivered


async def _waiting(client: Client, case_id: str) -> bool:
    return (await kinds(client, case_id))["TIMER_STARTED"] == 1


async def _exists(client: Client, case_id: str) -> bool:
    try:
        return await cases.recall(client, case_id, f"link-{case_id}") is not None
    except cases.UnknownCase:
        return False


async def opened(client: Client, task_queue: str) -> str:
    """A case with one hand-over open."""
    case_id = new_id()
    await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=task_queue)
    return case_id


async def test_a_command_has_one_answer(client: Client, task_queue: str) -> None:
    """The same command id gives the same answer, whatever is sent with it and whatever happened since."""
    case_id = await opened(client, task_queue)
    first = await cases.send(client, case_id, given("c1"))
    await cases.send(client, case_id, note("c2"))

    assert await cases.send(client, case_id, given("c1")) == first
    assert await cases.send(client, case_id, note("c1")) == first
    assert await cases.recall(client, case_id, "c1") == first
    assert await cases.recall(client, case_id, "never") is None


async def test_an_answer_outlives_its_run(client: Client, task_queue: str) -> None:
    """A command sent again after the case went on in a new run gets its first answer."""
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue, budget=30)
    replies = [await cases.send(client, case_id, note(f"c{n}") if n else booked("c0")) for n in range(12)]
    again = [await cases.send(client, case_id, note(f"c{n}") if n else booked("c0")) for n in range(12)]

    assert len(await runs(client, case_id)) > 1
    assert again == replies


async def test_an_answer_outlives_its_case(client: Client, task_queue: str) -> None:
    """An ended case still answers the commands it took, and says of others that it has ended."""
    case_id = await opened(client, task_queue)
    answer = await cases.send(client, case_id, end())
    await client.get_workflow_handle(case_id).result()

    assert await cases.send(client, case_id, end()) == answer
    with pytest.raises(cases.CaseHasEnded) as error:
        await cases.send(client, case_id, note("late"))
    assert error.value.seq == answer.seq
    with pytest.raises(cases.CaseHasEnded):
        await cases.open_or_join(client, case_id, dump_protocol(relay()), booked("late"), task_queue=task_queue)


async def test_a_refusal_writes_nothing(client: Client, task_queue: str) -> None:
    """A refused command says why and leaves the history exactly as long as it was."""
    case_id = await opened(client, task_queue)
    await eventually(lambda: _delivered(client, case_id))
    before = await kinds(client, case_id)
    with pytest.raises(cases.Refused) as error:
        await cases.send(client, case_id, filed("c1", instance=1))
    with pytest.raises(cases.Refused):
        await cases.send(client, case_id, given("c1", instance=7))

    assert error.value.refusal == Refusal(code=Code.NOT_YOURS, place="hand-over")
    assert error.value.message == "Hand-over is not yours to do: it belongs to another role or agency."
    assert await kinds(client, case_id) == before
    assert await cases.send(client, case_id, given("c1")) == CommandReply(seq=6, instance=1)


async def test_a_first_refusal_starts_nothing(client: Client, task_queue: str) -> None:
    """An event that cannot open a case is refused before there is one."""
    case_id = new_id()
    with pytest.raises(cases.Refused) as error:
        await cases.open_or_join(client, case_id, dump_protocol(relay()), note("c1"), task_queue=task_queue)

    assert error.value.code == Code.NOT_STARTED
    with pytest.raises(cases.UnknownCase):
        await cases.send(client, case_id, note("c1"))


async def test_one_incident_is_one_case(client: Client, task_queue: str) -> None:
    """Twenty reports of an incident at once open one case, and all get the same answer."""
    case_id, protocol = new_id(), dump_protocol(relay())
    replies = await asyncio.gather(
        *(cases.open_or_join(client, case_id, protocol, booked(), task_queue=task_queue) for _ in range(20))
    )

    assert replies == [CommandReply(seq=3, opened=True)] * 20
    assert (await cases.look(client, case_id)).state.born == 1


async def test_different_reports_join(client: Client, task_queue: str) -> None:
    """Twenty different reports at once are one case that took each of them; one of them opened it."""
    case_id, protocol = new_id(), dump_protocol(relay())
    replies = await asyncio.gather(
        *(cases.open_or_join(client, case_id, protocol, booked(f"c{n}"), task_queue=task_queue) for n in range(20))
    )

    assert sum(each.opened for each in replies) == 1
    assert len({each.seq for each in replies}) == 20
    assert (await cases.look(client, case_id)).state.born == 20


async def test_one_timer_is_armed(driver: TemporalDriver, client: Client) -> None:
    """However many windows are open a case has one timer, set again only when something is due earlier."""
    start = 1_800_000_000 * SECOND
    await driver.start(relay())
    await driver.advance(start)
    await driver.send(booked())
    await driver.advance(start + HOUR // 2)
    for n in range(5):
        await driver.send(note(f"later-{n}"))
    later = await kinds(client, driver.case_id)
    await driver.send(given("earlier"))
    earlier = await kinds(client, driver.case_id)

    assert (later["TIMER_STARTED"], later["TIMER_CANCELED"]) == (1, 0)
    assert (earlier["TIMER_STARTED"], earlier["TIMER_CANCELED"]) == (2, 1)


async def test_a_stale_timer_decides_nothing(driver: TemporalDriver, client: Client) -> None:
    """A timer whose window was answered fires into nothing, and the next window is missed on its own minute."""
    start = 1_800_000_000 * SECOND
    await driver.start(relay())
    await driver.advance(start)
    await driver.send(booked())
    await driver.advance(start + HOUR)
    await driver.send(note("second"))
    await driver.send(given("first", instance=1))
    await driver.send(filed("first-filed", instance=3))
    await driver.advance(start + 2 * HOUR + HOUR // 2)
    before = await driver.facts()
    await driver.advance(start + 3 * HOUR + SECOND)
    missed = [each for each in await driver.facts() if isinstance(each.body, WindowMissed)]

    assert not any(isinstance(each.body, WindowMissed) for each in before)
    assert [each.at - start - 3 * HOUR < SECOND for each in missed] == [True]
    assert (await kinds(client, driver.case_id))["TIMER_FIRED"] == 2


async def test_a_case_without_a_first_command_gives_up(skipper: TimeSkipper, client: Client, task_queue: str) -> None:
    """A run whose first command never comes fails after ten minutes, and the incident can still open its case."""
    case_id = new_id()
    handle = client.get_workflow_handle(case_id)
    with skipper.with_time_skipping_disabled():
        await begin(skipper.client, case_id, relay(), task_queue)
    await skipper.fast_forward(handle, timedelta(microseconds=PATIENCE + SECOND))
    with pytest.raises(WorkflowFailureError) as error:
        await handle.result()
    assert isinstance(error.value.cause, ApplicationError)
    assert error.value.cause.type == NEVER_OPENED

    with pytest.raises(cases.UnknownCase):
        await cases.send(client, case_id, note("c1"))
    reply = await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=task_queue)
    assert reply == CommandReply(seq=3, opened=True)


async def test_a_slow_first_command_is_taken(client: Client, task_queue: str) -> None:
    """A run waits for its first command: a sender that was cut off finds the case it began."""
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue)
    await eventually(lambda: _waiting(client, case_id))
    reply = await cases.open_or_join(client, case_id, dump_protocol(relay()), booked(), task_queue=task_queue)

    assert reply == CommandReply(seq=3, opened=True)


async def test_a_linked_case_starts_once(client: Client, task_queue: str) -> None:
    """An event that starts a linked case starts one case, whose id follows from the fact that says so."""
    case_id = await opened(client, task_queue)
    reply = await cases.send(client, case_id, second("c1"))
    assert await cases.send(client, case_id, second("c1")) == reply
    linked = linked_case_id(KEY, case_id, reply.seq)
    await eventually(lambda: _exists(client, linked))
    look = await cases.look(client, linked)
    await cases.send(client, case_id, end())
    await client.get_workflow_handle(case_id).result()

    assert (look.state.status, look.state.born) == (Status.OPEN, 1)


async def test_a_linked_case_names_the_agency_that_caused_it(
    driver: TemporalDriver, client: Client, reader: Database
) -> None:
    """The new case's opening names whose act began it: who reported it, or whose missed window did."""
    await driver.start(linking())
    await driver.advance(1_800_000_000 * SECOND)
    for command in (booked(), second("c1"), given("c2")):
        await driver.send(command)
    await driver.advance((await cases.look(client, driver.case_id)).state.now + HOUR + SECOND)
    linked = [
        linked_case_id(KEY, driver.case_id, each.seq)
        for each in await driver.facts()
        if isinstance(each.body, LinkedCaseStarted)
    ]

    async def all_projected() -> bool:
        return all(read_facts(reader, each) for each in linked)

    await eventually(all_projected)
    openings = [each.body for case in linked for each in read_facts(reader, case)]
    found = [each for each in openings if isinstance(each, EventRecorded)]

    assert [each.agency for each in found] == ["police", "court"]
    assert [each.person for each in found] == ["police-records", linked[1]]


async def test_an_ended_case_still_starts_linked_cases(client: Client, task_queue: str) -> None:
    """After its end a case turns every event away but one that starts a linked case, and that once per command."""
    case_id, protocol = await opened(client, task_queue), dump_protocol(relay())
    await cases.send(client, case_id, end())
    await client.get_workflow_handle(case_id).result()
    ended = cases.CaseHasEnded(4)
    linked = [
        await cases.open_after_end(client, case_id, ended, protocol, second(each), key=KEY, task_queue=task_queue)
        for each in ("c1", "c1", "c2")
    ]

    assert linked[0] == linked[1] != linked[2]
    with pytest.raises(cases.Refused) as error:
        await cases.open_after_end(client, case_id, ended, protocol, note("c3"), key=KEY, task_queue=task_queue)
    assert error.value.code == Code.CASE_ENDED


async def test_a_case_finishes(client: Client, task_queue: str) -> None:
    """When nothing is live any more and everything is projected, the run completes."""
    case_id = await opened(client, task_queue)
    await cases.send(client, case_id, given("c1"))
    await cases.send(client, case_id, filed("c2"))
    closed: CaseClosed = await client.get_workflow_handle(case_id, result_type=CaseClosed).result()

    assert list(closed.replies) == ["booked", "c1", "c2"]
