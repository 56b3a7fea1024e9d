"""Every run of an ended case deleted from a real server, however often it was continued and wherever it is cut off."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import DeleteWorkflowExecutionRequest
from temporalio.client import Client
from temporalio.service import RPCError

from protocol.errors import HandoffError
from tests.workflows.acts import begin, booked, end, new_id, note, runs
from tests.workflows.drivers import eventually
from tests.workflows.texts import relay
from workflows import client as cases
from workflows.forgetting import delete_runs

pytestmark = pytest.mark.server


async def long_case(client: Client, task_queue: str) -> str:
    """An ended case of several runs."""
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue, budget=30)
    await cases.send(client, case_id, booked())
    for number in range(12):
        await cases.send(client, case_id, note(f"note-{number}"))
    await cases.send(client, case_id, end())

    async def is_over() -> bool:
        return (await client.get_workflow_handle(case_id).describe()).close_time is not None

    await eventually(is_over)
    return case_id


async def kept(client: Client, case_id: str) -> int:
    """How many runs the server lists."""
    return len([each async for each in client.list_workflows(f'WorkflowId = "{case_id}"')])


async def test_every_run_of_a_continued_case_is_deleted(client: Client, task_queue: str) -> None:
    """The server has no run of it, lists none, and knows no such case any more; doing it again does nothing."""
    case_id = await long_case(client, task_queue)
    number = len(await runs(client, case_id))
    assert number > 2

    assert await delete_runs(client, case_id) == number
    assert await kept(client, case_id) == 0
    with pytest.raises(RPCError):
        await client.get_workflow_handle(case_id).describe()
    assert await delete_runs(client, case_id) == 0


async def test_a_deletion_that_was_cut_off_is_taken_up_again(client: Client, task_queue: str) -> None:
    """With the oldest run gone already the others are still found."""
    case_id = await long_case(client, task_queue)
    oldest, *_ = await runs(client, case_id)
    execution = WorkflowExecution(workflow_id=case_id, run_id=oldest)
    await client.workflow_service.delete_workflow_execution(
        DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
    )

    assert await delete_runs(client, case_id) > 1
    assert await kept(client, case_id) == 0


async def test_an_open_case_loses_nothing(client: Client, task_queue: str) -> None:
    """Deleting would end it: it is refused, and the case goes on."""
    case_id = new_id()
    await begin(client, case_id, relay(), task_queue)
    await cases.send(client, case_id, booked())
    with pytest.raises(HandoffError, match="CASE_OPEN"):
        await delete_runs(client, case_id)

    assert (await cases.send(client, case_id, note("note"))).seq > 0
    await cases.send(client, case_id, end())
