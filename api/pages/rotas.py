"""The rota: who is rung now and next, when nobody on duty is, shifts for two weeks, cover asked and given."""

from __future__ import annotations

from datetime import datetime, timedelta
from secrets import token_urlsafe
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import BOARD, Desk, filled_in

router = APIRouter(include_in_schema=False)
LONG, HALF_A_DAY = timedelta(days=2), timedelta(hours=12)
ACTS = ("cover", "keep", "yes", "remove")


@router.get("/r")
async def rota(request: Request, here: Here) -> Response:
    """Who answers now, next, never."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _rota(desk)
    except Unanswered as error:
        return await desk.refused(error)


async def _rota(desk: Desk, *, wrong: str = "", status: int = 200, filled: dict[str, str] | None = None) -> Response:
    found = await desk.api.get("/rotas")
    for each in found["items"]:
        for gap in each["gaps"]:
            gap["filled_to"] = _filled_to(gap)
    others: list[dict[str, Any]] = []
    if BOARD in desk.who["roles"]:
        told = await desk.api.get("/rotas/gaps")
        others = [each for each in told["items"] if each["agency"] != desk.who["agency"]]
    return desk.page(
        "rota.html",
        "Rota",
        status=status,
        found=found,
        rotas=[each for each in found["items"] if each["by_rota"]],
        steady=[each for each in found["items"] if not each["by_rota"]],
        others=others,
        wrong=wrong,
        filled=filled or {},
        key=token_urlsafe(12),
    )


def _filled_to(gap: dict[str, Any]) -> str:
    """Until when a form proposes to fill a gap: all of it, of a long one half a day."""
    start, end = datetime.fromisoformat(gap["starts_at"]), datetime.fromisoformat(gap["ends_at"])
    return (end if end - start <= LONG else start + HALF_A_DAY).isoformat()


@router.post("/r/feed")
async def feed(request: Request, here: Here) -> Response:
    """A new address for one's calendar, shown this once."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    try:
        await desk.begin()
        if filled.get("end"):
            await desk.api.tell("/rotas/feed/end")
            return RedirectResponse("/r", 303)
        made = await desk.api.tell("/rotas/feed")
        return desk.page("feed.html", "Rota", url=made["url"])
    except Unanswered as error:
        return await desk.refused(error)


@router.post("/r/put")
async def put(request: Request, here: Here) -> Response:
    """Fill a gap, or enter a shift."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    zone = filled.get("zone", "")
    weeks = filled.get("weeks") or "1"
    body = {
        "person": filled.get("person") or None,
        "starts_at": _moment(filled.get("starts_at", ""), zone),
        "ends_at": _moment(filled.get("ends_at", ""), zone),
        "weeks": int(weeks) if weeks.isdecimal() else 0,
        "beside": bool(filled.get("beside")),
    }
    return await _done(desk, f"/rotas/{filled.get('role', '-')}/shifts", body, filled)


@router.post("/r/{shift}/{act}")
async def act(request: Request, shift: str, act: str, here: Here) -> Response:
    """Ask for cover, keep the shift, say yes, take it out."""
    if act not in ACTS:
        return Response(status_code=404)
    desk, filled = Desk(request, here), dict(await filled_in(request))
    body = None
    if act == "cover":
        given = {name: filled.get(name, "") for name in ("starts_at", "ends_at")}
        body = {name: _moment(said, filled.get("zone", "")) for name, said in given.items() if said}
    return await _done(desk, f"/rotas/shifts/{shift}/{act}", body, filled)


async def _done(desk: Desk, path: str, body: dict[str, Any] | None, filled: dict[str, str]) -> Response:
    try:
        await desk.begin()
    except Unanswered as error:
        return await desk.refused(error)
    try:
        await desk.api.tell(path, body, key=filled.get("key") or None)
    except Unanswered as error:
        if error.status == 401:
            return await desk.refused(error)
        return await _rota(desk, wrong=error.title, status=error.status, filled=filled)
    return RedirectResponse("/r", 303)


def _moment(said: str, zone: str) -> str:
    """A time as a form gives it, local or whole; what is none goes as it is, so that the answer says so."""
    try:
        found = datetime.fromisoformat(said)
        return (found if found.tzinfo else found.replace(tzinfo=ZoneInfo(zone))).isoformat()
    except (ValueError, OSError):
        return said
