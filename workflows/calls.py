"""One call to a case: started or updated, repeated while the trouble passes, its failures told apart.

Nothing here is decided by a message's text: gRPC statuses and failure types are stable, sentences are not.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar
from weakref import WeakValueDictionary

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

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.messages import Input, Refusal
from protocol.migrating.hindrances import Code as HindranceCode
from protocol.migrating.hindrances import Hindrance
from protocol.names import Slug
from protocol.state import Code
from workflows.errors import CaseHasEnded, Hindered, Refused, Unanswered, UnknownCase
from workflows.messages import (
    COMMAND,
    HINDERED,
    NEVER_OPENED,
    TASK_TIMEOUT,
    TRY_AGAIN,
    CaseClosed,
    CaseStart,
    Command,
    CommandReply,
    reply_of,
)

Reply = TypeVar("Reply")

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
PASSING = {"AcceptedUpdateCompletedWorkflow", TRY_AGAIN}
"""Failures of an update that the next run of the case will not have."""

AT_ONCE = 8
"""Commands this process sends to one case at once. The server takes 10; the 11th aborts all that are under way."""

_turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()

REFUSAL: TypeAdapter[Refusal] = TypeAdapter(Refusal)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """A case to start unless it runs, and the event to give it in either case."""

    case_id: str
    slug: Slug
    start: CaseStart
    command: Input
    task_queue: str


async def begin(client: Client, case_id: str, protocol: Protocol) -> None:
    """Let the client's codec (``runtime.codec.CaseCodec``) make a new case's keys, if it has any to make.

    They are wrapped under the confidential agencies of the case's protocol, which only an opening knows.
    """
    make = getattr(client.data_converter.payload_codec, "begin", None)
    if make is not None:
        await make(case_id, sorted(each.id for each in protocol.agencies if each.confidential))


async def update_with_start(client: Client, opening: Opening, left: timedelta, *, again: bool = False) -> CommandReply:
    """Start the case unless it runs, and give it the command. ``again`` allows for a run that never opened."""
    reuse = WorkflowIDReusePolicy.ALLOW_DUPLICATE_FAILED_ONLY if again else WorkflowIDReusePolicy.REJECT_DUPLICATE
    operation: WithStartWorkflowOperation[Any, CaseClosed] = WithStartWorkflowOperation(
        opening.slug,
        opening.start,
        id=opening.case_id,
        task_queue=opening.task_queue,
        id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
        id_reuse_policy=reuse,
        task_timeout=TASK_TIMEOUT,
    )
    try:
        reply: CommandReply = await client.execute_update_with_start_workflow(
            COMMAND,
            Command(input=opening.command),
            start_workflow_operation=operation,
            id=opening.command.command,
            result_type=CommandReply,
            rpc_timeout=left,
        )
        return reply
    except (RPCError, WorkflowAlreadyStartedError, WorkflowUpdateRPCTimeoutOrCancelledError):
        with suppress(Exception):
            # The operation keeps a copy of the error, which is logged as forgotten unless somebody looks at it.
            await operation.workflow_handle()
        raise


class StillRunning(Exception):
    """The case was between two runs: ask again."""


async def closed(client: Client, case_id: str) -> CaseClosed | None:
    """What the case's last run left; None if it was stopped by hand."""
    handle = client.get_workflow_handle(case_id, result_type=CaseClosed)
    try:
        status = (await handle.describe()).status
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise UnknownCase from error
        raise
    if status in (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW):
        raise StillRunning
    try:
        closed: CaseClosed = await handle.result()
        return closed
    except WorkflowFailureError as error:
        if isinstance(error.cause, ApplicationError) and error.cause.type == NEVER_OPENED:
            raise UnknownCase from error
        return None


def remembered(closed: CaseClosed | None, command: Input) -> CommandReply:
    """The answer a case gave to this very command before it ended.

    Raises:
        CaseHasEnded: it never took the command.
    """
    reply = None if closed is None else reply_of(closed.replies, command.command)
    if reply is None:
        raise CaseHasEnded(None if closed is None else closed.seq)
    return reply


async def persist(
    case_id: str, attempt: Callable[[timedelta], Awaitable[CommandReply]], within: timedelta
) -> CommandReply:
    """Try until there is an answer or the time is up; every attempt carries the same ids."""
    reply = await insist(case_id, attempt, within)
    if reply.refusal is not None:
        raise Refused(reply.refusal)
    return reply


async def insist(case_id: str, attempt: Callable[[timedelta], Awaitable[Reply]], within: timedelta) -> Reply:
    """The same of any call to a case, whatever its answer is.

    Raises:
        Unanswered: the time is up.
    """
    until = time.monotonic() + within.total_seconds()
    pause = FIRST_PAUSE
    turns = _turns.setdefault(case_id, asyncio.Semaphore(AT_ONCE))
    while True:
        try:
            async with turns:
                left = max(until - time.monotonic(), FIRST_PAUSE)
                reply = await attempt(min(ATTEMPT, timedelta(seconds=left)))
        except (RPCError, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, StillRunning) as error:
            _reraise_unless_transient(error)
            if time.monotonic() + pause >= until:
                raise Unanswered from error
        else:
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
            if cause.type not in PASSING:
                raise _refused(cause) from error


def _refused(cause: ApplicationError) -> HandoffError:
    """The refusal inside an update's failure; a fault of the engine keeps its type as code."""
    if cause.type == HINDERED:
        code, place, _ = cause.details
        return Hindered(Hindrance(code=HindranceCode(code), place=str(place)))
    if cause.type in Code.__members__:
        detail, seq = cause.details
        refusal = REFUSAL.validate_python(detail)
        return CaseHasEnded(int(seq)) if refusal.code is Code.CASE_ENDED else Refused(refusal)
    return HandoffError(cause.type or "ENGINE_FAULT", cause.message)
