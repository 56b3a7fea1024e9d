"""A task as a subject may see it: in full, or as outsiders do (delivered, taken up).

What outsiders may not see is masked in SQL: it never reaches this process.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, bindparam, case, or_, select

from protocol.names import OpaqueId, Ref, Slug
from protocol.state import Instant, Item
from store.keyring.sealing import opened
from store.policy import STATEMENTS, Subject, arranged_by, inside, only_if, unknown, visible, votes_on, wholly
from store.tables import case_file, task, task_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskView:
    """One task. With ``full`` false everything below ``ahead`` is empty, and a receipt looks like any other task.

    ``status`` is waiting, open, ended or cancelled; for outsiders delivered or taken-up. ``practice`` marks a task of a
    practice case, whose clock is ``ahead`` of everybody's.
    """

    id: str
    full: bool
    case_id: OpaqueId
    code: str
    slug: Slug
    protocol_hash: str
    step: Slug
    lane: Slug
    agency: Slug
    from_agency: Slug | None
    status: str
    delivered_at: Instant | None
    taken_at: Instant | None
    practice: bool = False
    ahead: Instant = 0
    owners: tuple[Slug, ...] = ()
    person: OpaqueId | None = None
    cause: Ref | None = None
    round: int | None = None
    held: bool | None = None
    receipt: bool | None = None
    outside: bool | None = None
    starts_at: Instant | None = None
    due_at: Instant | None = None
    was_due_at: Instant | None = None
    due_cause: Ref | None = None
    short_notice: bool | None = None
    missed_at: Instant | None = None
    tries: int | None = None
    last_try_at: Instant | None = None
    paused_until: Instant | None = None
    pause_reason: str | None = None
    outcome: Slug | None = None
    ending: str | None = None
    on_time: bool | None = None
    ended_at: Instant | None = None
    last_progress_at: Instant | None = None
    item: Item | None = None
    votes: dict[Slug, Slug | None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskTarget:
    """Where a command about a task goes: its case and its number there, for the engine only."""

    case_id: OpaqueId
    instance: int
    slug: Slug
    protocol_hash: str
    step: Slug
    agency: Slug
    from_agency: Slug | None


PLAIN = (task.c.id, task.c.case_id, task.c.step, task.c.lane, task.c.agency, task.c.from_agency)
DATED = (task.c.delivered_at, task.c.taken_at)
MASKED = (
    task.c.person,
    task.c.cause,
    task.c.round,
    task.c.held,
    task.c.receipt,
    task.c.outside,
    task.c.starts_at,
    task.c.due_at,
    task.c.was_due_at,
    task.c.due_cause,
    task.c.short_notice,
    task.c.missed_at,
    task.c.tries,
    task.c.last_try_at,
    task.c.paused_until,
    task.c.pause_reason,
    task.c.outcome,
    task.c.ending,
    task.c.on_time,
    task.c.ended_at,
    task.c.last_progress_at,
    task.c.item,
    task.c.votes,
)
WRITTEN = ("item", "votes")
"""Columns that hold JSON."""


def tasks_seen(subject: Subject, *extra: ColumnElement[Any]) -> Select[Any]:
    """Every task the subject may see, masked; join, filter and order it further on visible columns only."""
    full = wholly(task, subject)
    outsiders = case((task.c.taken_at.is_(None), "delivered"), else_="taken-up")
    instance = only_if(full, task.c.instance)
    return (
        select(
            *PLAIN,
            *DATED,
            case_file.c.code,
            case_file.c.slug,
            case_file.c.protocol_hash,
            case_file.c.practice,
            case_file.c.ahead,
            full.label("full"),
            instance,
            only_if(full, task.c.sealed),
            case((full, task.c.status), else_=outsiders).label("status"),
            *(only_if(full, column) for column in MASKED),
            *extra,
        )
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .where(visible(task, subject, case_file.c.protocol_hash))
        .where(or_(full, task.c.delivered_at.is_not(None)))
    )


def views(connection: Connection, rows: Sequence[Row[Any]]) -> list[TaskView]:
    """Rows of ``tasks_seen`` as values, with the owners of those seen in full."""
    owners = _owners(connection, [(row.case_id, row.instance) for row in rows if row.full])
    names = TaskView.__dataclass_fields__
    made = []
    for place, row in zip(rows, opened("task", connection, rows), strict=True):
        found = {name: value for name, value in row.items() if name in names}
        for name in WRITTEN:
            found[name] = None if row[name] is None else json.loads(row[name])
        found["full"] = bool(row["full"])
        found["owners"] = owners.get((place.case_id, place.instance), ()) if found["full"] else ()
        made.append(TaskView(**found))
    return made


def of_ids(connection: Connection, subject: Subject, ids: Sequence[str]) -> dict[str, TaskView]:
    """Tasks by their ids, as far as the subject may see them."""
    if not ids:
        return {}
    return {each.id: each for each in views(connection, connection.execute(_by_ids(subject.asker), {"ids": ids}).all())}


@lru_cache(maxsize=STATEMENTS)
def _by_ids(asker: Subject) -> Select[Any]:
    return tasks_seen(asker).where(task.c.id.in_(bindparam("ids", expanding=True)))


def target(connection: Connection, subject: Subject, id_: str, *, arranging: bool = False) -> TaskTarget:
    """Where to send a command about a task of the subject's own agency, or one that it votes on, or may arrange.

    Raises:
        HandoffError: ``NOT_FOUND``, the same for a task of another agency and for none.
    """
    its = or_(inside(task, subject), votes_on(task, subject, case_file.c.protocol_hash))
    row = connection.execute(
        select(
            task.c.case_id,
            task.c.instance,
            case_file.c.slug,
            case_file.c.protocol_hash,
            task.c.step,
            task.c.agency,
            task.c.from_agency,
            task.c.sealed,
        )
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .where(task.c.id == id_, or_(its, arranged_by(task, subject)) if arranging else its)
    ).first()
    if row is None:
        raise unknown("task")
    (found,) = opened("task", connection, (row,))
    return TaskTarget(**{name: found[name] for name in TaskTarget.__dataclass_fields__})


def one(connection: Connection, subject: Subject, id_: str) -> TaskView:
    """One task as the subject may see it.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    rows = connection.execute(tasks_seen(subject).where(task.c.id == id_)).all()
    if not rows:
        raise unknown("task")
    return views(connection, rows)[0]


def by_instance(connection: Connection, subject: Subject, case_id: OpaqueId, instance: int) -> TaskView:
    """The task the engine knows by a number, for the answer to a command of the subject's own agency.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    wanted = and_(task.c.case_id == case_id, task.c.instance == instance, inside(task, subject))
    rows = connection.execute(tasks_seen(subject).where(wanted)).all()
    if not rows:
        raise unknown("task")
    return views(connection, rows)[0]


def _owners(connection: Connection, keys: Sequence[tuple[str, int]]) -> dict[tuple[str, int], tuple[Slug, ...]]:
    found: dict[tuple[str, int], tuple[Slug, ...]] = {}
    if not keys:
        return found
    wanted = set(keys)
    rows = connection.execute(
        select(task_owner)
        .where(task_owner.c.case_id.in_({case_id for case_id, _ in keys}))
        .order_by(task_owner.c.position)
    )
    for row in rows:
        key = (row.case_id, row.instance)
        if key in wanted:
            found[key] = (*found.get(key, ()), row.role)
    return found
