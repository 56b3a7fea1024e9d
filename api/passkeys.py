"""Passkeys: adding one to an account, signing in with one, showing one again."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request, Response

from api import cookies
from api.deps import Here, Services, StepUp, Who, now
from api.identity import address
from api.signin import SessionOut, session_of, shown
from api.views import Closed, when
from protocol.errors import HandoffError
from runtime import limits
from store.accounts import passkeys, sessions, signing
from store.accounts.decisions import decided
from store.accounts.passkeys import Answer, Asked, Site
from store.accounts.signing import Welcome
from store.session import Connection

router = APIRouter()
HOW = "passkey"


class AskedOut(Closed):
    """``options`` for navigator.credentials, and the name to answer under."""

    options: dict[str, Any]
    challenge: str


class AnswerIn(Closed):
    """What navigator.credentials gave (toJSON), under the name it was asked with."""

    challenge: str
    credential: dict[str, Any]


class PasskeyOut(Closed):
    """One passkey of mine."""

    id: str
    added_at: datetime | None
    used_at: datetime | None


def site(here: Services) -> Site:
    """Where passkeys belong."""
    return Site(origin=here.settings.origin)


def _out(asked: Asked) -> AskedOut:
    return AskedOut(options=asked.options, challenge=asked.challenge)


@router.get("/passkeys")
async def mine(here: Here, who: Who) -> list[PasskeyOut]:
    """My passkeys."""
    found = await here.read(lambda connection: passkeys.listed(connection, who.person_id))
    return [PasskeyOut(id=id_, added_at=when(added), used_at=when(used)) for id_, added, used in found]


@router.post("/passkeys/options")
async def ask_new(request: Request, here: Here, who: StepUp) -> AskedOut:
    """Begin adding a passkey."""
    await session_of(request, here)
    found = await here.write(
        lambda connection: passkeys.ask_new(connection, here.account_key, site(here), who.person_id, who.name, now())
    )
    return _out(found)


@router.post("/passkeys", status_code=201)
async def add(request: Request, body: AnswerIn, here: Here, who: StepUp) -> PasskeyOut:
    """Add the passkey the device made."""
    await session_of(request, here)
    answer, at = Answer(challenge=body.challenge, credential=body.credential), now()
    id_ = await here.write(
        lambda connection: passkeys.add(connection, here.account_key, site(here), who.person_id, answer, at)
    )
    return PasskeyOut(id=id_, added_at=when(at), used_at=None)


@router.post("/passkeys/{passkey}/remove")
async def remove(passkey: str, here: Here, who: StepUp) -> dict[str, bool]:
    """Remove one of my passkeys."""
    await here.write(lambda connection: passkeys.remove(connection, who.person_id, passkey, now()))
    return {"removed": True}


@router.post("/sign-in/passkey/options")
async def ask(request: Request, here: Here) -> AskedOut:
    """Begin signing in with a passkey; the same for everybody."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    return _out(await here.write(lambda connection: passkeys.ask(connection, here.account_key, site(here), now())))


@router.post("/sign-in/passkey")
async def sign_in(request: Request, response: Response, body: AnswerIn, here: Here) -> SessionOut:
    """Sign in with a passkey: never locked."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    answer, at = Answer(challenge=body.challenge, credential=body.credential), now()

    def change(connection: Connection) -> tuple[str, Welcome]:
        person_id = passkeys.shown(connection, here.account_key, site(here), answer, at)
        login = signing.login_of(connection, person_id)
        device = cookies.device_token(request, here.settings, here.account_key, login) if login else None
        return login, signing.welcome(connection, person_id, HOW, device, at)

    try:
        login, given = await here.write(change)
    except HandoffError:
        await here.write(lambda connection: decided(connection, "sign-in", at, person=None, allowed=False, reason=HOW))
        raise
    cookies.welcome(response, here.settings, here.account_key, login, given)
    return await shown(here, given.session)


@router.post("/session/step-up/passkey")
async def step_up(request: Request, body: AnswerIn, here: Here, who: Who) -> SessionOut:
    """Show a passkey once more, for what needs it within five minutes."""
    session, token = await session_of(request, here)
    answer, at = Answer(challenge=body.challenge, credential=body.credential), now()

    def change(connection: Connection) -> None:
        if passkeys.shown(connection, here.account_key, site(here), answer, at) != who.person_id:
            raise passkeys.wrong()
        sessions.step_up(connection, session, at)
        decided(connection, "step-up", at, person=who.person_id, reason=HOW)

    await here.write(change)
    return await shown(here, token)
