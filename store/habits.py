"""What a site's facts show of how its people act: whole months that are settled, for rehearsals to learn from.

Read is what everybody may know (``store.figures``): of a confidential agency only when a handoff from outside was taken
up. What came after a month's settling counts as not come, so the same months say the same whenever they are asked.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, Row, Select, func, select

from protocol.engine import clocks
from protocol.facts import Ending
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.rehearsal.comparing import FEWEST_PEOPLE
from protocol.rehearsal.habits import Band
from protocol.rehearsal.learning import Handled, Past, Took, staffing
from protocol.state import Instant
from store import protocols, rotas
from store.edge_tables import person, person_role
from store.tables import case_file, fact, protocol_carried, task
from store.told_figures import FREEZES_AFTER

SECOND = 1_000_000
MOST = 20_000
"""Handoffs that are looked at, the latest first."""

ROTA_WEEKS = 8
"""Over how many weeks up to now it is counted how many are on duty."""

MOVED = "case-migrated"


def past(connection: Connection, slug: Slug, now: Instant) -> Past:
    """How the handoffs of a protocol went in the last twelve settled months, and who is there to do them.

    What is to be compared with is of the text in force alone, and of no case that moved to it midway.
    """
    base = protocols.current(connection, slug)
    protocol = base.protocol
    since, until, months = _months(protocol.zone, now)
    roles = [each.id for each in protocol.roles]
    return Past(
        handled=_handled(connection, slug, base.hash, (since, until)),
        people=_people(connection, roles),
        staff=_staff(connection, protocol, now),
        months=months,
    )


def _months(zone: str, now: Instant) -> tuple[Instant, Instant, tuple[str, str]]:
    """The twelve whole months that are over for ten days, as a span and by the names of the first and the last."""
    at = clocks.moment(now - FREEZES_AFTER, zone)
    until = datetime(at.year, at.month, 1, tzinfo=ZoneInfo(zone))
    last = (until.year, until.month - 1) if until.month > 1 else (until.year - 1, 12)
    since = until.replace(year=until.year - 1)
    names = f"{since:%Y-%m}", f"{last[0]}-{last[1]:02d}"
    return clocks.instant(since), clocks.instant(until), names


def _handled(connection: Connection, slug: Slug, base: OpaqueId, span: tuple[Instant, Instant]) -> tuple[Handled, ...]:
    rows = connection.execute(_delivered(slug, *span)).all()
    texts = protocols.by_hashes(connection, {row.protocol_hash for row in rows})
    found = (_one(row, texts[row.protocol_hash], base, span[1] + FREEZES_AFTER) for row in rows)
    return tuple(each for each in found if each is not None)


def _delivered(slug: Slug, since: Instant, until: Instant) -> Select[Any]:
    moved = select(fact.c.case_id).where(fact.c.kind == MOVED)
    text = func.coalesce(protocol_carried.c.base, case_file.c.protocol_hash).label("text")
    wanted = (task.c.step, task.c.owner, task.c.delivered_at, task.c.taken_at, task.c.withdrawn_at, task.c.ended_at)
    return (
        select(*wanted, task.c.ending, task.c.on_time, case_file.c.protocol_hash, text)
        .add_columns(task.c.case_id.in_(moved).label("moved"))
        .join_from(task, case_file, task.c.case_id == case_file.c.case_id)
        .outerjoin(protocol_carried, protocol_carried.c.hash == case_file.c.protocol_hash)
        .where(case_file.c.slug == slug, case_file.c.practice.is_(False), task.c.owner.is_(None) | task.c.outside)
        .where(task.c.owner.is_not(None) | task.c.paused_until.is_(None))
        .where(task.c.delivered_at >= since, task.c.delivered_at < until)
        .order_by(task.c.delivered_at.desc(), task.c.id)
        .limit(MOST)
    )


def _one(row: Row[Any], text: Protocol, base: OpaqueId, known_until: Instant) -> Handled | None:
    """One handoff as everybody may know it; None of a step that is of whoever is chosen, or of several."""
    step = text.step.get(row.step)
    if step is None or step.chosen is not None or step.votes is not None:
        return None
    private = row.owner is not None
    over = row.withdrawn_at if private else row.ended_at
    until = min(known_until, row.taken_at or over or known_until)
    took = Took((until - row.delivered_at) // SECOND, row.taken_at is not None and row.taken_at <= known_until)
    name = step.stands_for or step.id
    if private:
        return Handled(role=step.role, step=name, at=row.delivered_at, took_up=took)
    ended = min(known_until, row.ended_at or known_until)
    answered = row.ending == Ending.ANSWERED.value and row.ended_at <= known_until
    compared = row.text == base and not row.moved and row.on_time is not None
    return Handled(
        role=step.role,
        step=name,
        at=row.delivered_at,
        took_up=took,
        answered=Took((ended - row.delivered_at) // SECOND, answered),
        on_time=row.on_time if compared else None,
    )


def _people(connection: Connection, roles: list[Slug]) -> dict[Slug, int]:
    rows = connection.execute(
        select(person_role.c.role, func.count())
        .join_from(person_role, person, person_role.c.person_id == person.c.id)
        .where(person_role.c.role.in_(roles), person.c.active)
        .group_by(person_role.c.role)
    )
    return {role: int(number) for role, number in rows}


def _staff(connection: Connection, protocol: Protocol, now: Instant) -> dict[Slug, dict[Band, int]]:
    """Who is on duty by the rotas; how many a confidential agency has at work is its own to say."""
    since = now - ROTA_WEEKS * 7 * 24 * clocks.HOUR
    found: dict[Slug, dict[Band, int]] = {}
    duties = defaultdict(list)
    for agency in (each.id for each in protocol.agencies if not each.confidential):
        for each in rotas.shifts(connection, agency, None, since, now):
            duties[each.role].append(each)
    for role, shifts in duties.items():
        if len({each.person_id for each in shifts}) >= FEWEST_PEOPLE:
            spans = [(each.starts_at, each.ends_at) for each in shifts]
            found[role] = dict(staffing(spans, since, now, protocol.zone))
    return found
