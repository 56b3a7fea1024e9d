"""What travels to and from a case workflow, and how cases and queues are named.

Closed models of closed leaves (see ``protocol.messages``): no free text can ride along. A case's workflow id is
its case id; its workflow type is its protocol's slug; its update ids are command ids.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import field
from datetime import timedelta
from uuid import UUID

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from activities.contracts import Link, Parent
from protocol.facts import Fact
from protocol.messages import Input, LinkNotice, Refusal
from protocol.migrating.hindrances import Code as Hindered
from protocol.names import OpaqueId, Slug
from protocol.state import CaseState, Instant, Reply

TASK_QUEUE = "handoff-cases"
COMMAND = "command"
MOVE = "move"
LOOK = "look"

TASK_TIMEOUT = timedelta(seconds=5)
"""How long a worker may hold a case's task; also how long a case waits after its worker was killed in mid-task."""

EVENTS_PER_RUN = 2_000
"""A run's history is cut here, well under the server's 51,200: a worker that lost its cache rereads a run quickly."""

NEVER_OPENED = "NEVER_OPENED"
"""The failure type of a run whose first command never came; only such a run may be started again."""

HINDERED = "HINDERED"
"""The failure type of a move that something hinders; its details are the code, the place and the last fact."""

TRY_AGAIN = "TRY_AGAIN"
"""The failure type by which a run that is about to end sends a command to the next one."""

CLOSED = ConfigDict(extra="forbid")
"""Unknown keys are errors. Models of their own, and not plain dataclasses, so that they are built once per process
and not once per case: Temporal gives every run a converter with an empty cache."""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Behind:
    """Facts up to ``seq`` that are still to be delivered were recorded under another text."""

    protocol_hash: OpaqueId
    seq: int


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class CaseStart:
    """All that a run needs to begin or to go on: the pinned protocol, the case, and what it still has to deliver.

    ``protocol`` is the canonical JSON whose SHA-256 is ``protocol_hash``; ``behind`` are earlier texts, oldest first.
    ``shift`` (microseconds) is added to the server's clock: 0 for a real case; a rehearsed one lives at another date.
    ``parent`` is told when a linked case ends. ``budget`` is in history events.
    """

    protocol: str
    protocol_hash: OpaqueId
    state: CaseState = field(default_factory=CaseState)
    outbox: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()
    parent: Parent | None = None
    shift: Instant = 0
    budget: int = EVENTS_PER_RUN
    behind: tuple[Behind, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Command:
    """What the update carries: one input, whose command id is the update's id."""

    input: Input


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class CommandReply:
    """The answer to a command, the same for ever.

    ``seq`` is the last fact it caused, ``instance`` the task it concerned, ``opened`` whether it began the case.
    ``refusal`` is set only on the wire; callers of ``workflows.client`` get a ``Refused`` instead.
    """

    seq: int
    instance: int | None = None
    opened: bool = False
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Move:
    """Move the case to another text by a run's plan, or (``undo``) back to what it ran on before that run.

    ``protocol`` is the text to go to and ``plan`` the plan, both as canonical JSON.
    """

    run: OpaqueId
    protocol: str
    plan: str
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class MoveReply:
    """The case runs on ``pinned`` now; or it stays where it is (``code``, and the ``place`` that is about)."""

    seq: int
    pinned: OpaqueId
    code: Hindered | None = None
    place: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class CaseClosed:
    """What a finished run leaves behind: enough to answer a repeated command, and to number a linked case."""

    seq: int
    protocol_hash: OpaqueId
    replies: dict[OpaqueId, Reply]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class CaseLook:
    """A case as its workflow sees it, for diagnosis only: screens read the read model.

    ``undelivered`` are the facts not yet projected; ``armed`` is the instant its one timer is set to.
    """

    state: CaseState
    undelivered: tuple[Fact, ...]
    armed: Instant | None
    protocol_hash: OpaqueId


def reply_of(replies: dict[OpaqueId, Reply], command: OpaqueId) -> CommandReply | None:
    """The remembered answer to a command; None if the case never took it."""
    reply = replies.get(command)
    if reply is None:
        return None
    first = next(iter(replies))
    return CommandReply(seq=reply.seq, instance=reply.instance, opened=command == first)


def case_id(key: bytes, source: str, number: str) -> str:
    """The case id of an incident: a UUIDv8 made of a keyed hash, so it tells neither number nor time.

    Args:
        key: the installation's secret; the same key gives the same id for ever.
        source: which records system reports, for example ``county-cad``.
        number: the incident's number in that system.
    """
    return _opaque(key, "incident", source, number)


def linked_case_id(key: bytes, case_id: str, seq: int, command: str = "") -> str:
    """The id of the case that another case starts: the same however often it is sent.

    ``seq`` is the fact that says so; after the case's end its last fact, with the command that came too late.
    """
    return _opaque(key, "linked", case_id, str(seq), command)


def link_notice(link: Slug, seq: int, *, ended: bool) -> Input:
    """That the linked case which fact ``seq`` started has opened, or ended: one command however often it is sent."""
    command = f"link-{seq}-{'ended' if ended else 'opened'}"
    return Input(command=command, actor=None, body=LinkNotice(link=link, seq=seq, ended=ended))


def _opaque(key: bytes, *parts: str) -> str:
    digest = hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).digest()
    number = int.from_bytes(digest[:16], "big")
    number = number & ~(0xF << 76) | 8 << 76
    number = number & ~(0x3 << 62) | 2 << 62
    return str(UUID(int=number))


__all__ = [
    "COMMAND",
    "EVENTS_PER_RUN",
    "HINDERED",
    "LOOK",
    "MOVE",
    "NEVER_OPENED",
    "TASK_QUEUE",
    "TASK_TIMEOUT",
    "TRY_AGAIN",
    "Behind",
    "CaseClosed",
    "CaseLook",
    "CaseStart",
    "Command",
    "CommandReply",
    "Move",
    "MoveReply",
    "case_id",
    "link_notice",
    "linked_case_id",
    "reply_of",
]
