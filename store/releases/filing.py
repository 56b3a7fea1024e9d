"""A release as it is kept with its case: the paper, the key's signature under it, and what became of it since."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import cases, ids, protocols
from store.policy import Action, Class, Object, Subject, decide, unknown
from store.policy import Kind as Object_
from store.policy.values import kept_by
from store.releases import document, papers
from store.releases.document import Release
from store.releases.papers import Kind, Paper
from store.releases.words import Closed, Sealing
from store.tables import case_file


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """The case something is about."""

    case_id: OpaqueId
    code: str
    protocol: Protocol


class Answered(Closed):
    """What a supervisor said to a disclosure for an imminent threat."""

    by: OpaqueId
    yes: bool
    at: Instant


class Filed(Closed):
    """A release and what became of it.

    ``answered``, ``reviewed_by``, ``reviewed_at``: of a disclosure for an imminent threat.
    """

    release: Release
    code: str
    drafted_at: Instant
    words: Sealing | None = None
    signature: bytes | None = None
    signed_at: Instant | None = None
    revoked_at: Instant | None = None
    revoked_by: OpaqueId | None = None
    answered: Answered | None = None
    reviewed_at: Instant | None = None
    reviewed_by: OpaqueId | None = None

    def state(self, now: Instant) -> Slug:
        """In one word: draft, waiting, in-force, revoked, expired."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= min(self.release.ends, self.release.agreed_until):
            return "expired"
        if self.signature is None:
            return "draft"
        return "waiting" if now < self.release.starts else "in-force"


def of_case(connection: Connection, subject: Subject, case: str) -> File:
    """A case that somebody may see, by id or code.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    found = cases.seen(connection, subject, case)
    return File(
        case_id=found.case_id,
        code=found.code,
        protocol=protocols.by_hash(connection, found.protocol_hash).protocol,
    )


def behind(connection: Connection, case_id: OpaqueId) -> File:
    """The case of a paper, whoever asks for it."""
    hash_ = connection.execute(case_file.select().where(case_file.c.case_id == case_id)).one().protocol_hash
    protocol = protocols.by_hash(connection, hash_).protocol
    return File(case_id=case_id, code=ids.code_of(connection, case_id) or "", protocol=protocol)


def object_of(connection: Connection, file: File, kind: Object_, keeper: Slug) -> Object:
    """What the table decides on: something an agency keeps of a case."""
    return kept_by(connection, file.protocol, file.case_id, kind, keeper)


def must(subject: Subject, action: Action, it: Object, what: str) -> str:
    """By what right somebody may do this.

    Raises:
        HandoffError: ``NOT_FOUND``: whether it is there is not told.
    """
    decision = decide(subject, action, it, Class.ENGAGEMENT)
    if not decision.allowed:
        raise unknown(what)
    return decision.ground


def keep(connection: Connection, filed: Filed) -> None:
    """Keep a release as it is now. Needs a writing connection."""
    it = filed.release
    said = filed.model_dump_json()
    papers.keep(
        connection,
        Paper(id=it.id, agency=it.owner, kind=Kind.RELEASE, said=said, case_id=it.case_id, to=it.to.agency),
    )


def one(connection: Connection, id_: OpaqueId) -> Filed:
    """A release.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    found = papers.one(connection, id_)
    if found is None or found.kind is not Kind.RELEASE:
        raise unknown("release")
    return Filed.model_validate_json(found.said)


def about(connection: Connection, owner: Slug, case_id: OpaqueId) -> tuple[Filed, ...]:
    """An agency's releases about a case, newest first."""
    return _sorted(papers.of_case(connection, owner, Kind.RELEASE, case_id))


def owned(connection: Connection, owner: Slug) -> tuple[Filed, ...]:
    """All of an agency's releases, newest first."""
    return _sorted(papers.of_agency(connection, owner, Kind.RELEASE))


def shared_with(connection: Connection, subject: Subject, now: Instant) -> tuple[Filed, ...]:
    """Releases of others that somebody may look at now or could have; drafts, and what has not begun, are nobody's."""
    found = _sorted(papers.meant_for(connection, subject.agency, Kind.RELEASE))
    return tuple(
        each for each in found if each.signature is not None and each.release.starts <= now and for_(each, subject)
    )


def for_(filed: Filed, subject: Subject) -> bool:
    """Whether somebody is who it is for."""
    return document.names(filed.release, subject.agency, subject.person_id, subject.roles)


def _sorted(found: tuple[Paper, ...]) -> tuple[Filed, ...]:
    read = [Filed.model_validate_json(each.said) for each in found]
    return tuple(sorted(read, key=lambda each: (-each.drafted_at, each.release.id)))
