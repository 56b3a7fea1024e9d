"""Who is asking: a session's cookie or a bearer token, and how much each may ask.

People's and records systems' tokens (``hnd_``) belong to the placeholder people of a demonstration and open nothing
without it: real people sign in, real machines have keys that end.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import Request

from api import cookies
from protocol.errors import HandoffError
from protocol.state import Instant
from runtime import limits
from store import people
from store.accounts import hats, machine_keys, sessions
from store.accounts.sessions import Session
from store.policy import Subject, SubjectKind
from store.session import Connection

if TYPE_CHECKING:
    from api.deps import Services

FRESH = 5 * 60 * 1_000_000
"""Microseconds for which both factors count as just shown."""

INSIDE = "handoff.inside"
"""Marks what a page asks the API in the same process: its values were taken out before. True from the second on: a page
counts once, however much it asks. No request can say this."""

LIST = "/cases"
FOR_ANY_KEY = {("GET", "/api/v1/me"), ("GET", "/protocols"), ("GET", "/protocols/{slug}")}
FOR_A_KEY = {
    "submit": {*FOR_ANY_KEY, ("POST", "/incidents"), ("POST", "/cases/{case}/events")},
    "read": {*FOR_ANY_KEY, ("GET", LIST)},
}
"""Routes a machine key reaches, by method and the path that their own router gives them."""


async def ask(request: Request, here: Services, token: str | None, now: Instant) -> Subject:
    """Who is asking. A bearer token goes before a cookie.

    Raises:
        HandoffError: BAD_TOKEN; TOO_MANY; OUT_OF_SCOPE.
    """
    if token is not None:
        found = await _by_token(here, token, now)
        if found is None:
            raise stranger(request, here, now, "this token is not known; ask your agency for a new one")
        here.limits.take(("token", found.person_id), limits.TOKEN, now)
        _must_be_in_scope(request, found)
        return found
    cookie = cookies.session_token(request, here.settings)
    known = None if cookie is None else await _by_session(here, cookie, now)
    if known is None:
        says = "say who you are: sign in, or send Authorization: Bearer TOKEN"
        raise stranger(request, here, now, says if cookie is None else "this session is over; sign in again")
    session, who = known
    if request.scope.get(INSIDE, False):
        return who
    for name, limit in (
        (("session", session.hash), limits.SESSION),
        (("person", who.person_id), limits.PERSON),
        (("agency", who.agency), limits.AGENCY),
        (("address", who.agency, address(request)), limits.ADDRESS),
    ):
        here.limits.take(name, limit, now)
    return who


def address(request: Request) -> str:
    """Where a request comes from."""
    return "" if request.client is None else request.client.host


def must_be_stepped_up(who: Subject, now: Instant) -> None:
    """Both factors were shown within five minutes.

    Raises:
        HandoffError: STEP_UP.
    """
    if who.stepped_up_at is None or not 0 <= now - who.stepped_up_at <= FRESH:
        raise HandoffError("STEP_UP", "show your password and code, or your passkey, once more: this act needs it")


def stranger(request: Request, here: Services, now: Instant, says: str) -> HandoffError:
    """The one answer to whoever does not say who they are; an address may ask only so often."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now)
    return HandoffError("BAD_TOKEN", says)


async def _by_token(here: Services, token: str, now: Instant) -> Subject | None:
    if token.startswith(machine_keys.PREFIX):
        return await here.read(lambda connection: machine_keys.find(connection, token, now))
    if not here.settings.demonstration:
        return None
    try:
        found = await here.read(lambda connection: people.verify(connection, token))
    except HandoffError as error:
        if error.code != "BAD_TOKEN":
            raise
        return None
    # Nobody stands behind a placeholder: its token counts for both factors.
    return replace(found, stepped_up_at=now) if found.kind is SubjectKind.PERSON else found


async def still(here: Services, cookie: str, now: Instant) -> Subject | None:
    """Whose session this is, if it still holds. Asking is no use of it: a page left open keeps no session alive."""
    found = await here.read(lambda connection: _found(connection, cookie, now))
    return None if found is None else found[1]


def _found(connection: Connection, cookie: str, now: Instant) -> tuple[Session, Subject] | None:
    session = sessions.find(connection, cookie, now)
    who = None if session is None else people.subject_of(connection, session.person_id)
    if session is None or who is None:
        return None
    return session, replace(hats.wearing(who, session.hat), stepped_up_at=session.stepped_up_at)


async def _by_session(here: Services, cookie: str, now: Instant) -> tuple[Session, Subject] | None:
    found = await here.read(lambda connection: _found(connection, cookie, now))
    if found is not None and now - found[0].seen_at >= sessions.NOTED_EVERY:
        session = found[0]
        await here.write(lambda connection: sessions.note(connection, session, now))
    return found


def _must_be_in_scope(request: Request, who: Subject) -> None:
    if who.scope is None:
        return
    path = getattr(request.scope.get("route"), "path", "")
    fits = (request.method, path) in FOR_A_KEY[who.scope.may]
    if path == LIST:
        fits = fits and request.query_params.get("protocol") == who.scope.protocol
    if not fits:
        raise out_of_scope()


def must_cover(who: Subject, protocol: str, event: str) -> None:
    """A machine key's scope has this event of this protocol.

    Raises:
        HandoffError: OUT_OF_SCOPE.
    """
    if who.scope is not None and (protocol != who.scope.protocol or event not in who.scope.events):
        raise out_of_scope()


def out_of_scope() -> HandoffError:
    """The one answer to what a machine key is not for."""
    return HandoffError("OUT_OF_SCOPE", "this machine key is not for that; ask for one with another scope")
