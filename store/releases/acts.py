"""Drafting, signing and taking back a release. Each act asks the table, writes the audit, then does it.

Sources: privacy notes §4; T1, T4, T6, T17.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import audit, ids, people, protocols
from store.custodian.port import Custodian, Grant
from store.plain import Plain
from store.policy import Action, Kind, Subject
from store.releases import document, filing, papers, words
from store.releases.document import DAY, Ground, Purpose, Recipient, Release, Signed
from store.releases.filing import File, Filed
from store.releases.papers import Paper
from store.releases.words import Says, Word
from store.session import Database

GONE = frozenset({"CUSTODIAN_DOWN", "DATABASE_DOWN", "DATABASE_BUSY", "AUDIT_DOWN"})
"""Answers after which it is not known whether something was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody asks to share: with whom, what, what for, until when."""

    agency: Slug
    fields: tuple[Slug, ...]
    until: Instant
    purpose: Purpose = Purpose.OTHER
    role: Slug | None = None
    person: OpaqueId | None = None
    starts: Instant | None = None
    ground: Ground = Ground.RELEASE


def grant_of(subject: Subject) -> Grant:
    """On whose behalf a custodian is asked."""
    return Grant(person=subject.person_id, agency=subject.agency, token=subject.grant)


def drafted(connection: Connection, subject: Subject, file: File, wanted: Wanted, key: bytes, now: Instant) -> Release:
    """A release as it would be signed.

    Args:
        connection: from ``Database.read()``.
        subject: who drafts it, for the agency that keeps the values.
        file: the case.
        wanted: what is to be shared.
        key: what the recipient's agency signs with: its custodian's ``identity``.
        now: the present instant.

    Raises:
        HandoffError: ``NOT_FOUND``; ``FIELD_NOT_OWNED``; ``UNKNOWN_AGENCY``, ``UNKNOWN_ROLE``, ``UNKNOWN_PERSON``;
            ``NO_AGREEMENT``; as ``document.check_terms``.
    """
    filing.must(subject, Action.SIGN, filing.object_of(connection, file, Kind.RELEASE, subject.agency), "case")
    for each in wanted.fields:
        slot = file.protocol.slot.get(each)
        if slot is None or slot.keeper != subject.agency:
            raise HandoffError(
                "FIELD_NOT_OWNED", f"{each} is not kept by {subject.agency}, which can only share its own"
            )
    agreement, agreed_until = agreed(connection, file, subject.agency, wanted.agency, now)
    release = Release(
        id=ids.random_id(),
        site=ids.site_of(connection)[0],
        case_id=file.case_id,
        owner=subject.agency,
        to=_recipient(connection, file, subject.agency, wanted, key),
        ground=wanted.ground,
        purpose=wanted.purpose,
        fields=tuple(sorted(set(wanted.fields))),
        starts=now if wanted.starts is None else max(now, wanted.starts),
        ends=wanted.until,
        agreement=agreement,
        agreed_until=agreed_until,
        drafted_by=subject.person_id,
    )
    document.check_terms(release)
    return release


def agreed(connection: Connection, file: File, owner: Slug, to: Slug, now: Instant) -> tuple[Slug, Instant]:
    """The agreement between two agencies that lasts longest, by the newest text, and when it is over (T17).

    Raises:
        HandoffError: ``NO_AGREEMENT``.
    """
    today = datetime.fromtimestamp(now / 1_000_000, UTC).date().toordinal()
    newest = protocols.current(connection, file.protocol.id).protocol
    live = [
        each
        for each in newest.agreements
        if {owner, to} <= set(each.between) and each.signed <= today <= each.review_by
    ]
    if not live:
        raise HandoffError("NO_AGREEMENT", f"no agreement in date lets {owner} share anything with {to}")
    best = max(live, key=lambda each: each.review_by)
    over = datetime.combine(date.fromordinal(best.review_by), datetime.min.time(), UTC)
    return best.id, int(over.timestamp()) * 1_000_000 + DAY


def _recipient(connection: Connection, file: File, owner: Slug, wanted: Wanted, key: bytes) -> Recipient:
    newest = protocols.current(connection, file.protocol.id).protocol
    texts = (file.protocol, newest)
    roles = {each.id: each.agency for text in texts for each in text.roles}
    if wanted.agency not in {each.id for text in texts for each in text.agencies}:
        raise HandoffError("UNKNOWN_AGENCY", f"there is no agency called {wanted.agency} in this protocol")
    if wanted.role is not None and roles.get(wanted.role) != wanted.agency:
        raise HandoffError("UNKNOWN_ROLE", f"{wanted.role} is no role of {wanted.agency}")
    never: tuple[Slug, ...] = ()
    if any(text.agency[owner].confidential for text in texts if owner in text.agency):
        facing = {each.id for text in texts for each in text.roles if each.faces_suspect}
        never = tuple(sorted(each for each in facing if roles[each] == wanted.agency))
    if wanted.person is not None:
        known = people.subject_of(connection, wanted.person)
        if known is None or known.agency != wanted.agency:
            raise HandoffError("UNKNOWN_PERSON", f"nobody of {wanted.agency} is known by that id")
        if not set(known.roles).isdisjoint(never):
            raise HandoffError("FACES_SUSPECT", "this person faces the suspect: nothing that came from her goes there")
    return Recipient(agency=wanted.agency, key=key, role=wanted.role, person=wanted.person, never=never)


def draft(  # noqa: PLR0913 - who, where, what, in whose words
    database: Database,
    custodian: Custodian,
    subject: Subject,
    case: str,
    wanted: Wanted,
    *,
    said: Plain | None = None,
    now: Instant,
) -> Filed:
    """Write a release down, for her to read before anybody signs it.

    Raises:
        HandoffError: as ``drafted``; ``CUSTODIAN_DOWN`` when the recipient's agency does not answer.
    """
    with database.read() as connection:
        file = filing.of_case(connection, subject, case)
        drafted(connection, subject, file, wanted, b"", now)
    key = custodian.identity(wanted.agency)
    note(database, subject, file.case_id, "release-draft", now, wanted.fields)
    with database.write() as connection:
        release = drafted(connection, subject, file, wanted, key, now)
        sealed = words.seal(connection, subject.agency, file.case_id, said)
        filed = Filed(release=release, code=file.code, drafted_at=now, words=sealed)
        filing.keep(connection, filed)
    return filed


def sign(
    database: Database, custodian: Custodian, subject: Subject, id_: OpaqueId, signed: Signed, now: Instant
) -> Filed:
    """Put the agency's key to a release that she has signed; from then on its recipient may look.

    Raises:
        HandoffError: ``NOT_FOUND``, ``RELEASE_SIGNED``, ``RELEASE_REVOKED``; as ``document.check``; as
            ``Custodian.sign``.
    """
    with database.read() as connection:
        filed = _to_sign(connection, subject, id_)
    begins = max(now, filed.release.starts)
    release = replace(filed.release, signed=signed, starts=begins)
    document.check(release)
    note(database, subject, release.case_id, "release-sign", now, release.fields)
    signature = custodian.sign(grant_of(subject), release)
    with database.write() as connection:
        again = _to_sign(connection, subject, id_)
        filed = again.model_copy(update={"release": release, "signature": signature, "signed_at": now})
        filing.keep(connection, filed)
        words.tell(connection, release.owner, told_of(release))
    return filed


def told_of(release: Release) -> Word:
    """The word to a recipient: that something was shared, and nothing else."""
    to = release.to
    roles = () if to.role is None else (to.role,)
    return Word(
        id=f"w{release.id}"[:64],
        to=to.agency,
        says=Says.SHARED,
        at=release.starts,
        roles=roles,
        person=to.person,
    )


def _to_sign(connection: Connection, subject: Subject, id_: OpaqueId) -> Filed:
    filed = mine(connection, subject, id_, Action.SIGN)
    if filed.revoked_at is not None:
        raise HandoffError("RELEASE_REVOKED", "this was taken back; draft a new one")
    if filed.signature is not None:
        raise HandoffError("RELEASE_SIGNED", "this is signed already; to change it take it back and draft a new one")
    return filed


def mine(connection: Connection, subject: Subject, id_: OpaqueId, action: Action) -> Filed:
    """A release of the subject's own agency on which they may do something.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    filed = filing.one(connection, id_)
    file = filing.behind(connection, filed.release.case_id)
    it = filing.object_of(connection, file, Kind.RELEASE, filed.release.owner)
    filing.must(subject, action, replace(it, person=filed.release.drafted_by), "release")
    return filed


