"""Every run of an ended case deleted from Temporal, and waited for: of a continued case there are several."""

from __future__ import annotations

import asyncio
import time

from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    GetWorkflowExecutionHistoryRequest,
    GetWorkflowExecutionHistoryResponse,
)
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from protocol.errors import HandoffError
from protocol.names import OpaqueId

PATIENCE = 300.0
"""Seconds to wait for the server, which deletes in its own time."""

GOING_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)


async def delete_runs(client: Client, case_id: OpaqueId, *, within: float = PATIENCE) -> int:
    """Delete every run of an ended case and wait until none is left; how many there were.

    Cut off, it is run again: the oldest goes first, so that those still there are found from the last one.

    Raises:
        HandoffError: ``CASE_OPEN`` when a run of the case still goes on, and nothing is deleted then; ``RUNS_LEFT``
            when the server still has some after so many seconds; ``TEMPORAL_SILENT``.
    """
    try:
        runs = await _runs(client, case_id)
        for run in runs:
            await _delete(client, case_id, run)
        until = time.monotonic() + within
        for run in runs:
            while await _has(client, case_id, run):
                if time.monotonic() > until:
                    raise HandoffError(
                        "RUNS_LEFT", "Temporal still has runs of a case that are to be deleted; try again"
                    )
                await asyncio.sleep(0.2)
    except RPCError as error:
        raise HandoffError("TEMPORAL_SILENT", "The Temporal server does not answer.") from error
    return len(runs)


async def _runs(client: Client, case_id: OpaqueId) -> list[str]:
    """The case's runs, oldest first: the chain back from the last one, and those that never opened."""
    chain: list[str] = []
    try:
        last = await client.get_workflow_handle(case_id).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
    else:
        if last.status in GOING_ON:
            raise HandoffError("CASE_OPEN", "this case still runs: nothing of it can be erased")
        run: str | None = last.run_id
        while run:
            chain.insert(0, run)
            run = await _before(client, case_id, run)
    listed = [each.run_id async for each in client.list_workflows(f'WorkflowId = "{case_id}"')]
    return [*(each for each in listed if each not in chain), *chain]


async def _before(client: Client, case_id: OpaqueId, run: str) -> str | None:
    """The run that a run continued, if it is still there."""
    first = await _history(client, case_id, run)
    if first is None:
        return None
    found = first.history.events[0]
    if found.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
        return None
    before = found.workflow_execution_started_event_attributes.continued_execution_run_id
    return before if before and await _history(client, case_id, before) is not None else None


async def _history(client: Client, case_id: OpaqueId, run: str) -> GetWorkflowExecutionHistoryResponse | None:
    """The beginning of a run's history; None once it is deleted."""
    asked = GetWorkflowExecutionHistoryRequest(
        namespace=client.namespace,
        execution=WorkflowExecution(workflow_id=case_id, run_id=run),
        maximum_page_size=1,
    )
    try:
        return await client.workflow_service.get_workflow_execution_history(asked)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


async def _delete(client: Client, case_id: OpaqueId, run: str) -> None:
    execution = WorkflowExecution(workflow_id=case_id, run_id=run)
    try:
        await client.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(namespace=client.namespace, workflow_execution=execution)
        )
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise


async def _has(client: Client, case_id: OpaqueId, run: str) -> bool:
    """Whether the server still has a run, or still lists it."""
    if await _history(client, case_id, run) is not None:
        return True
    found = [each.run_id async for each in client.list_workflows(f'WorkflowId = "{case_id}"')]
    return run in found
