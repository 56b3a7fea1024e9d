"""Rows of the read model while facts are folded into them: one class per table, one attribute per column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from protocol.names import OpaqueId, Ref, RungId, Slug
from protocol.state import Instant


@dataclass(slots=True, kw_only=True)
class CaseRow:
    """See ``tables.case_file``."""

    case_id: OpaqueId
    code: str
    slug: Slug
    protocol_hash: str
    status: str = "new"
    status_owner: Slug | None = None
    opened_at: Instant = 0
    recorded_at: Instant = 0
    ended_at: Instant | None = None
    seq: int = 0
    practice: bool = False
    ahead: Instant = 0


@dataclass(slots=True, kw_only=True)
class TaskRow:
    """See ``tables.task``."""

    case_id: OpaqueId
    instance: int
    id: str
    step: Slug
    lane: Slug
    agency: Slug
    owner: Slug | None
    outside: bool
    from_agency: Slug | None = None
    person: OpaqueId | None = None
    status: str
    cause: Ref
    round: int
    ordinal: int
    held: bool = False
    receipt: bool = False
    starts_at: Instant | None = None
    delivered_at: Instant | None = None
    due_at: Instant | None = None
    was_due_at: Instant | None = None
    due_cause: Ref | None = None
    short_notice: bool = False
    taken_at: Instant | None = None
    missed_at: Instant | None = None
    untaken_at: Instant | None = None
    tries: int = 0
    last_try_at: Instant | None = None
    paused_until: Instant | None = None
    pause_reason: str | None = None
    outcome: Slug | None = None
    ending: str | None = None
    on_time: bool | None = None
    ended_at: Instant | None = None
    withdrawn_at: Instant | None = None
    last_progress_at: Instant | None = None
    item: str | None = None
    votes: str | None = None


@dataclass(slots=True, kw_only=True)
class NoticeRow:
    """See ``tables.notice``."""

    case_id: OpaqueId
    seq: int
    role: Slug
    id: str
    ordinal: int
    agency: Slug
    how: str
    why: str
    rung: RungId | None
    step: Slug
    lane: Slug
    instance: int
    task_id: str | None
    owner: Slug | None
    outside: bool
    at: Instant
    recorded: Instant
    page: int | None
    repeat: int
    stopped_at: Instant | None = None


@dataclass(slots=True, kw_only=True)
class FieldRow:
    """See ``tables.field_value``."""

    case_id: OpaqueId
    field: Slug
    value: str
    owner: Slug | None
    seq: int
    at: Instant


@dataclass(slots=True, kw_only=True)
class SlotRow:
    """See ``tables.slot_ref``."""

    case_id: OpaqueId
    seq: int
    slot: Slug
    ref: OpaqueId
    keeper: Slug
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """Whose a fact is: see ``tables.fact``."""

    lane: Slug | None = None
    agency: Slug | None = None
    owner: Slug | None = None
    outside: bool = False
    step: Slug | None = None
    task_id: str | None = None


def columns(row: CaseRow | TaskRow | NoticeRow | FieldRow | SlotRow | Label) -> Mapping[str, Any]:
    """The row as the database takes it."""
    return {each.name: getattr(row, each.name) for each in fields(row)}