def revoke(database: Database, custodian: Custodian, subject: Subject, id_: OpaqueId, now: Instant) -> Filed:
    """Take a release back, on her word and without a reason: at the next open nothing opens. Safe to repeat.

    While the custodian does not answer nothing opens there either; it is told as soon as it does (``tell_custodians``).

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    with database.read() as connection:
        filed = mine(connection, subject, id_, Action.REVOKE)
    note(database, subject, filed.release.case_id, "release-revoke", now, filed.release.fields)
    with database.write() as connection:
        filed = filing.one(connection, id_)
        if filed.revoked_at is None:
            filed = filed.model_copy(update={"revoked_at": now, "revoked_by": subject.person_id})
            filing.keep(connection, filed)
            owner = filed.release.owner
            papers.keep(connection, Paper(id=f"{id_[:40]}-untold", agency=owner, kind=papers.Kind.UNTOLD, said=id_))
            words.take_back(connection, told_of(filed.release).id)
    tell_custodians(database, custodian)
    return filed


def tell_custodians(database: Database, custodian: Custodian) -> int:
    """Tell custodians of what was taken back while they did not answer; how many releases they were told of."""
    with database.read() as connection:
        found = papers.of_all(connection, papers.Kind.UNTOLD)
    count = 0
    for each in found:
        try:
            custodian.revoke(each.agency, each.said)
        except HandoffError as error:
            if error.code not in GONE:
                raise
            continue
        with database.write() as connection:
            papers.discard(connection, each.id)
        count += 1
    return count


def note(
    database: Database, who: Subject, case_id: OpaqueId, action: str, now: Instant, fields: Sequence[Slug] = ()
) -> None:
    """Write down what is about to be done about a release, a threat, glass or a shield.

    Raises:
        HandoffError: ``AUDIT_DOWN``.
    """
    entry = audit.by(who, case_id, audit.Kind.ACT, action, now)
    audit.write_down(database, [replace(entry, fields=tuple(f"slot:{each}" for each in sorted(set(fields))))])
