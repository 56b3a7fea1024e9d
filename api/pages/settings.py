"""My settings: how I am reached, where Hide leads, my passkeys, my sessions."""

from __future__ import annotations

from contextlib import suppress
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api import cookies
from api.deps import Here
from api.pages import stepping
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.doors import QUIET, QUIET_PLACES, YEAR

router = APIRouter(include_in_schema=False)
CHANNELS = ("text", "call", "email")


@router.get("/me")
async def mine(request: Request, here: Here) -> Response:
    """How I am reached, and how I sign in."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _mine(desk, done=request.query_params.get("done", ""))
    except Unanswered as error:
        return await desk.refused(error)


async def _mine(
    desk: Desk, *, wrong: str = "", status: int = 200, done: str = "", filled: dict[str, str] | None = None
) -> Response:
    found = await desk.api.get("/notifications/mine")
    session: dict[str, Any] = {}
    with suppress(Unanswered):
        session = await desk.api.get("/session")
    quiet = found["quiet"] or {}
    known = {
        "phone": found["phone"] or "",
        "email": found["email"] or "",
        "first": next(iter(found["channels"]), ""),
        "then": next(iter(found["channels"][1:]), ""),
        "language": found["language"],
        "quiet_from": _clock(quiet.get("start")),
        "quiet_to": _clock(quiet.get("end")),
    }
    chosen = desk.request.cookies.get(QUIET, "")
    return desk.page(
        "me.html",
        "Settings",
        status=status,
        found=found,
        reach={**known, **(filled or {})},
        channels=CHANNELS,
        passkeys=await desk.api.get("/passkeys"),
        session=session,
        places=tuple(QUIET_PLACES),
        place=chosen if chosen in QUIET_PLACES else next(iter(QUIET_PLACES)),
        wrong=wrong,
        done=done,
        key=token_urlsafe(12),
    )


@router.post("/me/reach")
async def reach(request: Request, here: Here) -> Response:
    """Say how to be reached; what cannot be is shown again as it was typed."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    channels = dict.fromkeys(each for each in (filled.get("first"), filled.get("then")) if each)
    times = [_minute(filled.get(name, "")) for name in ("quiet_from", "quiet_to")]
    body = {
        "language": filled.get("language", ""),
        "phone": _digits(filled.get("phone", "")),
        "email": filled.get("email", "").strip() or None,
        "channels": list(channels),
        "quiet": None if times == [None, None] else {"start": times[0] or 0, "end": times[1] or 0},
    }
    try:
        await desk.begin()
    except Unanswered as error:
        return await desk.refused(error)
    try:
        await desk.api.replace("/notifications/mine", body)
    except Unanswered as error:
        return await _mine(desk, wrong=error.title, status=error.status, filled=filled)
    return RedirectResponse("/me?done=saved", 303)


@router.post("/me/hide")
async def leads(request: Request, here: Here) -> Response:
    """Choose where Hide leads on this device."""
    place = dict(await filled_in(request)).get("place", "")
    made = RedirectResponse("/me?done=saved", 303)
    if place in QUIET_PLACES:
        cookies.give(made, here.settings, QUIET, place, YEAR)
    return made


@router.post("/me/passkeys/{passkey}/remove")
async def forget(request: Request, passkey: str, here: Here) -> Response:
    """Remove a passkey."""
    return await _told(request, here, f"/passkeys/{passkey}/remove")


@router.post("/me/passkeys")
async def begun(request: Request, here: Here) -> Response:
    """Show both factors, so that a passkey can be added within five minutes; the script adds it."""
    return await _told(request, here, "/passkeys/options", to="/me?done=ready")


@router.post("/me/test")
async def test(request: Request, here: Here) -> Response:
    """Have each of my channels tried."""
    return await _told(request, here, "/notifications/mine/test", to="/me?done=tested")


@router.post("/me/out")
async def out(request: Request, here: Here) -> Response:
    """Sign out everywhere."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        await desk.api.tell("/sign-out", everywhere="true")
    except Unanswered as error:
        return await desk.refused(error)
    made = RedirectResponse("/in", 303)
    cookies.take(made, here.settings, cookies.SESSION)
    return made


async def _told(request: Request, here: Here, path: str, *, to: str = "/me?done=saved") -> Response:
    desk, filled = Desk(request, here), await filled_in(request)
    try:
        await desk.begin()
    except Unanswered as error:
        return await desk.refused(error)
    try:
        await stepping.told(desk, filled, path)
    except Unanswered as error:
        if error.code == "STEP_UP":
            return stepping.page(desk, filled, error)
        return await _mine(desk, wrong=error.title, status=error.status)
    return RedirectResponse(to, 303)


def _digits(said: str) -> str | None:
    """A telephone number as people write it, without what stands between its digits."""
    return "".join(each for each in said if each not in " -().") or None


def _minute(said: str) -> int | None:
    hours, _, minutes = said.partition(":")
    return int(hours) * 60 + int(minutes) if hours.isdecimal() and minutes.isdecimal() else None


def _clock(minute: int | None) -> str:
    return "" if minute is None else f"{minute // 60:02}:{minute % 60:02}"
