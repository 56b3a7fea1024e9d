"""Cases: the list, and one case with its fields, protected slots and tasks, as a subject may see them."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, case, exists, or_, select

from protocol.names import OpaqueId, Slug
from protocol.state import Instant, Value
from store import ids
from store.keyring.sealing import opened
from store.linked import LanePauseView, LinkView, lane_pauses, links
from store.paging import NEVER, Cursor, Page, after, page
from store.policy import Subject, SubjectKind, is_party, unknown
from store.tables import case_code, case_file, field_value, slot_ref, task
from store.task_view import TaskView, tasks_seen, views


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseSummary:
    """One case in a list.

    ``status`` (open, ended) is None where its end would tell what happened inside a confidential agency; ``part`` is
    the subject's own agency's: open while it has a task open or waiting, else finished. ``practice``: made for
    practice, with a clock of its own that is ``ahead`` of everybody's.
    """

    case_id: OpaqueId
    code: str
    slug: Slug
    protocol_hash: str
    opened_at: Instant
    status: str | None
    part: str
    practice: bool
    ahead: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """A record field of a case and when it got its value."""

    field: Slug
    value: Value
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotView:
    """A protected value, by reference; only its keeper's people learn that it is there."""

    slot: Slug
    ref: OpaqueId
    at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseView:
    """One case. Tasks are in the order they were delivered, those not delivered yet last; ``links`` as they began."""

    case: CaseSummary
    fields: tuple[FieldView, ...]
    slots: tuple[SlotView, ...]
    tasks: tuple[TaskView, ...]
    links: tuple[LinkView, ...]
    pauses: tuple[LanePauseView, ...]


def recent(
    connection: Connection,
    subject: Subject,
    *,
    slug: Slug | None = None,
    practice: bool | None = None,
    cursor: Cursor | None = None,
    limit: int = 50,
) -> Page[CaseSummary]:
    """Cases of protocols in which the subject's agency has a part, newest first.

    ``practice``: only those for practice, or only real ones. A records system is never told of practice.
    """
    # Which cases first, and only of those whatever is asked of each: of thousands that would be asked for nothing.
    statement = select(case_file.c.case_id).where(is_party(case_file, subject))
    if slug is not None:
        statement = statement.where(case_file.c.slug == slug)
    if subject.kind is SubjectKind.SYSTEM:
        practice = False
    if practice is not None:
        statement = statement.where(case_file.c.practice.is_(practice))
    order: tuple[ColumnElement[Any], ...] = (-case_file.c.opened_at, case_file.c.code)
    chosen = connection.execute(after(statement, order, cursor, limit)).scalars().all()
    rows = connection.execute(_summaries(subject).where(case_file.c.case_id.in_(chosen))).all()
    found = sorted((_summary(row) for row in rows), key=lambda each: (-each.opened_at, each.code))
    return page(found, limit, lambda each: (-each.opened_at, each.code))


def seen(connection: Connection, subject: Subject, id_or_code: str) -> CaseSummary:
    """One case by its id, or by the code people say.

    Raises:
        HandoffError: ``NOT_FOUND``, the same for a case of others and for none.
    """
    case_id = ids.case_of_code(connection, id_or_code) or id_or_code
    row = connection.execute(_summaries(subject).where(case_file.c.case_id == case_id)).first()
    if row is None:
        raise unknown("case")
    return _summary(row)


def code_seen(connection: Connection, subject: Subject, case_id: OpaqueId) -> str | None:
    """The code of a case, by its id; None for a case the subject may not see, one not projected yet, and none."""
    row = connection.execute(_summaries(subject).where(case_file.c.case_id == case_id)).first()
    return None if row is None else str(row.code)


def one(connection: Connection, subject: Subject, id_or_code: str) -> CaseView:
    """One case with all of it that the subject may see.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    found = seen(connection, subject, id_or_code)
    tasks = connection.execute(tasks_seen(subject).where(task.c.case_id == found.case_id)).all()
    # Put in order here: what a confidential agency's tasks are ordered by is sealed.
    in_order = sorted(views(connection, tasks), key=lambda each: (each.delivered_at or NEVER, each.step, each.id))
    return CaseView(
        case=found,
        fields=_fields(connection, subject, found.case_id),
        slots=_slots(connection, subject, found.case_id),
        tasks=tuple(in_order),
        links=links(connection, subject, found.case_id),
        pauses=lane_pauses(connection, subject, found.case_id),
    )


def _summaries(subject: Subject) -> Select[Any]:
    knows = or_(case_file.c.status_owner.is_(None), case_file.c.status_owner == subject.agency)
    own = exists().where(
        and_(
            task.c.case_id == case_file.c.case_id,
            task.c.agency == subject.agency,
            task.c.status.in_(("open", "waiting")),
        )
    )
    return select(
        case_file.c.case_id,
        case_file.c.code,
        case_file.c.slug,
        case_file.c.protocol_hash,
        case_file.c.opened_at,
        case_file.c.practice,
        case_file.c.ahead,
        case((knows, case_file.c.status), else_=None).label("status"),
        case((own, "open"), else_="finished").label("part"),
    ).where(is_party(case_file, subject))


def _summary(row: Row[Any]) -> CaseSummary:
    return CaseSummary(**row._mapping)


def _fields(connection: Connection, subject: Subject, case_id: OpaqueId) -> tuple[FieldView, ...]:
    rows = sorted(_field_rows(connection, subject, (case_id,)), key=lambda row: str(row["field"]))
    return tuple(FieldView(field=row["field"], value=json.loads(row["value"]), at=row["at"]) for row in rows)


_FIELDS = select(field_value).where(
    field_value.c.case_id.in_(bindparam("cases", expanding=True)),
    or_(field_value.c.owner.is_(None), field_value.c.owner == bindparam("agency")),
)


def _field_rows(connection: Connection, subject: Subject, case_ids: Collection[OpaqueId]) -> list[dict[str, Any]]:
    rows = connection.execute(_FIELDS, {"cases": list(case_ids), "agency": subject.agency}).all()
    return opened("field_value", connection, rows)


def _slots(connection: Connection, subject: Subject, case_id: OpaqueId) -> tuple[SlotView, ...]:
    rows = connection.execute(
        select(slot_ref).where(slot_ref.c.case_id == case_id, slot_ref.c.keeper == subject.agency)
    ).all()
    found = sorted(opened("slot_ref", connection, rows), key=lambda row: (row["slot"], row["seq"]))
    return tuple(SlotView(slot=row["slot"], ref=row["ref"], at=row["at"]) for row in found)


def fields_of(
    connection: Connection, subject: Subject, case_ids: Sequence[OpaqueId]
) -> dict[OpaqueId, dict[Slug, Value]]:
    """The record fields of several cases that the subject may see, for the sentences that explain their clocks."""
    found: dict[OpaqueId, dict[Slug, Value]] = {each: {} for each in case_ids}
    if not found:
        return found
    for row in _field_rows(connection, subject, found):
        found[row["case_id"]][row["field"]] = json.loads(row["value"])
    return found


def any_there(connection: Connection) -> bool:
    """Whether this installation ever had a case. For setting it up, never for people."""
    return connection.execute(select(case_code.c.case_id).limit(1)).first() is not None


def projected(connection: Connection, case_id: OpaqueId) -> int:
    """The number of the last fact of a case in the read model; 0 while there is none. For waiting, never for people."""
    return connection.execute(select(case_file.c.seq).where(case_file.c.case_id == case_id)).scalar() or 0
