"""How the API, the CLI and the worker speak to cases: typed calls that are safe to repeat.

Every command carries its id, and the same id gives the same answer for ever: the update id answers within a run,
the case's own memory across runs, and the result of the last run after the case has ended. So a call that broke
off is repeated with the same id, here until ``within`` has passed and by the caller after that.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from temporalio.client import Client
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from activities.contracts import Link, LinkedCase, Parent
from protocol.engine.machine import step
from protocol.errors import HandoffError
from protocol.messages import Actor, EventHappened, Input, Refusal, StartCase
from protocol.migrating.crossing import move_id
from protocol.migrating.hindrances import Hindrance
from protocol.names import OpaqueId
from protocol.serial import load_protocol, protocol_hash
from protocol.state import CaseState, Code, Instant, Practice
from protocol.telling.refusals import after_end
from workflows.calls import Opening, begin, closed, insist, persist, remembered, update_with_start
from workflows.errors import CaseHasEnded, Hindered, Refused, Unanswered, UnknownCase
from workflows.messages import (
    COMMAND,
    LOOK,
    MOVE,
    TASK_QUEUE,
    CaseLook,
    CaseStart,
    Command,
    CommandReply,
    Move,
    MoveReply,
    link_notice,
    linked_case_id,
    reply_of,
)

PATIENCE = timedelta(seconds=30)
"""How long a call keeps trying before it says that it got no answer."""


async def open_or_join(  # noqa: PLR0913 - each is one thing the caller decides
    client: Client,
    case_id: str,
    protocol: bytes,
    command: Input,
    *,
    task_queue: str = TASK_QUEUE,
    within: timedelta = PATIENCE,
    shift: int = 0,
    parent: Parent | None = None,
    practice: Practice | None = None,
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
        parent: the case that a new case tells when it ends.
        practice: what makes a new case one for practice; an open one stays what it is.

    Raises:
        Refused: the event cannot start a case of this protocol, or the open case refused it.
        CaseHasEnded: the case is over.
        Unanswered: nothing is known; repeat the call.
    """
    compiled = load_protocol(protocol)
    new, ahead = CaseState(practice=practice), 0 if practice is None else practice.ahead
    refusal = step(compiled, new, command, _clock() + shift + ahead).refusal
    if refusal is not None:
        # A first update that is refused would leave an empty case behind.
        raise Refused(refusal)
    await begin(client, case_id, compiled)
    opening = Opening(
        case_id=case_id,
        slug=compiled.id,
        start=CaseStart(
            protocol=protocol.decode(), protocol_hash=protocol_hash(protocol), state=new, shift=shift, parent=parent
        ),
        command=command,
        task_queue=task_queue,
    )

    async def attempt(left: timedelta) -> CommandReply:
        try:
            return await update_with_start(client, opening, left)
        except WorkflowAlreadyStartedError:
            try:
                return remembered(await closed(client, case_id), command)
            except UnknownCase:
                return await update_with_start(client, opening, left, again=True)

    return await persist(case_id, attempt, within)


async def send(client: Client, case_id: str, command: Input, *, within: timedelta = PATIENCE) -> CommandReply:
    """Give a command to an open case.

    Raises:
        Refused: the case did not take it.
        CaseHasEnded: the case is over (``protocol.telling.refusals.after_end`` says what may still be done).
        UnknownCase: there is no such case.
        Unanswered: nothing is known; repeat the call.
    """
    handle = client.get_workflow_handle(case_id)

    async def attempt(left: timedelta) -> CommandReply:
        try:
            reply: CommandReply = await handle.execute_update(
                COMMAND, Command(input=command), id=command.command, result_type=CommandReply, rpc_timeout=left
            )
            return reply
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
        except HandoffError as error:
            if error.code != "KEY_DESTROYED":
                raise
            # The case has ended and was erased: with its key its last run has gone.
            raise UnknownCase from error
        return remembered(await closed(client, case_id), command)

    return await persist(case_id, attempt, within)


async def open_after_end(  # noqa: PLR0913 - each is one thing the caller decides
    client: Client,
    case_id: str,
    ended: CaseHasEnded,
    protocol: bytes,
    command: Input,
    *,
    key: bytes,
    task_queue: str = TASK_QUEUE,
    practice: Practice | None = None,
) -> str:
    """Give an ended case an event that came too late: if it starts a linked case, open that and give its id.

    Args:
        client: a connected client with the project's data converter.
        case_id: the case that has ended.
        ended: what ``send`` raised.
        protocol: canonical bytes of the protocol the ended case was pinned to.
        command: the event; repeated with the same id it finds the same linked case.
        key: the installation's secret that case ids are made with.
        task_queue: where the workers of this installation listen.
        practice: what made the ended case one for practice; what it begins is one too.

    Raises:
        Refused: an ended case does nothing with this input.
        Unanswered: nothing is known; repeat the call.
    """
    seq = ended.seq or 0
    ahead = 0 if practice is None else practice.ahead
    start = after_end(load_protocol(protocol), command, seq, _clock() + ahead)
    if isinstance(start, Refusal) or command.actor is None:
        raise Refused(start if isinstance(start, Refusal) else Refusal(code=Code.CASE_ENDED))
    link = Link(effect=start, actor=command.actor, command=command.command)
    message = LinkedCase(case_id=case_id, protocol=protocol.decode(), link=link, practice=practice)
    return await open_linked(client, message, key=key, task_queue=task_queue)


