"""What is written down of erasure: orders with their stages, and holds. Values only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from protocol.names import OpaqueId, Slug
from protocol.state import Instant


class Ground(StrEnum):
    """Why a part of a case is erased."""

    CLASS = "class"
    """Its time has passed; nobody's word is needed."""
    REQUEST = "request"
    """The person it is about asked for it."""
    NON_CONVICTION = "non-conviction"
    """The case ended without a conviction, and the time for appeals is over (domain note T12)."""
    COURT_ORDER = "court-order"
    MISTAKE = "mistake"
    """It should not have been recorded."""


class HoldReason(StrEnum):
    """Why nothing of a case may be erased; what else there is to say stands in a note, sealed."""

    SUBPOENA = "subpoena"
    LITIGATION = "litigation"
    COURT_ORDER = "court-order"
    COMPLAINT = "complaint"
    OTHER = "other"


class Stage(StrEnum):
    """How far an order has come, in this order; each is written down when it is done."""

    LISTED = "listed"
    """It stands in the erasure list, which outlives the main database."""
    RUNS = "runs"
    """No run of the case is left in Temporal."""
    VALUES = "values"
    """Values and their shares are deleted, facts reduced to what figures and outsiders need."""
    FORGOTTEN = "forgotten"
    """The custodian will open nothing of it any more, whatever is put back; its receipt is kept."""
    KEYS = "keys"
    """The case's keys are destroyed: the point of no return for what lies in backups."""
    COMPLETE = "complete"
    """The last backup that held the keys is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A part of a case is to be erased: an agency's, or one protected value. ``person`` None: its class was due."""

    id: OpaqueId
    case_id: OpaqueId
    part: Slug
    agency: Slug
    ground: Ground
    person: OpaqueId | None
    ordered_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """An agency keeps its parts of a case from being erased, until it lifts this; to be reviewed at ``review_at``."""

    id: OpaqueId
    case_id: OpaqueId
    agency: Slug
    reason: HoldReason
    set_at: Instant
    review_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A stage that is done: when, and what came of it in a few words of the program."""

    stage: Stage
    at: Instant
    detail: str
