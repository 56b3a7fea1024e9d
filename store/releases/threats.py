"""Disclosure without a release (T9, T16): an act of its own, reasoned, looked at once, with a second person.

For an imminent threat, or a mandated report, a supervisor has ten minutes to say yes or no. The paper is signed when it
is asked for and begins after those ten minutes, so that nobody's answer, and nothing that is down, keeps it from going
ahead; a yes begins it at once, and what went ahead without one is reviewed. For a case conference or a court's order it
is signed by the yes alone: without one nothing leaves. Grounds of the law are open only where the legal profile names
them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.custodian.port import Custodian
from store.plain import Plain
from store.policy import Action, Class, Kind, Subject, decide, unknown
from store.releases import acts, document, filing, words
from store.releases.acts import Wanted, grant_of, note
from store.releases.document import (
    ANSWER_WITHIN,
    HOUR,
    LAWFUL,
    LAWFUL_LASTS,
    THREAT_LASTS,
    WAITS,
    YES_WITHIN,
    Ground,
    Purpose,
)
from store.releases.filing import Answered, Filed
from store.releases.words import Says, Word
from store.session import Database

REVIEWED_WITHIN = 24 * HOUR
SAYS = {False: (Says.THREAT_ASKED, Says.THREAT_REVIEW), True: (Says.DISCLOSURE_ASKED, Says.DISCLOSURE_REVIEW)}
"""What leads are told, for a threat and on a ground of the law: that somebody asks, and that there is one to review."""


def review_due(filed: Filed) -> Instant | None:
    """Until when somebody else has to look at what went ahead without a supervisor's yes; None: nobody has to."""
    answered = filed.answered is not None or filed.release.ground in WAITS
    return None if answered else filed.release.starts + REVIEWED_WITHIN


def ask(  # noqa: PLR0913 - who, about what, why, when
    database: Database,
    custodian: Custodian,
    subject: Subject,
    case: str,
    wanted: Wanted,
    *,
    reason: Plain | None,
    now: Instant,
    grounds: Collection[str] = (),
) -> Filed:
    """Ask to disclose fields, named one by one, to one recipient, with a reason.

    ``grounds``: the grounds of the law that the legal profile names; the custodian holds to its own.

    Raises:
        HandoffError: ``REASON_MISSING``, ``GROUND_WRONG``, ``GROUND_NOT_ALLOWED``; as ``acts.draft``; as
            ``Custodian.sign``.
    """
    document.must_be_lawful(wanted.ground, grounds)
    if reason is None or not reason.reveal().strip():
        raise HandoffError("REASON_MISSING", "say in words what demands it; only your agency can read it")
    if wanted.ground is Ground.RELEASE:
        raise HandoffError("GROUND_WRONG", "name the danger, to her life, a child or others, or the law's ground")
    begins = now + (YES_WITHIN if wanted.ground in WAITS else ANSWER_WITHIN)
    asked = replace(wanted, purpose=_purpose(wanted.ground), starts=begins, until=begins + _lasts(wanted.ground))
    with database.read() as connection:
        file = filing.of_case(connection, subject, case)
        acts.drafted(connection, subject, file, asked, b"", now)
    key = custodian.identity(wanted.agency)
    note(database, subject, file.case_id, _act(wanted.ground, "ask"), now, wanted.fields)
    with database.read() as connection:
        release = acts.drafted(connection, subject, file, asked, key, now)
    signature = None
    if release.ground not in WAITS:
        document.check(release)
        signature = custodian.sign(grant_of(subject), release)
    leads = file.protocol.agency[subject.agency].leads
    asks, review = SAYS[release.ground in LAWFUL]
    with database.write() as connection:
        sealed = words.seal(connection, subject.agency, file.case_id, reason)
        filed = Filed(release=release, code=file.code, drafted_at=now, words=sealed)
        words.tell(connection, release.owner, _to_leads(filed, leads, asks, now))
        if signature is not None:
            filed = filed.model_copy(update={"signature": signature, "signed_at": now})
            words.tell(connection, release.owner, acts.told_of(release))
            words.tell(connection, release.owner, _to_leads(filed, leads, review, begins))
        filing.keep(connection, filed)
    return filed


