"""Closing a case to one's own staff: by themselves ("I know somebody in this case"), or by who leads the agency.

Whoever is shielded no longer sees that the case is there. Only a lead who is not shielded from it lifts a shield.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection, delete, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, people
from store.edge_tables import person
from store.policy import Action, Subject
from store.policy import Kind as Object_
from store.policy.tables import shield
from store.releases import filing, words
from store.releases.acts import note
from store.releases.filing import File
from store.releases.words import Says, Word
from store.session import Database, add_new


class Reason(StrEnum):
    """Why a case is closed to somebody."""

    KNOWS_SOMEBODY = "knows-somebody"
    CONFLICT = "conflict"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shield:
    """One person of the agency who is kept out."""

    person: OpaqueId
    name: str
    reason: str
    by: OpaqueId
    at: Instant


def set_(database: Database, subject: Subject, case: str, whom: OpaqueId, reason: Reason, *, now: Instant) -> None:
    """Close a case to somebody of one's own agency. Safe to repeat.

    Raises:
        HandoffError: ``NOT_FOUND``; ``UNKNOWN_PERSON`` for somebody who is not of the agency.
    """
    with database.read() as connection:
        file = filing.of_case(connection, subject, case)
        _must(connection, subject, Action.SET, file, whom)
        known = people.subject_of(connection, whom)
        if known is None or known.agency != subject.agency:
            raise HandoffError("UNKNOWN_PERSON", f"nobody of {subject.agency} is known by that id")
    note(database, subject, file.case_id, "shield-set", now)
    row = {"case_id": file.case_id, "person_id": whom, "reason": reason.value, "at": now}
    with database.write() as connection:
        add_new(connection, shield, [{**row, "by_person": subject.person_id, "by_agency": subject.agency}])
        leads = file.protocol.agency[subject.agency].leads if subject.agency in file.protocol.agency else ()
        if leads:
            # Their tasks wait for whoever leads to hand them over.
            word = Word(id=ids.random_id(), to=subject.agency, says=Says.SHIELDED, at=now, roles=leads)
            words.tell(connection, subject.agency, word)


def lift(database: Database, subject: Subject, case: str, whom: OpaqueId, *, now: Instant) -> None:
    """Open a case to somebody again. Safe to repeat.

    Raises:
        HandoffError: ``NOT_FOUND``, also for who is shielded from it.
    """
    with database.read() as connection:
        file = filing.of_case(connection, subject, case)
        _must(connection, subject, Action.LIFT, file, whom)
    note(database, subject, file.case_id, "shield-lift", now)
    mine = (shield.c.by_agency == subject.agency, shield.c.person_id == whom, shield.c.case_id == file.case_id)
    with database.write() as connection:
        connection.execute(delete(shield).where(*mine))


def listed(connection: Connection, subject: Subject, case: str) -> tuple[Shield, ...]:
    """Who of one's own agency a case is closed to, for those who lead it.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    file = filing.of_case(connection, subject, case)
    _must(connection, subject, Action.READ, file, None)
    rows = connection.execute(
        select(shield, person.c.name)
        .join_from(shield, person, shield.c.person_id == person.c.id)
        .where(shield.c.case_id == file.case_id, shield.c.by_agency == subject.agency)
        .order_by(shield.c.at, shield.c.person_id)
    )
    return tuple(
        Shield(person=row.person_id, name=row.name, reason=row.reason, by=row.by_person, at=row.at) for row in rows
    )


def _must(connection: Connection, subject: Subject, action: Action, file: File, whom: Slug | None) -> None:
    it = filing.object_of(connection, file, Object_.SHIELD, subject.agency)
    filing.must(subject, action, replace(it, person=whom), "case")
