"""Practice: begin a case that is nobody's, move its clock on, and the guided tours of the desks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from secrets import token_urlsafe

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.cases import case_page, zones_of
from api.pages.desk import Desk, filled_in
from api.pages.tours import names, steps

router = APIRouter(include_in_schema=False)
MOST = 100
"""Cases on the page."""
MOST_HOURS = 31 * 24
"""How long ago a practice case may have begun."""


@router.get("/practice")
async def practice(request: Request, here: Here) -> Response:
    """The practice cases, and what a trainer may begin."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _all(desk)
    except Unanswered as error:
        return await desk.refused(error)


async def _all(desk: Desk, *, wrong: str = "", status: int = 200) -> Response:
    found = await desk.api.get("/practice", limit=MOST)
    return desk.page(
        "practice.html", "Practice", status=status, cases=found["items"], more=found["next"] is not None,
        may=await desk.api.get("/practice/protocols"), week=await desk.api.get("/practice/week"),
        zones=await zones_of(desk), tours=names(desk.tongue), key=token_urlsafe(12), wrong=wrong,
    )  # fmt: skip


@router.post("/practice")
async def begin(request: Request, here: Here) -> Response:
    """Begin a practice case; its page follows."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    body: dict[str, object] = {"protocol": filled.get("protocol", "")}
    ago = filled.get("ago", "")
    if ago.isdecimal() and 0 < int(ago) <= MOST_HOURS:
        body["began_at"] = (datetime.now(UTC) - timedelta(hours=int(ago))).isoformat()
    try:
        await desk.begin()
        made = await desk.api.tell("/practice", body, key=filled.get("key") or None)
    except Unanswered as error:
        if error.status in {401, 403, 404}:
            return await desk.refused(error)
        return await _all(desk, wrong=error.title, status=error.status)
    return RedirectResponse(f"/c/{made['case']['code']}", 303)


@router.post("/c/{code}/forward")
async def forward(request: Request, code: str, here: Here) -> Response:
    """Move a practice case's clock on; its page says what happened meanwhile."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    by = filled.get("by", "")
    body = {"seconds": int(by)} if by.isdecimal() else {}
    try:
        await desk.begin()
        moved = await desk.api.tell(f"/practice/{code}/forward", body, key=filled.get("key") or None)
        return await case_page(desk, code, moved=moved)
    except Unanswered as error:
        if error.status in {401, 403, 404}:
            return await desk.refused(error)
        return await case_page(desk, code, wrong=error.title, status=error.status)


@router.get("/tour/{desk_of}")
async def tour(request: Request, desk_of: str, here: Here) -> Response:
    """What to look at, step by step, with a practice case of one's own agency."""
    desk = Desk(request, here)
    known = dict(names(desk.tongue))
    if desk_of not in known:
        return Response(status_code=404)
    try:
        await desk.begin()
        found = await steps(desk, desk_of)
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("tour.html", "Practice", name=known[desk_of], steps=found)