def answer(
    database: Database, custodian: Custodian, subject: Subject, id_: OpaqueId, *, yes: bool, now: Instant
) -> Filed:
    """A supervisor's yes, from which it may be looked at, or no, with which nothing leaves.

    Raises:
        HandoffError: ``NOT_FOUND`` for whoever asked and for who does not lead; ``ANSWERED``; ``ANSWER_LATE`` after
            ten minutes, or three days where nothing left meanwhile; as ``Custodian.sign``.
    """
    with database.read() as connection:
        filed = _to_answer(connection, subject, id_, now)
    release = filed.release
    note(database, subject, release.case_id, _act(release.ground, "yes" if yes else "no"), now, release.fields)
    if not yes:
        acts.revoke(database, custodian, subject, id_, now)
        with database.write() as connection:
            return _answered(connection, filing.one(connection, id_), Answered(by=subject.person_id, yes=False, at=now))
    begun = replace(release, starts=now, ends=now + _lasts(release.ground), approved_by=subject.person_id)
    signature = custodian.sign(grant_of(subject), begun)
    with database.write() as connection:
        again = _to_answer(connection, subject, id_, now)
        words.tell(connection, begun.owner, acts.told_of(begun))
        filed = again.model_copy(update={"release": begun, "signature": signature, "signed_at": now})
        return _answered(connection, filed, Answered(by=subject.person_id, yes=True, at=now))


def review(database: Database, subject: Subject, id_: OpaqueId, now: Instant) -> Filed:
    """A supervisor has looked at what went ahead without an answer.

    Raises:
        HandoffError: ``NOT_FOUND``; ``NOTHING_TO_REVIEW``.
    """
    with database.read() as connection:
        filed = _mine(connection, subject, id_)
    note(database, subject, filed.release.case_id, _act(filed.release.ground, "review"), now, filed.release.fields)
    with database.write() as connection:
        filed = filing.one(connection, id_)
        if review_due(filed) is None or now < filed.release.starts:
            raise HandoffError("NOTHING_TO_REVIEW", "this waits for a yes or a no, or has had one")
        if filed.reviewed_at is None:
            filed = filed.model_copy(update={"reviewed_at": now, "reviewed_by": subject.person_id})
            filing.keep(connection, filed)
    return filed


def of_agency(connection: Connection, agency: Slug) -> tuple[Filed, ...]:
    """Every disclosure of an agency without a release, newest first."""
    return tuple(each for each in filing.owned(connection, agency) if each.release.once)


def to_see(connection: Connection, subject: Subject) -> tuple[Filed, ...]:
    """Those of the subject's own agency that they asked for, or may answer, newest first."""
    return tuple(
        each
        for each in of_agency(connection, subject.agency)
        if each.release.drafted_by == subject.person_id or _may_answer(connection, subject, each)
    )


def _may_answer(connection: Connection, subject: Subject, filed: Filed) -> bool:
    file = filing.behind(connection, filed.release.case_id)
    it = filing.object_of(connection, file, Kind.RELEASE, filed.release.owner)
    it = replace(it, person=filed.release.drafted_by)
    return decide(subject, Action.ANSWER, it, Class.ENGAGEMENT).allowed


def _mine(connection: Connection, subject: Subject, id_: OpaqueId) -> Filed:
    filed = acts.mine(connection, subject, id_, Action.ANSWER)
    if not filed.release.once:
        raise unknown("disclosure")
    return filed


def _to_answer(connection: Connection, subject: Subject, id_: OpaqueId, now: Instant) -> Filed:
    filed = _mine(connection, subject, id_)
    if filed.answered is not None or filed.revoked_at is not None:
        raise HandoffError("ANSWERED", "this was answered already, or taken back")
    if now >= filed.release.starts:
        went = "it went ahead; take it back, or review it"
        went = "nothing left; ask again" if filed.release.ground in WAITS else went
        raise HandoffError("ANSWER_LATE", f"the time for an answer is over and {went}")
    return filed


def _answered(connection: Connection, filed: Filed, said: Answered) -> Filed:
    filed = filed.model_copy(update={"answered": said})
    filing.keep(connection, filed)
    # Not to be reviewed now: a word that will never come due.
    words.take_back(connection, _word_id(filed, SAYS[filed.release.ground in LAWFUL][1]))
    if not said.yes:
        words.take_back(connection, acts.told_of(filed.release).id)
    return filed


def _act(ground: Ground, done: str) -> str:
    return f"lawful-{done}" if ground in LAWFUL else f"threat-{done}"


def _purpose(ground: Ground) -> Purpose:
    return Purpose.LEGAL_DUTY if ground in LAWFUL else Purpose.SAFETY_OF_LIFE


def _lasts(ground: Ground) -> Instant:
    return LAWFUL_LASTS if ground in LAWFUL else THREAT_LASTS


def _to_leads(filed: Filed, leads: tuple[Slug, ...], says: Says, at: Instant) -> Word:
    return Word(id=_word_id(filed, says), to=filed.release.owner, says=says, at=at, roles=leads)


def _word_id(filed: Filed, says: Says) -> OpaqueId:
    return f"{filed.release.id[:40]}-{says.value}"
