"""To whom a duty may go inside its agency: who answers for each of its roles now, and why somebody could not have it.

Who passed a duty on and why is for those who lead the agency; it is sealed with the case's other papers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import people, rotas
from store.notices import errands
from store.policy import Action, Subject
from store.policy import Kind as Object_
from store.policy.values import kept_out
from store.releases import filing, papers
from store.releases.papers import Kind, Paper
from store.releases.words import Closed
from store.task_view import TaskTarget, TaskView


class Reason(StrEnum):
    """Why somebody cannot have a duty; only those who lead see it."""

    ANOTHER_CALL = "another-call"
    KNOWS_SOMEBODY = "knows-somebody"
    NOT_NOW = "not-now"
    LANGUAGE = "language"


@dataclass(frozen=True, slots=True, kw_only=True)
class Colleague:
    """Somebody who answers for a role now."""

    role: Slug
    person: OpaqueId
    name: str


class Passed(Closed):
    """That somebody passed a duty on."""

    task: str
    step: Slug
    person: OpaqueId
    reason: Reason
    at: Instant


def roles_of(protocol: Protocol, agency: Slug) -> tuple[Slug, ...]:
    """The roles of an agency that a duty may be handed to, those who lead first."""
    known = protocol.agency[agency]
    return tuple(dict.fromkeys((*known.leads, *known.roles)))


def colleagues(
    connection: Connection, protocol: Protocol, subject: Subject, view: TaskView, at: Instant
) -> tuple[Colleague, ...]:
    """Who else answers now for a role of the task's agency; nobody to whom the case is closed."""
    out = kept_out(connection, view.case_id) | {subject.person_id}
    return tuple(
        Colleague(role=role, person=each.id, name=each.name)
        for role in roles_of(protocol, view.agency)
        for each in rotas.on_duty(connection, protocol, role, at)
        if each.id not in out
    )


def must_be_theirs(connection: Connection, case_id: OpaqueId, role: Slug, person: OpaqueId, agency: Slug) -> None:
    """Hold a hand-over to somebody who can have it.

    Raises:
        HandoffError: ``UNKNOWN_PERSON`` for who is not in that role of the agency, or is kept out of the case.
    """
    known = people.subject_of(connection, person)
    theirs = known is not None and known.agency == agency and role in known.roles
    if not theirs or person in kept_out(connection, case_id):
        raise HandoffError("UNKNOWN_PERSON", f"nobody in the role {role} who can have this is known by that id")


def next_role(connection: Connection, protocol: Protocol, subject: Subject, view: TaskView, at: Instant) -> Slug | None:
    """The role whose people are next: the owners' own if others are on duty, their deputies', then who leads."""
    there = {each.role for each in colleagues(connection, protocol, subject, view, at)}
    chain = [*view.owners]
    for each in view.owners:
        wanted = protocol.role[each].deputy
        while wanted is not None and wanted not in chain:
            chain.append(wanted)
            wanted = protocol.role[wanted].deputy
    return next((each for each in (*chain, *protocol.agency[view.agency].leads) if each in there), None)


def say_passed(connection: Connection, target: TaskTarget, id_: OpaqueId, said: Passed) -> None:
    """Keep who passed a duty on and why. Safe to repeat under one id. Needs a writing connection."""
    papers.keep(
        connection,
        Paper(id=id_, agency=target.agency, kind=Kind.PASSED, said=said.model_dump_json(), case_id=target.case_id),
    )


def tell_the_next(connection: Connection, target: TaskTarget, person: OpaqueId, now: Instant) -> bool:
    """Have the next person told of a duty at once; whether anything asks for somebody to take it."""
    live = [
        each
        for each in errands.live(connection, target.agency, now)
        if (each.case_id, each.instance) == (target.case_id, target.instance)
        and each.kind in errands.DUTY
        and each.over_at is None
    ]
    for each in live:
        told = tuple(dict.fromkeys((*each.passed, person)))
        errands.put_back(connection, replace(each, passed=told, next_at=now))
    return bool(live)


def passes(connection: Connection, subject: Subject, case: str) -> tuple[OpaqueId, tuple[Passed, ...]]:
    """The case, and who of one's own agency passed a duty of it on, oldest first, for those who lead it.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    file = filing.of_case(connection, subject, case)
    # Whoever may see to whom a case is closed may see this: it is said in the same words.
    filing.must(subject, Action.READ, filing.object_of(connection, file, Object_.SHIELD, subject.agency), "case")
    found = papers.of_case(connection, subject.agency, Kind.PASSED, file.case_id)
    read = [Passed.model_validate_json(each.said) for each in found]
    return file.case_id, tuple(sorted(read, key=lambda each: (each.at, each.person)))
