"""The state of one case: everything the engine remembers, in closed types without any text.

A frozen value. ``step`` takes one and returns another; continue-as-new carries it whole.
Ended instances leave the state (their occurrences stay in ``last``); facts tell their story.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, TypeAlias

from pydantic import Field as Bound

from protocol.kernel import MOST_COUNTED, MOST_ITEMS
from protocol.names import OpaqueId, Ref, RungId, Slug

Instant: TypeAlias = int
"""Microseconds since 1970-01-01T00:00Z. Compared exactly, never rounded."""

Scalar: TypeAlias = bool | Annotated[int, Bound(ge=-(2**53), le=2**53)] | Slug
"""Yes or no; a number or an instant; a choice, role or reference."""

Item: TypeAlias = dict[Slug, Scalar]
"""One item of a list: its columns."""

Value: TypeAlias = Scalar | Annotated[tuple[Item, ...], Bound(max_length=MOST_ITEMS)]
"""A record field's value: a scalar, or the items of a list."""


class Code(StrEnum):
    """Why an input was refused. Stable: programs and documents rely on these words."""

    NOT_STARTED = "NOT_STARTED"
    CASE_ENDED = "CASE_ENDED"
    UNKNOWN_EVENT = "UNKNOWN_EVENT"
    UNKNOWN_TASK = "UNKNOWN_TASK"
    UNKNOWN_OUTCOME = "UNKNOWN_OUTCOME"
    UNKNOWN_FIELD = "UNKNOWN_FIELD"
    UNKNOWN_ROLE = "UNKNOWN_ROLE"
    TASK_ENDED = "TASK_ENDED"
    TASK_WAITING = "TASK_WAITING"
    NOT_YOURS = "NOT_YOURS"
    NOT_YOUR_EVENT = "NOT_YOUR_EVENT"
    TAKEN = "TAKEN"
    FIELD_REQUIRED = "FIELD_REQUIRED"
    FIELD_TYPE = "FIELD_TYPE"
    FIELD_RANGE = "FIELD_RANGE"
    OUTCOME_CLOSED = "OUTCOME_CLOSED"
    TRIES_FIRST = "TRIES_FIRST"
    NO_TRIES = "NO_TRIES"
    RECEIPT_ONLY = "RECEIPT_ONLY"
    LEAD_MUST_AGREE = "LEAD_MUST_AGREE"
    IN_FUTURE = "IN_FUTURE"
    TOO_RECENT_TO_HOLD = "TOO_RECENT_TO_HOLD"
    HOLD_TOO_LONG = "HOLD_TOO_LONG"
    TOO_EARLY = "TOO_EARLY"
    NO_PAUSE = "NO_PAUSE"
    PAUSE_TOO_LONG = "PAUSE_TOO_LONG"
    NOT_PAUSED = "NOT_PAUSED"
    PAUSED = "PAUSED"
    NO_VOTES = "NO_VOTES"
    VOTES_DECIDE = "VOTES_DECIDE"
    QUORUM = "QUORUM"
    NOT_LINKED = "NOT_LINKED"
    NOT_PRACTICE = "NOT_PRACTICE"
    CLOCK_ONLY_FORWARD = "CLOCK_ONLY_FORWARD"
    NOTHING_DUE = "NOTHING_DUE"


class Phase(StrEnum):
    """Where an instance stands: waiting to be delivered, or open (delivered, its clock live)."""

    WAITING = "waiting"
    OPEN = "open"


class Status(StrEnum):
    """Where the case stands."""

    NEW = "new"
    OPEN = "open"
    ENDED = "ended"


class PauseReason(StrEnum):
    """Why a clock was stopped by hand; free words belong in the vault."""

    WAITING_FOR_OTHERS = "waiting-for-others"
    ACTIVE_INVESTIGATION = "active-investigation"
    APPROVED_LEAVE = "approved-leave"
    UNSAFE_NOW = "unsafe-now"
    OTHER = "other"
    AS_AGREED = "as-agreed"
    """The protocol's own ``clock stops: while``; never given by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The last time an occurrence happened: its fact number and when it took effect."""

    seq: int
    effective: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspension:
    """A stretch in which a clock stands still; open while ``until`` is None, never past ``cap``."""

    start: Instant
    cap: Instant
    until: Instant | None = None
    reason: PauseReason


