"""Signing in and out with a password and a code, showing both again, and enrolling by a steward's link."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from pydantic import Field

from api import cookies
from api.deps import Here, Services, Who, now
from api.guard import token_of
from api.identity import FRESH, address
from api.views import Closed, when
from protocol.errors import HandoffError
from protocol.names import Slug
from protocol.state import Instant
from runtime import limits
from store import people
from store.accounts import enrolling, hats, sessions, signing
from store.accounts.decisions import decided
from store.accounts.sessions import Session
from store.accounts.signing import Attempt
from store.policy import Subject
from store.session import Connection

router = APIRouter()
T = TypeVar("T")
AT_ONCE = CapacityLimiter(4)
"""Passwords compared at once: each takes 19 MiB and 25 ms of a core."""

LOGIN, SECRET, CODE = Field(max_length=254), Field(max_length=256), Field(max_length=40)


class SignIn(Closed):
    """Name, password, and the authenticator's number or a one-time code."""

    login: str = LOGIN
    password: str = SECRET
    code: str = CODE


class Again(Closed):
    """Password and code, shown once more."""

    password: str = SECRET
    code: str = CODE


class SessionOut(Closed):
    """A session: whose, until when, until when both factors count as just shown; ``hats`` to choose from.

    ``token`` goes into the header X-Handoff-Token of whatever changes something, if no browser sends the request.
    """

    person: str
    name: str
    agency: Slug
    roles: tuple[Slug, ...]
    how: Slug
    ends_at: datetime | None
    stepped_up_until: datetime | None
    token: str
    hats: tuple[Slug, ...] = ()


class HatIn(Closed):
    """The hat to put on."""

    hat: Slug


class Link(Closed):
    """A steward's link, and the name the person will sign in with."""

    link: str = Field(max_length=64)
    login: str = LOGIN


class Enrol(Closed):
    """What the person chose, and the number the authenticator shows."""

    link: str = Field(max_length=64)
    login: str = LOGIN
    password: str = SECRET
    code: str = CODE


class Authenticator(Closed):
    """For an authenticator app: the secret to type, or the link to open."""

    secret: str
    uri: str


class Codes(Closed):
    """Ten codes for paper, shown this once."""

    codes: tuple[str, ...]


@router.post("/sign-in")
async def sign_in(request: Request, response: Response, body: SignIn, here: Here) -> SessionOut:
    """Sign in. Whatever is wrong has one answer."""
    device = cookies.device_token(request, here.settings, here.account_key, body.login)
    await _not_too_often(request, here, body.login, device)
    attempt = Attempt(login=body.login, password=body.password, code=body.code, device=device)
    given = await comparing(partial(signing.sign_in, here.database, here.account_key, attempt, now()))
    cookies.welcome(response, here.settings, here.account_key, body.login, given)
    return await shown(here, given.session)


@router.post("/session/step-up")
async def step_up(request: Request, body: Again, here: Here, who: Who) -> SessionOut:
    """Show password and code once more, for what needs it within five minutes."""
    session, token = await session_of(request, here)
    login = await here.read(lambda connection: signing.login_of(connection, who.person_id))
    device = cookies.device_token(request, here.settings, here.account_key, login)
    attempt = Attempt(login=login, password=body.password, code=body.code, device=device)
    await comparing(partial(signing.step_up, here.database, here.account_key, session, attempt, now()))
    return await shown(here, token)


@router.post("/session/hat")
async def put_on(request: Request, body: HatIn, here: Here, who: Who) -> SessionOut:
    """Put on another hat: this session has that hat's roles and no others, until it is changed or ends."""
    session, token = await session_of(request, here)

    def change(connection: Connection) -> None:
        known = people.subject_of(connection, who.person_id)
        sessions.put_on(connection, session, hats.chosen(() if known is None else known.roles, body.hat))
        decided(connection, f"hat-{body.hat}", now(), person=who.person_id)

    await here.write(change)
    return await shown(here, token)


