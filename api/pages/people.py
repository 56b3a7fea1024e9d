"""An agency's people, for its leads and steward, and the agreements between agencies with their last days."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here, now
from api.pages import stepping
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from protocol.engine import clocks

router = APIRouter(include_in_schema=False)
ACTS = ("link", "unlock", "sign-out", "end")
STEWARD = "steward"
SOON = 60
"""Days before its end from which an agreement is marked."""


@router.get("/p")
async def staff(request: Request, here: Here) -> Response:
    """Who may do what, and until when agencies have agreed."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _staff(desk)
    except Unanswered as error:
        return await desk.refused(error)


async def _staff(
    desk: Desk, *, wrong: str = "", status: int = 200, filled: list[tuple[str, str]] | None = None
) -> Response:
    people, roles = list[Any](), list[str]()
    with suppress(Unanswered):
        people = await desk.api.get("/people")
        roles = await desk.api.get("/people/roles")
    agreements = await desk.api.get("/agreements")
    today = clocks.moment(now()).date()
    for each in agreements:
        each["soon"] = (date.fromisoformat(each["review_by"]) - today).days <= SOON
    return desk.page(
        "people.html",
        "People",
        status=status,
        people=people,
        roles=roles,
        stewards=STEWARD in desk.who["roles"],
        agreements=agreements,
        wrong=wrong,
        named=dict(filled or ()).get("name", ""),
        given=[value for name, value in filled or () if name == "role"],
        key=token_urlsafe(12),
    )


@router.post("/p")
async def add(request: Request, here: Here) -> Response:
    """Add somebody, and show the link they get in with, this once."""
    desk, filled = Desk(request, here), await filled_in(request)
    try:
        await desk.begin()
    except Unanswered as error:
        return await desk.refused(error)
    body = {"name": dict(filled).get("name", "").strip(), "roles": [v for name, v in filled if name == "role"]}
    try:
        made = await stepping.told(desk, filled, "/people", body)
        return _link(desk, made, await desk.api.tell(f"/people/{made['person']}/link"))
    except Unanswered as error:
        if error.code == "STEP_UP":
            return stepping.page(desk, filled, error)
        return await _staff(desk, wrong=error.title, status=error.status, filled=filled)


@router.post("/p/{person}/{act}")
async def act(request: Request, person: str, act: str, here: Here) -> Response:
    """A new link, unlock, sign out everywhere, remove access now."""
    if act not in ACTS:
        return Response(status_code=404)
    desk, filled = Desk(request, here), await filled_in(request)
    try:
        await desk.begin()
    except Unanswered as error:
        return await desk.refused(error)
    try:
        made = await stepping.told(desk, filled, f"/people/{person}/{act}")
        if act == "link":
            known = {each["person"]: each for each in await desk.api.get("/people")}
            return _link(desk, known[person], made)
    except Unanswered as error:
        if error.code == "STEP_UP":
            return stepping.page(desk, filled, error)
        return await _staff(desk, wrong=error.title, status=error.status)
    return RedirectResponse("/p", 303)


def _link(desk: Desk, person: dict[str, Any], made: dict[str, Any]) -> Response:
    return desk.page("link.html", "People", person=person, url=made["url"], until=made["holds_until"])
