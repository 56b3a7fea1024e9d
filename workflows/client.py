"""How the API, the CLI and the worker speak to cases: typed calls that are safe to repeat.

Every command carries its id, and the same id gives the same answer for ever: the update id answers within a run,
the case's own memory across runs, and the result of the last run after the case has ended. So a call that broke
off is repeated with the same id, here until ``within`` has passed and by the caller after that.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from pydantic import TypeAdapter
from temporalio.client import (
    Client,
    WithStartWorkflowOperation,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowUpdateFailedError,
    WorkflowUpdateRPCTimeoutOrCancelledError,
)
from temporalio.common import WorkflowIDConflictPolicy, WorkflowIDReusePolicy
from temporalio.exceptions import ApplicationError, WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import LinkedCase
from protocol.errors import HandoffError
from protocol.machine import step
from protocol.messages import Actor, EventHappened, Input, Refusal
from protocol.refusals import say
from protocol.serial import load_protocol, protocol_hash
from protocol.state import CaseState, Code
from workflows.messages import (
    COMMAND,
    LOOK,
    NEVER_OPENED,
    TASK_QUEUE,
    TASK_TIMEOUT,
    CaseClosed,
    CaseLook,
    CaseStart,
    CommandReply,
    linked_case_id,
    reply_of,
)

PATIENCE = timedelta(seconds=30)
"""How long a call keeps trying before it says that it got no answer."""

FIRST_PAUSE = 0.02
LONGEST_PAUSE = 1.0
"""Seconds between attempts: doubling, with a random part so that callers do not return together."""

ATTEMPT = timedelta(seconds=10)
"""One attempt: an update lost by a server that was killed is sent again after this."""

TRANSIENT = {
    RPCStatusCode.UNAVAILABLE,
    RPCStatusCode.RESOURCE_EXHAUSTED,
    RPCStatusCode.ABORTED,
    RPCStatusCode.DEADLINE_EXCEEDED,
    RPCStatusCode.INTERNAL,
    RPCStatusCode.FAILED_PRECONDITION,
}
CUT_OFF = "AcceptedUpdateCompletedWorkflow"
REFUSAL: TypeAdapter[Refusal] = TypeAdapter(Refusal)


class Refused(HandoffError):
    """The case did not take the command; nothing changed. ``refusal`` holds the place and the limit."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code, say(refusal))
        self.refusal = refusal


class CaseHasEnded(HandoffError):
    """The case is over and never took this command. ``seq`` is its last fact; None if it was stopped by hand."""

    def __init__(self, seq: int | None) -> None:
        super().__init__(Code.CASE_ENDED, say(Refusal(code=Code.CASE_ENDED)))
        self.seq = seq


class UnknownCase(HandoffError):
    """There is no such case."""

    def __init__(self) -> None:
        super().__init__("UNKNOWN_CASE", "There is no such case.")


class Unanswered(HandoffError):
    """No answer came in time: the command may or may not have been taken. Repeat it with the same id."""

    def __init__(self) -> None:
        super().__init__("UNANSWERED", "The case did not answer in time. Send the same command again.")


async def open_or_join(
    client: Client,
    case_id: str,
    protocol: bytes,
    command: Input,
    *,
    task_queue: str = TASK_QUEUE,
    within: timedelta = PATIENCE,
    shift: int = 0,
) -> CommandReply:
    """Open the case with this event, or give the event to the case if it is open already.

    Args:
        client: a connected client with the project's data converter.
        case_id: see ``workflows.messages.case_id``; the same incident has the same id.
        protocol: canonical bytes of the compiled protocol; a new case is pinned to them, an open one keeps its own.
        command: an event that may start a case.
        task_queue: where the workers of this installation listen.
        within: how long to keep trying.
        shift: microseconds added to the case's clock; for rehearsals.

    Raises:
        Refused: the event cannot start a case of this protocol, or the open case refused it.
        CaseHasEnded: the case is over.
        Unanswered: nothing is known; repeat the call.
    """
    compiled = load_protocol(protocol)
    now = time.time_ns() // 1_000 + shift
    refusal = step(compiled, CaseState(), command, now).refusal
    if refusal is not None:
        # A first update that is refused would leave an empty case behind.
        raise Refused(refusal)
    start = CaseStart(protocol=protocol.decode(), protocol_hash=protocol_hash(protocol), shift=shift)

    async def attempt(left: timedelta) -> CommandReply:
        try:
            return await _update_with_start(client, case_id, compiled.id, start, command, task_queue, left)
        except WorkflowAlreadyStartedError:
            try:
                return _remembered(await _closed(client, case_id), command)
            except UnknownCase:
                return await _update_with_start(
                    client, case_id, compiled.id, start, command, task_queue, left, again=True
                )

    return await _persist(attempt, within)