async def open_linked(client: Client, message: LinkedCase, *, key: bytes, task_queue: str = TASK_QUEUE) -> str:
    """Open the case that another case starts, or find it open already; gives the new case's id.

    Args:
        client: a connected client with the project's data converter.
        message: the link, from the other case's outbox, with the protocol to pin a new case to.
        key: the installation's secret that case ids are made with.
        task_queue: where the workers of this installation listen.

    Raises:
        Refused: the event cannot start a case of this protocol.
        Unanswered: nothing is known; repeat the call.
    """
    link, start = message.link, message.link.effect
    case_id = linked_case_id(key, message.case_id, start.seq, link.command or "")
    named = start.link if isinstance(start, StartCase) else None
    await open_or_join(
        client,
        case_id,
        (message.protocol or "").encode(),
        _linked_event(message, f"link-{case_id}", case_id),
        task_queue=task_queue,
        shift=message.shift,
        practice=message.practice,
        parent=None if named is None else Parent(case_id=message.case_id, link=named, seq=start.seq),
    )
    return case_id


async def send_linked(client: Client, message: LinkedCase, *, key: bytes) -> Refusal | None:
    """Tell a linked case of something as one of its own events; why it did not take it, or None.

    One that has ended needs to hear of nothing any more.

    Raises:
        Unanswered: nothing is known; repeat the call.
    """
    case_id = linked_case_id(key, message.case_id, message.link.to)
    command = f"link-{linked_case_id(key, message.case_id, message.link.effect.seq)}"
    try:
        await send(client, case_id, _linked_event(message, command, case_id))
    except Refused as refused:
        return refused.refusal
    except (CaseHasEnded, UnknownCase):
        return None
    return None


async def tell_parent(client: Client, parent: Parent) -> None:
    """Tell a case that the case it began has ended; if it has ended itself there is nothing to tell.

    Raises:
        Unanswered: nothing is known; repeat the call.
    """
    with suppress(CaseHasEnded, UnknownCase, Refused):
        await send(client, parent.case_id, link_notice(parent.link, parent.seq, ended=True))


def _linked_event(message: LinkedCase, command: OpaqueId, case_id: OpaqueId) -> Input:
    effect = message.link.effect
    ahead = 0 if message.practice is None else message.practice.ahead
    return Input(
        command=command,
        actor=_caused_by(message.link, case_id),
        body=EventHappened(event=effect.event, fields=effect.fields),
        # A clock that is a little behind the other case's must not make its event a thing of the future.
        at=min(effect.at, _clock() + message.shift + ahead),
    )


def _caused_by(link: Link, case_id: OpaqueId) -> Actor:
    """Who opens a linked case: the agency that caused it, in the person of whoever acted for that agency, if anybody.

    Time may have caused it, or one agency's act what another does: then the linked case itself stands for the person.
    """
    agency = link.effect.agency if isinstance(link.effect, StartCase) else None
    if agency is None or agency == link.actor.agency:
        return replace(link.actor, linked=True)
    return Actor(person=case_id, role=None, agency=agency, linked=True)


async def move(client: Client, case_id: str, message: Move, *, within: timedelta = PATIENCE) -> MoveReply:
    """Move an open case to another text, or back; asked again by the same run it is moved once.

    Raises:
        Hindered: the plan does not cover this case; nothing changed.
        CaseHasEnded, UnknownCase: there is nothing to move.
        Unanswered: nothing is known; repeat the call.
    """
    handle = client.get_workflow_handle(case_id)

    async def attempt(left: timedelta) -> MoveReply:
        reply: MoveReply
        try:
            reply = await handle.execute_update(
                MOVE, message, id=move_id(message.run, undo=message.undo), result_type=MoveReply, rpc_timeout=left
            )
        except RPCError as error:
            if error.status is not RPCStatusCode.NOT_FOUND:
                raise
            found = await closed(client, case_id)
            raise CaseHasEnded(None if found is None else found.seq) from error
        return reply

    reply = await insist(case_id, attempt, within)
    if reply.code is not None:
        raise Hindered(Hindrance(code=reply.code, place=reply.place))
    return reply


async def recall(client: Client, case_id: str, command: OpaqueId) -> CommandReply | None:
    """The answer a command was given, or None if the case has not taken it (it may still come).

    Raises:
        UnknownCase: there is no such case.
        temporalio.service.RPCError: Temporal or every worker is away.
    """
    try:
        found = await look(client, case_id)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise UnknownCase from error
        raise
    return reply_of(found.state.replies, command)


async def look(client: Client, case_id: str) -> CaseLook:
    """The case as its workflow sees it; for diagnosis, never for screens."""
    found: CaseLook = await client.get_workflow_handle(case_id).query(LOOK, result_type=CaseLook)
    return found


async def glance(client: Client, case_id: str) -> CaseLook | None:
    """The case as its workflow sees it; None if it does not answer now."""
    try:
        return await look(client, case_id)
    except RPCError:
        return None


def _clock() -> Instant:
    return time.time_ns() // 1_000


__all__ = [
    "CaseHasEnded",
    "CommandReply",
    "Hindered",
    "Refused",
    "Unanswered",
    "UnknownCase",
    "glance",
    "look",
    "move",
    "open_after_end",
    "open_linked",
    "open_or_join",
    "recall",
    "send",
    "send_linked",
    "tell_parent",
]
