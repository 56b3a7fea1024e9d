"""The activities' names, messages and time limits: all that workflows may know of them.

Every activity here is idempotent and retried for ever: what a case has decided is delivered, however long the
other side is away. None may end in a failure that is not retried.
"""

from __future__ import annotations

from datetime import timedelta

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from protocol.facts import Fact
from protocol.messages import Actor, SendEvent, StartCase
from protocol.names import OpaqueId, Slug
from protocol.state import Instant, Practice

PROJECT = "project"
START_LINKED = "start_linked_case"
SEND_LINKED = "send_linked_event"
TELL_PARENT = "tell_parent"

BATCH = 100
"""Facts per projection; a fact has closed leaves of bounded size, so a batch stays under 200 kB."""

PROJECT_TIMEOUT = timedelta(seconds=60)
"""One attempt at a projection: far longer than the store waits for a busy database."""

PULSE = timedelta(seconds=1)
LIFELESS = timedelta(seconds=3)
"""A projection that takes long gives a sign of life this often; after that long without, its worker is taken as dead
and the batch sent again. It is also how long a batch waits that a killed worker had in hand."""

LINK_TIMEOUT = timedelta(seconds=30)
"""One attempt at starting a linked case, or at telling one (or its parent) something."""

FIRST_RETRY = timedelta(milliseconds=200)
LONGEST_RETRY = timedelta(seconds=5)
"""The pause between attempts doubles from the first to the longest; there is no last attempt."""

CLOSED = ConfigDict(extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Projection:
    """A batch of a case's facts in order, for the read model."""

    case_id: OpaqueId
    protocol_hash: OpaqueId
    facts: tuple[Fact, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Projected:
    """Every fact of the case up to ``seq`` is in the read model."""

    seq: int


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Link:
    """What a case decided about a linked case, and whose act asked for it (the case's own, where time did).

    ``command`` is set when it came after the case's end, where ``effect.seq`` no longer tells one event from another.
    """

    effect: StartCase | SendEvent
    actor: Actor
    command: OpaqueId | None = None

    @property
    def to(self) -> int:
        """The fact that started the linked case: what is about one case is delivered in order."""
        return self.effect.seq if isinstance(self.effect, StartCase) else self.effect.to


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class LinkedCase:
    """What the case ``case_id`` decided about a linked case; a new one has the same clock (``shift``, ``practice``).

    ``protocol`` is what a new case is pinned to; None: the version that is published when it opens.
    """

    case_id: OpaqueId
    link: Link
    protocol: str | None = None
    shift: Instant = 0
    practice: Practice | None = None


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class LinkedStarted:
    """The linked case is open (now or since an earlier attempt)."""

    case_id: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True, config=CLOSED)
class Parent:
    """The case, its link and its fact that began a linked case: whom to tell that it has ended."""

    case_id: OpaqueId
    link: Slug
    seq: int


__all__ = [
    "BATCH",
    "FIRST_RETRY",
    "LIFELESS",
    "LINK_TIMEOUT",
    "LONGEST_RETRY",
    "PROJECT",
    "PROJECT_TIMEOUT",
    "PULSE",
    "SEND_LINKED",
    "START_LINKED",
    "TELL_PARENT",
    "Link",
    "LinkedCase",
    "LinkedStarted",
    "Parent",
    "Projected",
    "Projection",
]
