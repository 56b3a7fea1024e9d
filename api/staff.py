"""What an agency's steward does for its people: add them, send links, unlock, sign out, end. Supervisors unlock."""

from __future__ import annotations

from datetime import UTC, date, datetime

from fastapi import APIRouter
from pydantic import Field

from api.deps import Here, Services, StepUp, Who, now
from api.views import Closed, when
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.state import Instant
from store import people, protocols
from store.accounts import enrolling, lockout, sessions, strength
from store.accounts.decisions import decided
from store.notices import reach
from store.people import Person
from store.policy import STEWARD, Subject, SubjectKind, unknown
from store.session import Connection

router = APIRouter(prefix="/people")
agreed = APIRouter()


class PersonIn(Closed):
    """Somebody new of the steward's own agency."""

    name: str = Field(min_length=1, max_length=200)
    roles: list[Slug] = Field(default_factory=list, max_length=20)


class PersonOut(Closed):
    """Somebody of one's own agency. ``locked``: cannot sign in now and is not signed in.

    ``ways`` they can sign in by; none, while they have not used their link. ``dead``: channels that reach them no more;
    ``tested_at``: when they last had their own channels tried.
    """

    person: str
    name: str
    roles: tuple[Slug, ...]
    locked: bool
    ways: tuple[str, ...]
    reached: bool
    dead: tuple[str, ...]
    tested_at: datetime | None


class AgreementOut(Closed):
    """A working agreement of a text in force; after its last day nothing goes from one of these agencies to another."""

    agreement: Slug
    protocol: Slug
    between: tuple[Slug, ...]
    signed: date
    review_by: date
    over: bool


class LinkOut(Closed):
    """A link to hand over in person or by telephone; it is used once."""

    url: str
    holds_until: datetime | None


@router.get("")
async def mine(here: Here, who: Who) -> list[PersonOut]:
    """The people of one's own agency, for its steward and supervisors."""

    def ask(connection: Connection) -> list[PersonOut]:
        _must_lead(connection, who)
        found = people.people(connection, agency_id=who.agency)
        return [_out(connection, each, now()) for each in found if each.kind is SubjectKind.PERSON]

    return await here.read(ask)


@router.get("/roles")
async def roles(here: Here, who: Who) -> list[Slug]:
    """The roles that somebody of one's own agency can have, by the texts in force."""

    def ask(connection: Connection) -> list[Slug]:
        _must_lead(connection, who)
        texts = protocols.texts(connection).values()
        found = {role.id for text in texts for role in text.roles if role.agency == who.agency}
        return sorted({*found, *leads(connection, who.agency), STEWARD})

    return await here.read(ask)


@agreed.get("/agreements")
async def agreements(here: Here, who: Who) -> list[AgreementOut]:
    """The working agreements of the texts in force, those that end first before others."""
    _ = who
    today = datetime.now(UTC).date()
    texts = (await here.read(protocols.texts)).values()
    found = [
        AgreementOut(
            agreement=each.id,
            protocol=text.id,
            between=each.between,
            signed=date.fromordinal(each.signed),
            review_by=date.fromordinal(each.review_by),
            over=date.fromordinal(each.review_by) < today,
        )
        for text in texts
        for each in text.agreements
    ]
    return sorted(found, key=lambda each: (each.review_by, each.agreement, each.protocol))


@router.post("", status_code=201)
async def add(body: PersonIn, here: Here, who: StepUp) -> PersonOut:
    """Add somebody; they get in once they have used a link."""
    _must_steward(who)

    def change(connection: Connection) -> PersonOut:
        made = people.add_person(connection, name=body.name, agency_id=who.agency, roles=body.roles)
        decided(connection, "person-added", now(), person=who.person_id, agency=who.agency)
        return _out(connection, made, now())

    return await here.write(change)


@router.post("/{person}/link")
async def link(person: str, here: Here, who: StepUp) -> LinkOut:
    """A new link with which somebody chooses a password and an authenticator; the one before it ends."""
    _must_steward(who)
    at = now()

    def change(connection: Connection) -> str:
        found = _own(connection, who, person)
        return enrolling.make_link(connection, found.id, at, by=who.person_id)

    made = await here.write(change)
    return LinkOut(url=link_url(here, made), holds_until=when(at + enrolling.HOLDS))


def link_url(here: Services, made: str) -> str:
    """A link's address. Its secret is behind the #, which browsers send to nobody."""
    return f"{here.settings.origin}/enrol#{made}"


@router.post("/{person}/unlock")
async def unlock(person: str, here: Here, who: Who) -> PersonOut:
    """Let somebody who is locked out try again at once: a supervisor's or the steward's act."""

    def change(connection: Connection) -> PersonOut:
        _must_lead(connection, who)
        found = _own(connection, who, person)
        lockout.open_all(connection, found.id)
        decided(connection, "unlock", now(), person=who.person_id, agency=who.agency, reason="supervisor")
        return _out(connection, found, now())

    return await here.write(change)


@router.post("/{person}/sign-out")
async def sign_out(person: str, here: Here, who: StepUp) -> dict[str, int]:
    """End all of somebody's sessions."""
    _must_steward(who)

    def change(connection: Connection) -> int:
        found = _own(connection, who, person)
        decided(connection, "signed-out", now(), person=who.person_id, agency=who.agency)
        return sessions.end_all(connection, found.id)

    return {"ended": await here.write(change)}


@router.post("/{person}/end")
async def end(person: str, here: Here, who: StepUp) -> dict[str, bool]:
    """Somebody leaves: nothing they had opens anything from the next request."""
    _must_steward(who)
    await here.write(
        lambda connection: enrolling.deactivate(connection, _own(connection, who, person).id, now(), by=who.person_id)
    )
    return {"ended": True}


def _own(connection: Connection, who: Subject, person: str) -> Person:
    """Somebody of the asker's own agency; anybody else is not there."""
    found = people.one(connection, person)
    if found.agency != who.agency or not found.active:
        raise unknown("person")
    return found


def _out(connection: Connection, found: Person, at: Instant) -> PersonOut:
    how = reach.of(connection, [found.id])[found.id]
    return PersonOut(
        person=found.id,
        name=found.name,
        roles=found.roles,
        locked=lockout.locked_out(connection, found.id, at),
        ways=strength.ways(connection, [found.id])[found.id],
        reached=any(how.address(each) is not None for each in how.channels),
        dead=tuple(channel for channel, _ in how.dead),
        tested_at=when(how.tested_at),
    )


def _must_steward(who: Subject) -> None:
    if STEWARD not in who.roles:
        raise HandoffError("NOT_YOURS", "your agency's steward does that")


def _must_lead(connection: Connection, who: Subject) -> None:
    if STEWARD in who.roles or set(who.roles) & leads(connection, who.agency):
        return
    raise HandoffError("NOT_YOURS", "your agency's steward or a supervisor does that")


def leads(connection: Connection, agency: Slug) -> set[Slug]:
    """The roles that lead an agency, in any text in force."""
    found = (each.agency.get(agency) for each in protocols.texts(connection).values())
    return {lead for each in found if each is not None for lead in each.leads}
