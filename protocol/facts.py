"""What the engine records of a case. Frozen, closed, without text.

Facts are numbered per case, never edited, and are the only source of the read model; each keeps two times:
``at`` when it took effect by the rules, ``recorded`` when the engine learned it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal, TypeAlias

from pydantic import Field as Bound

from protocol.names import OpaqueId, Ref, RungId, Slug
from protocol.state import Instant, Item, PauseReason, Practice, Value


class NotOpened(StrEnum):
    """Why a cause did not open a step."""

    LANE_CLOSED = "lane-closed"
    CONDITION = "condition"
    ALREADY_OPEN = "already-open"
    ONCE = "once"
    UNFILLED = "unfilled"


class Ending(StrEnum):
    """How an instance came to its end."""

    ANSWERED = "answered"
    TRIES = "tries"
    VOTES = "votes"
    RUNG = "rung"
    ACKNOWLEDGED = "acknowledged"
    ERASED = "erased"
    """How it ended was erased; the engine never says so, the store does."""


class Telling(StrEnum):
    """How somebody is told."""

    TELL = "tell"
    PAGE = "page"
    REMIND = "remind"


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseOpened:
    """The case began with this event; ``practice`` if it is one for practice."""

    kind: Literal["case-opened"] = "case-opened"
    event: Slug
    practice: Practice | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventRecorded:
    """An event from outside was recorded."""

    kind: Literal["event-recorded"] = "event-recorded"
    event: Slug
    agency: Slug
    person: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldSet:
    """A record field got a value."""

    kind: Literal["field-set"] = "field-set"
    field: Slug
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotFilled:
    """A vault slot got a value, known here by reference only."""

    kind: Literal["slot-filled"] = "slot-filled"
    slot: Slug
    ref: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True)
class StepScheduled:
    """An instance exists but is delivered later (``starts``; None: not known yet)."""

    kind: Literal["step-scheduled"] = "step-scheduled"
    instance: int
    step: Slug
    starts: Instant | None
    cause: Ref
    held: bool
    round: int
    agency: Slug | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDelivered:
    """A task stands in its owner's list; its clock starts. ``from_agency`` is whose act opened it.

    ``agency`` owns it (None: the agency of the step); ``item`` is the item of a list that it is about.
    """

    kind: Literal["step-delivered"] = "step-delivered"
    instance: int
    step: Slug
    owners: tuple[Slug, ...]
    from_agency: Slug | None
    cause: Ref
    due: Instant | None
    short_notice: bool
    receipt: bool
    round: int
    agency: Slug | None = None
    item: Item | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepNotOpened:
    """A cause came and did not open the step; this says why."""

    kind: Literal["step-not-opened"] = "step-not-opened"
    step: Slug
    cause: Ref | None
    why: NotOpened


@dataclass(frozen=True, slots=True, kw_only=True)
class DueMoved:
    """A due time changed because something it is measured from did."""

    kind: Literal["due-moved"] = "due-moved"
    instance: int
    step: Slug
    due: Instant | None
    was: Instant | None
    cause: Ref | None
    short_notice: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """The owning agency has it. ``by`` is None when closing the lane took it up."""

    kind: Literal["taken-up"] = "taken-up"
    instance: int
    step: Slug
    by: Slug | None
    person: OpaqueId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A person made the task their own."""

    kind: Literal["claimed"] = "claimed"
    instance: int
    step: Slug
    role: Slug
    person: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True)
class TryLogged:
    """A try was made; one too soon after the last is noted but not counted."""

    kind: Literal["try-logged"] = "try-logged"
    instance: int
    step: Slug
    number: int
    counted: bool
    person: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True)