@dataclass(frozen=True, slots=True, kw_only=True)
class LanePause:
    """A stretch in which the clocks of a lane stand still; one of ``refs`` ends it early."""

    lane: Slug
    start: Instant
    cap: Instant
    until: Instant | None = None
    refs: tuple[Ref, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """The last linked case of a link: the fact that started it, and whether it has opened and ended."""

    seq: int
    opened: bool = False
    ended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page that is repeated until somebody has read it."""

    number: int
    rung: RungId
    role: Slug
    next: Instant
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """One opening of a step.

    The due instant is derived from the protocol's point and these anchors; ``announced`` only remembers what
    people were last told, and ``floor`` the earliest instant a due time may have (nothing can be missed before
    it was delivered, or before we learned that it had moved). ``acknowledged`` is the present owner's, ``taken``
    the agency's first act of any kind. ``batch`` is the first of the instances that one cause opened together, for
    each role or ``item`` of a list. ``votes`` are by voting role: an outcome, or None for a plain vote. ``receipt``
    marks an instance that only confirms a handoff whose lane or condition kept the step shut, so that outsiders
    cannot tell.

    A move to a newer text may leave ``clock`` (since when its time counts, if not since delivery), ``grace`` (no due
    time before it) and ``rehung`` (when rungs fire whose time had passed when the terms changed).
    """

    n: int
    step: Slug
    agency: Slug
    phase: Phase
    born: Instant
    cause: Ref
    cause_effective: Instant
    from_agency: Slug | None = None
    starts: Instant | None = None
    delivered: Instant | None = None
    owners: tuple[Slug, ...]
    person: OpaqueId | None = None
    acknowledged: Instant | None = None
    taken: Instant | None = None
    tries: int = 0
    last_try: Instant | None = None
    tried_in_time: bool = False
    floor: Instant = 0
    announced: Instant | None = None
    raw: Instant | None = None
    missed: bool = False
    receipt: bool = False
    held: bool = False
    round: int = 0
    base: Instant = 0
    batch: int = 0
    item: Item | None = None
    votes: dict[Slug, Slug | None] = field(default_factory=dict)
    fired: dict[RungId, Instant] = field(default_factory=dict)
    suspensions: tuple[Suspension, ...] = ()
    pages: tuple[Page, ...] = ()
    clock: Instant | None = None
    grace: Instant = 0
    rehung: dict[RungId, Instant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Armed:
    """A wait that an occurrence has armed, and the instant that it is measured from."""

    wait: Slug
    anchor: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """The answer to a command, the same for ever: the last fact it produced and the task it concerned."""

    seq: int
    instance: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Practice:
    """Makes a case one for practice: how far (microseconds) its own clock is before everybody's, or behind it."""

    ahead: Instant = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseState:
    """One case. ``arms`` holds, per join, the arms filled so far; ``born`` numbers instances.

    ``practice`` is there from the beginning or never: a real case (None) has no clock that could be moved.
    ``stays``: so long a case stays open whose duties a move closed, with nothing owed too, or there were no way back.
    """

    status: Status = Status.NEW
    opened: Instant = 0
    now: Instant = 0
    seq: int = 0
    born: int = 0
    paged: int = 0
    fields: dict[Slug, Value] = field(default_factory=dict)
    slots: tuple[Slug, ...] = ()
    last: dict[Ref, Mark] = field(default_factory=dict)
    closed: tuple[Slug, ...] = ()
    arms: dict[Slug, tuple[int, ...]] = field(default_factory=dict)
    waits: tuple[Armed, ...] = ()
    counters: dict[Slug, Annotated[tuple[Instant, ...], Bound(max_length=MOST_COUNTED)]] = field(default_factory=dict)
    pauses: tuple[LanePause, ...] = ()
    links: dict[Slug, Linked] = field(default_factory=dict)
    instances: tuple[Instance, ...] = ()
    replies: dict[OpaqueId, Reply] = field(default_factory=dict)
    crossed: Crossed | None = None
    practice: Practice | None = None
    stays: Instant = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Crossed:
    """The last move to another text, as long as it can be undone: the case just before, and as the move left it.

    Neither keeps its replies; ``was`` and ``now`` are the texts' hashes.
    """

    run: OpaqueId
    was: OpaqueId
    now: OpaqueId
    before: CaseState
    after: CaseState
