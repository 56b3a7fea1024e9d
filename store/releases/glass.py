"""Break-glass (S14): somebody of the agency who has no part in a case sees its values, by a second person's yes.

One case, four hours at most, with a reason; those who lead the agency are told, and look over the week's list. It
opens nothing for people the case is closed to, and nothing of another agency's. Where the agency has a keyholder both
prove themselves there, and it opens the case by what it heard from them: nobody else's word breaks the glass.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids
from store.custodian.port import Custodian, Pane
from store.plain import Plain
from store.policy import Action, Class, Subject, decide, unknown
from store.policy import Kind as Object_
from store.releases import filing, papers, words
from store.releases.acts import grant_of, note
from store.releases.document import DAY, HOUR
from store.releases.papers import Kind, Paper
from store.releases.words import Closed, Says, Sealing, Word
from store.session import Database

LONGEST = 4 * HOUR
ASKED_FOR = HOUR
"""How long a yes is waited for."""

WEEK = 7 * DAY


class Reason(StrEnum):
    """Why somebody has to see a case that is not theirs."""

    NOBODY_REACHED = "nobody-reached"
    HANDED_OVER = "handed-over"
    DANGER = "danger"
    COMPLAINT = "complaint"
    OTHER = "other"


class Glass(Closed):
    """One asking. ``ends`` is set by the second person's yes."""

    id: OpaqueId
    agency: Slug
    case_id: OpaqueId
    code: str
    person: OpaqueId
    name: str
    reason: Reason
    minutes: int
    asked_at: Instant
    words: Sealing | None = None
    second: OpaqueId | None = None
    second_name: str | None = None
    answered_at: Instant | None = None
    yes: bool = False
    ends: Instant | None = None

    def state(self, now: Instant) -> Slug:
        """In one word: asked, lapsed, denied, open, over."""
        if self.answered_at is None:
            return "asked" if now < self.asked_at + ASKED_FOR else "lapsed"
        if not self.yes:
            return "denied"
        return "open" if self.ends is not None and now < self.ends else "over"


def ask(  # noqa: PLR0913 - who, what, why, how long
    database: Database,
    custodian: Custodian,
    subject: Subject,
    case: str,
    reason: Reason,
    *,
    minutes: int,
    said: Plain | None,
    now: Instant,
) -> Glass:
    """Ask for a second person's yes.

    Raises:
        HandoffError: ``NOT_FOUND``; ``GLASS_TOO_LONG``; ``REASON_MISSING``; as ``Custodian.break_glass``.
    """
    if not 0 < minutes * 60_000_000 <= LONGEST:
        raise HandoffError("GLASS_TOO_LONG", "a case is opened so for 4 hours at most")
    if said is None or not said.reveal().strip():
        raise HandoffError("REASON_MISSING", "say in words why; only your agency can read it")
    with database.read() as connection:
        file = filing.of_case(connection, subject, case)
        it = filing.object_of(connection, file, Object_.GLASS, subject.agency)
        filing.must(subject, Action.ASK, it, "case")
    note(database, subject, file.case_id, "glass-ask", now)
    pane = Pane(glass=ids.random_id(), case_id=file.case_id, minutes=minutes)
    custodian.break_glass(grant_of(subject), pane)
    with database.write() as connection:
        glass = Glass(
            id=pane.glass,
            agency=subject.agency,
            case_id=file.case_id,
            code=file.code,
            person=subject.person_id,
            name=subject.name,
            reason=reason,
            minutes=minutes,
            asked_at=now,
            words=words.seal(connection, subject.agency, file.case_id, said),
        )
        _keep(connection, glass)
        _tell_leads(connection, glass, Says.GLASS_ASKED, now)
    return glass