class VoteCast:
    """A role voted: for an outcome, or (None) that the owner may decide. A later vote of the role replaces it."""

    kind: Literal["vote-cast"] = "vote-cast"
    instance: int
    step: Slug
    role: Slug
    person: OpaqueId
    outcome: Slug | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowMissed:
    """The due instant passed without an answer."""

    kind: Literal["window-missed"] = "window-missed"
    instance: int
    step: Slug
    due: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Somebody was told. ``rung`` None: an outcome's own telling. ``page`` and ``repeat`` number repeated pages."""

    kind: Literal["told"] = "told"
    instance: int
    step: Slug
    rung: RungId | None
    how: Telling
    roles: tuple[Slug, ...]
    page: int | None = None
    repeat: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnersChanged:
    """The task moved to a role, got a co-owner, or was reassigned; its clock runs on."""

    kind: Literal["owners-changed"] = "owners-changed"
    instance: int
    step: Slug
    owners: tuple[Slug, ...]
    person: OpaqueId | None
    rung: RungId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockPaused:
    """A clock was stopped by hand, or (``person`` None) by the protocol's own condition."""

    kind: Literal["clock-paused"] = "clock-paused"
    instance: int
    step: Slug
    until: Instant
    reason: PauseReason
    person: OpaqueId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockResumed:
    """A clock goes on; ``person`` None: the pause ran out, or its condition is no longer so."""

    kind: Literal["clock-resumed"] = "clock-resumed"
    instance: int
    step: Slug
    person: OpaqueId | None
    due: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepEnded:
    """An instance ended with an outcome (None: a receipt). On time: at or before its due instant."""

    kind: Literal["step-ended"] = "step-ended"
    instance: int
    step: Slug
    outcome: Slug | None
    how: Ending
    on_time: bool
    role: Slug | None
    person: OpaqueId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCancelled:
    """An instance was withdrawn: a lane closed, something cancelled it, a newer one took its place.

    ``cause`` None, here and wherever it may be: nothing in the text was the cause, but a move or the case's end.
    """

    kind: Literal["step-cancelled"] = "step-cancelled"
    instance: int
    step: Slug
    superseded: bool
    cause: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneClosed:
    """A lane closed; its steps no longer open."""

    kind: Literal["lane-closed"] = "lane-closed"
    lane: Slug
    cause: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneReopened:
    """A lane opened again; nothing that was cancelled comes back."""

    kind: Literal["lane-reopened"] = "lane-reopened"
    lane: Slug
    cause: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePaused:
    """The clocks of a lane stand still, until an instant at the latest."""

    kind: Literal["lane-paused"] = "lane-paused"
    lane: Slug
    until: Instant
    cause: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneResumed:
    """The clocks of a lane go on; ``cause`` None: the pause ran out."""

    kind: Literal["lane-resumed"] = "lane-resumed"
    lane: Slug
    cause: Ref | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """A counter has a new value."""

    kind: Literal["counted"] = "counted"
    field: Slug
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """A ``shares`` step ended as shared: the store checks the release; the engine knows none."""

    kind: Literal["shared"] = "shared"
    instance: int
    step: Slug
    slots: tuple[Slug, ...]
    roles: tuple[Slug, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedCaseStarted:
    """A linked case begins with this event."""

    kind: Literal["linked-case-started"] = "linked-case-started"
    event: Slug


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkStarted:
    """A linked case of another protocol begins with this event."""

    kind: Literal["link-started"] = "link-started"
    link: Slug
    event: Slug
    cause: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNotStarted:
    """A cause came and no linked case began; this says why."""

    kind: Literal["link-not-started"] = "link-not-started"
    link: Slug
    cause: Ref
    why: NotOpened


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkNoticed:
    """The linked case has opened, or ended."""

    kind: Literal["link-noticed"] = "link-noticed"
    link: Slug
    ended: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PassedOn:
    """The linked case was told of something, as one of its own events."""

    kind: Literal["passed-on"] = "passed-on"
    link: Slug
    event: Slug
    cause: Ref


@dataclass(frozen=True, slots=True, kw_only=True)
class PageStopped:
    """A repeated page was read."""

    kind: Literal["page-stopped"] = "page-stopped"
    page: int
    person: OpaqueId


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseEnded:
    """Nothing is live any more; ``unfinished`` counts joins left half filled."""

    kind: Literal["case-ended"] = "case-ended"
    unfinished: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyMigrated:
    """What a move to another text did to one open duty. ``how`` says what became of its clock.

    ``was`` is the step's name before. ``reasoned``: the plan gives a reason, which is the council's to read.
    """

    kind: Literal["duty-migrated"] = "duty-migrated"
    instance: int
    was: Slug
    step: Slug
    agency: Slug
    how: Slug
    due_was: Instant | None
    due: Instant | None
    reasoned: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseMigrated:
    """The case goes on under another text (``now``), by a council's plan; ``undo`` takes an earlier move back.

    Texts and plan are named by their hashes. What it did to each duty, and what follows, are facts of their own.
    """

    kind: Literal["case-migrated"] = "case-migrated"
    run: OpaqueId
    was: OpaqueId
    now: OpaqueId
    plan: OpaqueId
    undo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockMoved:
    """A trainer moved the clock of a practice case on from ``since``; it is ``ahead`` of everybody's now."""

    kind: Literal["clock-moved"] = "clock-moved"
    agency: Slug
    since: Instant
    ahead: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PartErased:
    """What an agency had of the case, or one protected value, was erased. The store records it, never the engine."""

    kind: Literal["part-erased"] = "part-erased"
    part: Slug


FactBody: TypeAlias = Annotated[
    CaseOpened
    | EventRecorded
    | FieldSet
    | SlotFilled
    | StepScheduled
    | StepDelivered
    | StepNotOpened
    | DueMoved
    | TakenUp
    | Claimed
    | TryLogged
    | VoteCast
    | WindowMissed
    | Told
    | OwnersChanged
    | ClockPaused
    | ClockResumed
    | StepEnded
    | StepCancelled
    | LaneClosed
    | LaneReopened
    | LanePaused
    | LaneResumed
    | Counted
    | Shared
    | LinkedCaseStarted
    | LinkStarted
    | LinkNotStarted
    | LinkNoticed
    | PassedOn
    | PageStopped
    | CaseEnded
    | CaseMigrated
    | DutyMigrated
    | ClockMoved
    | PartErased,
    Bound(discriminator="kind"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One thing the engine recorded: its number in the case, when it took effect, when it was learned."""

    seq: int
    at: Instant
    recorded: Instant
    body: FactBody
