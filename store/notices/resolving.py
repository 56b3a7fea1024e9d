"""Who answers now, and whether there is still something to answer: asked at the moment of sending, never before."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, select

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import rotas
from store.keyring.sealing import opened
from store.notices import reach
from store.notices.errands import ABOUT_A_NOTICE, DUTY, NUDGES, Errand, Kind
from store.notices.reach import Reach
from store.people import Person, people, subject_of
from store.people import one as person_of
from store.policy.tables import shield
from store.tables import notice, task, task_owner


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the task of an errand stands.

    ``over`` says why nothing is to be told of it any more, ``by`` whose doing that is; ``agency`` has the task,
    ``why`` is the reason of the notice (``store.labels.reason``).
    """

    over: str | None
    by: OpaqueId | None
    task_id: str | None
    step: Slug
    agency: Slug
    owners: tuple[Slug, ...]
    person: OpaqueId | None
    delivered: Instant | None
    due: Instant | None
    taken: Instant | None
    paused_until: Instant | None
    why: str | None = None


def standing(connection: Connection, found: Errand) -> Standing | None:
    """How the task of an errand stands; None where there is none (any more)."""
    rows = connection.execute(
        select(task).where(task.c.case_id == found.case_id, task.c.instance == found.instance)
    ).all()
    if not rows:
        return None
    (row,) = opened("task", connection, rows)
    owned = select(task_owner.c.role).where(
        task_owner.c.case_id == found.case_id, task_owner.c.instance == found.instance
    )
    owners = tuple(connection.execute(owned.order_by(task_owner.c.position)).scalars())
    told = _told(connection, found)
    over, by = _over(found, row, owners, told)
    return Standing(
        over=over,
        by=by,
        task_id=row["id"],
        step=row["step"],
        agency=row["agency"],
        owners=owners,
        person=row["person"],
        delivered=row["delivered_at"],
        due=row["due_at"],
        taken=row["taken_at"],
        paused_until=row["paused_until"],
        why=None if told is None else str(told["why"]),
    )


def _told(connection: Connection, found: Errand) -> dict[str, object] | None:
    """The notice of an errand that is about one; ``again`` says that its page has been repeated since."""
    if found.notice_id is None:
        return None
    asked = select(notice).where(notice.c.case_id == found.case_id, notice.c.role == found.role)
    rows = opened("notice", connection, connection.execute(asked).all())
    mine = next((each for each in rows if each["id"] == found.notice_id), None)
    if mine is None:
        return None
    page, repeat = mine["page"], mine["repeat"]
    return {**mine, "again": page is not None and any(e["page"] == page and e["repeat"] > repeat for e in rows)}


def _over(
    found: Errand, row: dict[str, object], owners: Sequence[Slug], told: dict[str, object] | None
) -> tuple[str | None, OpaqueId | None]:
    """Why there is nothing to tell any more, and whose doing that is."""
    by = row["person"] if isinstance(row["person"], str) else None
    if found.kind in ABOUT_A_NOTICE:
        # What happened is told all the same; a reminder of what is done, and a page that was read, are not.
        stopped = told is not None and told["stopped_at"] is not None
        done = found.kind is Kind.REMIND and row["status"] != "open"
        # After an outage a page and its repeats come together: one text says it.
        again = told is not None and bool(told["again"])
        return ("read" if stopped else "ended" if done else "repeated" if again else None), None
    if found.kind in NUDGES:
        return ("ended" if row["status"] != "open" else None), None
    if found.kind not in DUTY:
        return None, None
    if row["status"] != "open":
        return "ended", by
    if found.role not in owners:
        return "moved", by
    return ("taken", by) if _taken(found, row) else (None, None)


def _taken(found: Errand, row: dict[str, object]) -> bool:
    """Whether somebody has said that they have it since this was asked."""
    if found.kind is Kind.NEW:
        return row["taken_at"] is not None
    progress = row["last_progress_at"]
    acted = isinstance(progress, int) and progress > found.since
    return acted and row["person"] is not None


class How(StrEnum):
    """Why somebody is rung: they are on duty; nobody is, and they have the role, or lead the agency; nobody at all."""

    DUTY = "duty"
    ROLE = "role"
    LEAD = "lead"
    NOBODY = "nobody"


def answering(  # noqa: PLR0913 - one question, whole
    connection: Connection,
    protocol: Protocol,
    role: Slug,
    at: Instant,
    *,
    able: Collection[str],
    case_id: OpaqueId | None,
    passed: Collection[OpaqueId] = (),
) -> tuple[tuple[Person, Reach], ...]:
    """The people to tell, with how they are reached: whoever is on duty, or the next who can be reached at all.

    After the role's rota come its deputies', everybody who has the role, then the agency's leads. Who passed it on is
    left out while anybody else is there; who is kept out of the case always. Empty: nobody can be reached.
    """
    out = _kept_out(connection, case_id)
    for left_out in (out | set(passed), out):
        for _, group in _groups(connection, protocol, role, at):
            found = _reached(connection, [each for each in group if each.id not in left_out], able)
            if found:
                return found
    return ()


def rung(
    connection: Connection, protocol: Protocol, role: Slug, at: Instant, able: Collection[str]
) -> tuple[How, tuple[Person, ...]]:
    """Who is told of a new duty at an instant, of no case in particular, and why they are.

    Where an installation has no way out (``able`` is empty) nobody is told, and who would be is who has the duty.
    """
    for how, group in _groups(connection, protocol, role, at):
        found = tuple(each for each, _ in _reached(connection, group, able)) if able else tuple(group)
        if found:
            return how, found
    return How.NOBODY, ()


def _groups(
    connection: Connection, protocol: Protocol, role: Slug, at: Instant
) -> Iterator[tuple[How, tuple[Person, ...]]]:
    agency = protocol.role[role].agency
    for each in rotas.chain(protocol, role):
        on = rotas.listed(connection, protocol, each, at)
        yield (How.DUTY, on) if on else (How.ROLE, rotas.on_duty(connection, protocol, each, at))
    yield How.ROLE, people(connection, agency_id=agency, role=role)
    yield from ((How.LEAD, rotas.on_duty(connection, protocol, each, at)) for each in protocol.agency[agency].leads)


def _reached(
    connection: Connection, group: Sequence[Person], able: Collection[str]
) -> tuple[tuple[Person, Reach], ...]:
    known = reach.of(connection, [each.id for each in group])
    return tuple((each, known[each.id]) for each in group if known[each.id].ways(able))


def one_person(
    connection: Connection, person_id: OpaqueId, able: Collection[str], *, case_id: OpaqueId | None = None
) -> tuple[tuple[Person, Reach], ...]:
    """One person, with how they are reached; empty if they cannot be, no longer act, or are kept out of the case."""
    if person_id in _kept_out(connection, case_id) or subject_of(connection, person_id) is None:
        return ()
    return _reached(connection, [person_of(connection, person_id)], able)


def _kept_out(connection: Connection, case_id: OpaqueId | None) -> set[OpaqueId]:
    return set(connection.execute(select(shield.c.person_id).where(shield.c.case_id == case_id)).scalars())