def answer(
    database: Database, custodian: Custodian, subject: Subject, id_: OpaqueId, *, yes: bool, now: Instant
) -> Glass:
    """The second person's yes or no.

    Raises:
        HandoffError: ``NOT_FOUND``; ``SELF_APPROVAL`` for who asked; ``ANSWERED``; ``GLASS_OVER``; as
            ``Custodian.break_glass``.
    """
    with database.read() as connection:
        glass = _to_answer(connection, subject, id_, now)
    note(database, subject, glass.case_id, "glass-yes" if yes else "glass-no", now)
    if yes:
        pane = Pane(glass=id_, case_id=glass.case_id, minutes=glass.minutes, yes=True)
        custodian.break_glass(grant_of(subject), pane)
    with database.write() as connection:
        glass = _to_answer(connection, subject, id_, now)
        said = {"second": subject.person_id, "second_name": subject.name, "answered_at": now, "yes": yes}
        glass = glass.model_copy(update={**said, "ends": now + glass.minutes * 60_000_000 if yes else None})
        _keep(connection, glass)
        if yes:
            _tell_leads(connection, glass, Says.GLASS_BROKEN, now)
    return glass


def broken(connection: Connection, agency: Slug, case_id: OpaqueId, now: Instant) -> dict[OpaqueId, OpaqueId]:
    """The people of an agency who may see a case's values now by a second person's yes, each with the glass."""
    found = papers.of_case(connection, agency, Kind.GLASS, case_id)
    read = [Glass.model_validate_json(each.said) for each in found]
    return {each.person: each.id for each in read if each.state(now) == "open"}


def listed(connection: Connection, subject: Subject, now: Instant) -> tuple[Glass, ...]:
    """What somebody is to see of their agency's glass, newest first.

    A lead sees the week's whole list; anybody else what they asked for, and what waits for a yes.
    """
    read = [Glass.model_validate_json(each.said) for each in papers.of_agency(connection, subject.agency, Kind.GLASS)]
    recent = sorted((each for each in read if each.asked_at > now - WEEK), key=lambda each: (-each.asked_at, each.id))
    return tuple(each for each in recent if _may_see(connection, subject, each, now))


def _may_see(connection: Connection, subject: Subject, glass: Glass, now: Instant) -> bool:
    file = filing.behind(connection, glass.case_id)
    it = replace(filing.object_of(connection, file, Object_.GLASS, glass.agency), person=glass.person)
    if glass.person == subject.person_id or decide(subject, Action.READ, it, Class.ENGAGEMENT).allowed:
        return True
    return glass.state(now) == "asked" and decide(subject, Action.ANSWER, it, Class.ENGAGEMENT).allowed


def _to_answer(connection: Connection, subject: Subject, id_: OpaqueId, now: Instant) -> Glass:
    found = papers.one(connection, id_)
    if found is None or found.kind is not Kind.GLASS or found.agency != subject.agency:
        raise unknown("request")
    glass = Glass.model_validate_json(found.said)
    if glass.person == subject.person_id:
        raise HandoffError("SELF_APPROVAL", "the yes has to be another person's")
    file = filing.behind(connection, glass.case_id)
    it = replace(filing.object_of(connection, file, Object_.GLASS, glass.agency), person=glass.person)
    filing.must(subject, Action.ANSWER, it, "request")
    if glass.answered_at is not None:
        raise HandoffError("ANSWERED", "this was answered already")
    if glass.state(now) != "asked":
        raise HandoffError("GLASS_OVER", "this waited for an hour and is over; ask again")
    return glass


def _keep(connection: Connection, glass: Glass) -> None:
    said = glass.model_dump_json()
    papers.keep(connection, Paper(id=glass.id, agency=glass.agency, kind=Kind.GLASS, said=said, case_id=glass.case_id))


def _tell_leads(connection: Connection, glass: Glass, says: Says, now: Instant) -> None:
    leads = filing.behind(connection, glass.case_id).protocol.agency[glass.agency].leads
    word = Word(id=f"{glass.id[:40]}-{says.value}", to=glass.agency, says=says, at=now, roles=leads)
    words.tell(connection, glass.agency, word)