async def send(client: Client, case_id: str, command: Input, *, within: timedelta = PATIENCE) -> CommandReply:
    """Give a command to an open case.

    Raises:
        Refused: the case did not take it.
        CaseHasEnded: the case is over (``protocol.refusals.after_end`` says what may still be done).
        UnknownCase: there is no such case.
        Unanswered: nothing is known; repeat the call.
    """
    handle = client.get_workflow_handle(case_id)

    async def attempt(left: timedelta) -> CommandReply:
        try:
            return await handle.execute_update(
                COMMAND, command, id=command.command, result_type=CommandReply, rpc_timeout=left
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        return _remembered(await _closed(client, case_id), command)

    return await _persist(attempt, within)


async def open_linked(client: Client, message: LinkedCase, *, key: bytes, task_queue: str = TASK_QUEUE) -> str:
    """Open the case that another case starts, or find it open already; gives the new case's id.

    Args:
        client: a connected client with the project's data converter.
        message: the link; ``protocol.refusals.after_end`` gives one for an event that comes after the end.
        key: the installation's secret that case ids are made with.
        task_queue: where the workers of this installation listen.

    Raises:
        Refused: the event cannot start a case of this protocol.
        Unanswered: nothing is known; repeat the call.
    """
    start = message.link.start
    case_id = linked_case_id(key, message.case_id, start.seq)
    actor = message.link.actor or Actor(person=case_id, role=None, agency=_first_agency(message.protocol))
    command = Input(
        command=f"link-{case_id}",
        actor=replace(actor, linked=True),
        body=EventHappened(event=start.event, fields=start.fields),
        at=start.at,
    )
    protocol = message.protocol.encode()
    # A linked case that has run its course answers from memory: its first command is this one.
    await open_or_join(client, case_id, protocol, command, task_queue=task_queue, shift=message.shift)
    return case_id


async def look(client: Client, case_id: str) -> CaseLook:
    """The case as its workflow sees it; for diagnosis, never for screens."""
    return await client.get_workflow_handle(case_id).query(LOOK, result_type=CaseLook)


async def _update_with_start(
    client: Client,
    case_id: str,
    slug: str,
    start: CaseStart,
    command: Input,
    task_queue: str,
    left: timedelta,
    *,
    again: bool = False,
) -> CommandReply:
    """Start the case unless it runs, and give it the command. ``again`` allows for a run that never opened."""
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY if again else WorkflowIDReusePolicy.REJECT_DUPLICATE
    operation = WithStartWorkflowOperation(
        slug,
        start,
        id=case_id,
        task_queue=task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        task_timeout=TASK_TIMEOUT,
    )
    try:
        return await client.execute_update_with_start_workflow(
            COMMAND,
            command,
            start_workflow_operation=operation,
            id=command.command,
            result_type=CommandReply,
            rpc_timeout=left,
        )
    except Exception:
        with suppress(Exception):
            # The operation keeps a copy of the error, which is logged as forgotten unless somebody looks at it.
            await operation.workflow_handle()
        raise


class _StillRunning(Exception):  # noqa: N818 - not an error: it makes the loop ask again
    """The case was between two runs."""


async def _closed(client: Client, case_id: str) -> CaseClosed | None:
    """What the case's last run left; None if it was stopped by hand."""
    handle = client.get_workflow_handle(case_id, result_type=CaseClosed)
    try:
        status = (await handle.describe()).status
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise UnknownCase from error
        raise
    if status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
        raise _StillRunning
    try:
        return await handle.result()
    except WorkflowFailureError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == NEVER_OPENED:
            raise UnknownCase from error
        return None


def _remembered(closed: CaseClosed | None, command: Input) -> CommandReply:
    reply = None if closed is None else reply_of(closed.replies, command.command)
    if reply is None:
        raise CaseHasEnded(None if closed is None else closed.seq)
    return reply


async def _persist(attempt: Callable[[timedelta], Awaitable[CommandReply]], within: timedelta) -> CommandReply:
    """Try until there is an answer or the time is up; every attempt carries the same ids."""
    until = time.monotonic() + within.total_seconds()
    pause = FIRST_PAUSE
    while True:
        try:
            reply = await attempt(min(ATTEMPT, timedelta(seconds=max(until - time.monotonic(), FIRST_PAUSE))))
        except (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, _StillRunning) as error:
            _reraise_unless_transient(error)
            if time.monotonic() + pause >= until:
                raise Unanswered from error
        else:
            if reply.refusal is not None:
                raise Refused(reply.refusal)
            return reply
        await asyncio.sleep(pause * (0.5 + random.random()))  # noqa: S311 - spreads callers, keeps no secret
        pause = min(pause * 2, LONGEST_PAUSE)


def _reraise_unless_transient(error: Exception) -> None:
    match error:
        case WorkflowUpdateRPCTimeoutOrCancelledError() if isinstance(error.__cause__, asyncio.CancelledError):
            raise error.__cause__
        case RPCError() if error.status not in TRANSIENT:
            raise error
        case WorkflowUpdateFailedError():
            cause = error.cause
            if not isinstance(cause, ApplicationError):
                raise error
            if cause.type != CUT_OFF:
                raise _refused(cause) from error


def _refused(cause: ApplicationError) -> HandoffError:
    """The refusal inside an update's failure; a fault of the engine keeps its type as code."""
    if cause.type in Code.__members__:
        detail, seq = cause.details
        refusal = REFUSAL.validate_python(detail)
        return CaseHasEnded(int(seq)) if refusal.code is Code.CASE_ENDED else Refused(refusal)
    return HandoffError(cause.type or "ENGINE_FAULT", cause.message)