@router.get("/session")
async def mine(request: Request, here: Here, who: Who) -> SessionOut:
    """The session this request belongs to."""
    _ = who
    _, token = await session_of(request, here)
    return await shown(here, token)


@router.post("/sign-out")
async def sign_out(request: Request, response: Response, here: Here, *, everywhere: bool = False) -> dict[str, int]:
    """End this session, or all of one's own. The device stays known: its cookie opens nothing."""
    token = cookies.session_token(request, here.settings)
    ended = 0
    if token is not None:
        ended = await here.write(lambda connection: _end(connection, token, now(), everywhere=everywhere))
    cookies.take(response, here.settings, cookies.SESSION)
    response.headers["Clear-Site-Data"] = '"cache", "storage"'
    return {"ended": ended}


def _end(connection: Connection, token: str, at: Instant, *, everywhere: bool) -> int:
    found = sessions.find(connection, token, at)
    if found is None:
        return 0
    decided(connection, "sign-out", at, person=found.person_id)
    if everywhere:
        return sessions.end_all(connection, found.person_id)
    sessions.end(connection, token)
    return 1


@router.post("/enrolment")
async def begin(request: Request, body: Link, here: Here) -> Authenticator:
    """Open a steward's link: the secret for the authenticator."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    made = await here.write(
        lambda connection: enrolling.begin(connection, here.account_key, body.link, body.login, now())
    )
    return Authenticator(secret=made.secret, uri=made.uri)


@router.post("/enrolment/finish")
async def finish(request: Request, body: Enrol, here: Here) -> Codes:
    """Choose the password and prove the authenticator; the link is used up."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    chosen = enrolling.Chosen(link=body.link, login=body.login, password=body.password, code=body.code)
    codes = await comparing(partial(enrolling.finish, here.database, here.account_key, chosen, now()))
    return Codes(codes=codes)


async def comparing(work: partial[T]) -> T:
    """Do what compares a password, a few at a time."""
    return await to_thread.run_sync(work, limiter=AT_ONCE)


async def session_of(request: Request, here: Services) -> tuple[Session, str]:
    """The session of a request, and its token.

    Raises:
        HandoffError: NO_SESSION for whoever comes with a bearer token.
    """
    token = cookies.session_token(request, here.settings)
    found = None if token is None else await here.read(lambda connection: sessions.find(connection, token, now()))
    if token is None or found is None:
        raise HandoffError("NO_SESSION", "this needs a session: sign in")
    return found, token


async def shown(here: Services, token: str) -> SessionOut:
    """A session as its person sees it."""

    def ask(connection: Connection) -> tuple[Session | None, Subject | None]:
        session = sessions.find(connection, token, now())
        return session, None if session is None else people.subject_of(connection, session.person_id)

    session, who = await here.read(ask)
    if session is None or who is None:
        raise HandoffError("BAD_TOKEN", "this session is over; sign in again")
    worn = hats.wearing(who, session.hat)
    return SessionOut(
        person=who.person_id,
        name=who.name,
        agency=who.agency,
        roles=worn.roles,
        hats=hats.hats(who.roles),
        how=session.how,
        ends_at=when(session.ends_at),
        stepped_up_until=when(session.stepped_up_at + FRESH),
        token=token_of(here.account_key, token),
    )


async def _not_too_often(request: Request, here: Services, login: str, device: str | None) -> None:
    """Five tries an hour from an address on devices that are not known, counted apart for each agency."""

    def ask(connection: Connection) -> tuple[Slug, bool]:
        known = device is not None and signing.knows(connection, login, device)
        return signing.agency_counted(connection, here.account_key, login), known

    agency, known = await here.read(ask)
    at = now()
    here.limits.take(("sign-in", agency, address(request), "known" if known else ""), limits.TRIES, at)
    if not known:
        here.limits.take(("unknown-device", agency, address(request)), limits.SIGN_IN, at)
