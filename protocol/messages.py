"""What goes into the engine and what it asks for: inputs, refusals, effects. Frozen, closed, without text.

An input either becomes one occurrence (or a smaller act such as taking up) or is refused and changes nothing; what it
changed is recorded as facts (``protocol.facts``).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias

from pydantic import Field as Bound

from protocol.names import OpaqueId, Ref, Slug
from protocol.state import Code, Instant, PauseReason, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: a person (or a records system) in one role of one agency. ``linked`` marks another case."""

    person: OpaqueId
    role: Slug | None
    agency: Slug
    linked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EventHappened:
    """Something happened outside. ``refs`` name vault values sealed beside the case.

    ``hold_until`` is for old records entered late: what a start event opens is delivered then, not tonight.
    """

    kind: Literal["event"] = "event"
    event: Slug
    fields: dict[Slug, Value] = field(default_factory=dict)
    refs: dict[Slug, OpaqueId] = field(default_factory=dict)
    hold_until: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A task is answered with an outcome and what its form asked."""

    kind: Literal["answer"] = "answer"
    instance: int
    outcome: Slug
    fields: dict[Slug, Value] = field(default_factory=dict)
    refs: dict[Slug, OpaqueId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CastVote:
    """A voting role's vote: for an outcome with what its form asks, or (None) that the owner may decide."""

    kind: Literal["vote"] = "vote"
    instance: int
    outcome: Slug | None = None
    fields: dict[Slug, Value] = field(default_factory=dict)
    refs: dict[Slug, OpaqueId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeUp:
    """Says "I have it": acknowledges, and makes the task this person's."""

    kind: Literal["take"] = "take"
    instance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LogTry:
    """A try was made to reach somebody."""

    kind: Literal["try"] = "try"
    instance: int
    refs: dict[Slug, OpaqueId] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reassign:
    """An owner or a lead hands the task to a role (and person) of the same agency; the clock runs on."""

    kind: Literal["reassign"] = "reassign"
    instance: int
    role: Slug
    person: OpaqueId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseClock:
    """A lead stops a task's clock until an instant at the latest."""

    kind: Literal["pause"] = "pause"
    instance: int
    until: Instant
    reason: PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeClock:
    """A lead lets the clock go on."""

    kind: Literal["resume"] = "resume"
    instance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRead:
    """The person paged has seen it: the page is not repeated."""

    kind: Literal["page-read"] = "page-read"
    page: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNotice:
    """The linked case that fact ``seq`` started has opened, or ended; its own case says so, never a person."""

    kind: Literal["link"] = "link"
    link: Slug
    seq: int
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveClock:
    """A trainer moves the clock of a practice case forward by microseconds, or (None) to the next thing that is due."""

    kind: Literal["move-clock"] = "move-clock"
    by: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """Time has passed; the engine's own timer sends this, never a person."""

    kind: Literal["tick"] = "tick"


Body: TypeAlias = Annotated[
    EventHappened
    | Answer
    | CastVote
    | TakeUp
    | LogTry
    | Reassign
    | PauseClock
    | ResumeClock
    | PageRead
    | LinkNotice
    | MoveClock
    | Tick,
    Bound(discriminator="kind"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One command or notice. The same ``command`` id gives the same answer for ever.

    ``at`` is when it happened, if earlier than now (approved late entry); None means now.
    """

    command: OpaqueId
    actor: Actor | None
    body: Body
    at: Instant | None = None


TICK = Input(command="tick", actor=None, body=Tick())
"""Time has passed: what every driver sends to wake a case. Never remembered as a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why an input changed nothing: a stable code, the place it concerns, and the name it was about."""

    code: Code
    place: Slug | Ref | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """Wake the case at this instant (None: nothing is due)."""

    kind: Literal["arm"] = "arm"
    at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StartCase:
    """Open a linked case with this event; ``seq`` makes the new case's id derivable, so it starts once.

    ``link`` names the link whose protocol the new case runs; None: a case of the same protocol. ``agency`` is whose act
    caused it; None: nobody's, or one recorded before this was kept.
    """

    kind: Literal["start-case"] = "start-case"
    seq: int
    event: Slug
    fields: dict[Slug, Value]
    at: Instant
    link: Slug | None = None
    protocol: Slug | None = None
    agency: Slug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SendEvent:
    """Give the linked case that fact ``to`` started an event; ``seq`` makes the command's id derivable."""

    kind: Literal["send-event"] = "send-event"
    seq: int
    to: int
    event: Slug
    fields: dict[Slug, Value]
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class EndCase:
    """The case is over; its durable run may finish once everything has been delivered."""

    kind: Literal["end-case"] = "end-case"


Effect: TypeAlias = Annotated[Arm | StartCase | SendEvent | EndCase, Bound(discriminator="kind")]
