"""The board: who waits for whom, filtered by links and a plain form; and who was told what."""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from functools import partial
from secrets import token_urlsafe
from typing import Any, Literal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import BOARD, Desk, filled_in
from api.pages.refusals import refusal
from api.pages.rendering import say
from api.pages.sayings import whys
from protocol.state import PauseReason

router = APIRouter(include_in_schema=False)
ON_A_PAGE = 20
TOLD = 25
GAPS = 7
"""Days for which the board says where nobody is on duty."""
Act = Literal["nudge", "reassign", "pause"]
REASONS = tuple(each for each in PauseReason if each is not PauseReason.AS_AGREED)
WHY_NOT = {
    "NUDGE_DONE": "done a moment ago",
    "NOT_STUCK": "not stuck now",
    "NUDGED": "asked less than 4 hours ago",
    "NOT_YOURS": "only its own agency can do that",
    "NOT_FOUND": "only its own agency can do that",
}
BETWEEN = ">"
"""In an address, between the two agencies of a pair."""


@router.get("/b")
async def board(request: Request, here: Here) -> Response:
    """Who waits for whom, the longest stuck first; ``pair``, ``show`` and ``after`` in the address choose what."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/board", **_asked(request))
        # Asked for by itself: the board has its due times and what is stuck, and is looked at far more often.
        asks = request.query_params.get("told") == "1"
        told = (await desk.api.get("/escalations", limit=TOLD))["items"] if asks else None
        may = desk.who["leads"] or BOARD in desk.who["roles"]
        gaps = await desk.api.get("/rotas/unfilled", days=GAPS) if may else []
        practised = await _practised(desk) if found["practised"] and not request.query_params.get("practice") else []
    except Unanswered as error:
        return await desk.refused(error)
    pair, show = request.query_params.get("pair", ""), request.query_params.get("show", "")
    practice = request.query_params.get("practice", "")
    return desk.page(
        "board.html", "Board", told=told, **seen(found, practice), show=show, pair=pair, may=may,
        practice=practice, practised=practised, mark=found["mark"], gaps=gaps, whys=whys(desk.tongue),
    )  # fmt: skip


async def _practised(desk: Desk) -> list[Any]:
    """The first of what is open in practice cases."""
    found = await desk.api.get("/board", practice="true", limit=TOLD)
    items: list[Any] = found["items"]
    return items


def _asked(request: Request) -> dict[str, str | int]:
    """What of the board an address asks for: all that is open, unless it says otherwise."""
    asked: dict[str, str | int] = {"limit": ON_A_PAGE}
    from_agency, _, agency = request.query_params.get("pair", "").partition(BETWEEN)
    if from_agency and agency:
        asked |= {"from_agency": from_agency, "agency": agency}
    if request.query_params.get("show") == "stuck":
        asked["stuck"] = "true"
    if request.query_params.get("practice"):
        asked["practice"] = "true"
    if request.query_params.get("after"):
        asked["cursor"] = request.query_params["after"]
    return asked


def seen(found: dict[str, Any], practice: str) -> dict[str, Any]:
    """What a board page shows of what the API answers."""
    pairs = {(each["from_agency"], each["agency"]): each for each in found["pairs"]}
    return {
        "found": found,
        "pairs": pairs,
        "froms": sorted({each[0] for each in pairs}),
        "tos": sorted({each[1] for each in pairs}),
        "address": partial(address, practice=practice),
    }


def address(pair: str = "", show: str = "", after: str = "", practice: str = "") -> str:
    """The address of a board, filtered."""
    chosen = {
        name: value
        for name, value in (("pair", pair), ("show", show), ("practice", practice), ("after", after))
        if value
    }
    return f"/b?{urlencode(chosen)}" if chosen else "/b"


@router.get("/b/{act}")
async def before(request: Request, act: Act, here: Here) -> Response:
    """What nudging, handing over or pausing would do: whom it tells, when it is due then. Nothing is done."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _before(desk, act)
    except Unanswered as error:
        return await desk.refused(error)


async def _before(desk: Desk, act: Act, *, wrong: str = "", status: int = 200) -> Response:
    query = desk.request.query_params
    ids = query.getlist("item")
    if query.get("all"):
        waiting = await desk.api.get("/board", **{**_asked(desk.request), "stuck": "true"})
        ids = [each["task"]["id"] for each in waiting["items"]]
    if not ids:
        says = say(desk.tongue)("Nothing was chosen. Tick what you mean, then press again.")
        return desk.page("problem.html", "Board", status=422, says=says, code="NONE_CHOSEN")
    body: dict[str, Any] = {"tasks": ids[:ON_A_PAGE]}
    rows = await desk.api.tell("/board/foresee", body)
    if act == "pause" and rows and query.get("until"):
        until = _moment(query["until"], rows[0]["zone"])
        if until is None:
            wrong, status = say(desk.tongue)("Say until when, as a date and a time."), 422
        else:
            rows = await desk.api.tell("/board/foresee", body | {"until": until, "reason": query.get("reason") or None})
    for each in rows:
        each["pause_says"] = refusal(desk.tongue, each["pause"], each["pause_says"])
    return desk.page(
        "board_before.html", "Board", status=status, act=act, rows=rows, wrong=wrong, key=token_urlsafe(12),
        until=query.get("until", "") if not wrong else "", reason=query.get("reason", ""), reasons=list(REASONS),
        zone=rows[0]["zone"] if rows else "UTC",
    )  # fmt: skip


def _moment(said: str, zone: str) -> str | None:
    """A time as a form has it, in a zone, as the API takes it."""
    try:
        return datetime.fromisoformat(said).replace(tzinfo=ZoneInfo(zone)).isoformat()
    except ValueError:
        return None


@router.post("/b/{act}")
async def done(request: Request, act: Act, here: Here) -> Response:
    """Do it, one by one: each says for itself what became of it. Pressing twice does it once."""
    desk, filled = Desk(request, here), await filled_in(request)
    said = dict(filled)
    outcomes: list[tuple[str, str, str]] = []
    sends = True
    try:
        await desk.begin()
        for task, code in (value.split(" ", 1) for name, value in filled if name == "item" and " " in value):
            why, sent = await _one(desk, act, task, said)
            outcomes.append((task, code, why))
            sends &= sent
    except Unanswered as error:
        return await desk.refused(error, filled)
    return desk.page("board_done.html", "Board", act=act, outcomes=outcomes, wrong=_counted(outcomes), sends=sends)


def _counted(outcomes: list[tuple[str, str, str]]) -> list[tuple[str, int]]:
    """How many were not done, by the reason."""
    return sorted(Counter(why for _, _, why in outcomes if why).items())


async def _one(desk: Desk, act: Act, task: str, said: dict[str, str]) -> tuple[str, bool]:
    """Do one; empty if it was done, else why not; and whether notices of it leave this installation."""
    key = f"{said.get('key', '')}-{act}-{task}"
    try:
        if act == "nudge":
            nudged = await desk.api.tell(f"/handoffs/{task}/nudge", key=key)
            return "", bool(nudged["sends"])
        if act == "reassign":
            await desk.api.tell(f"/tasks/{task}/reassign", {"role": said.get(f"role-{task}", "")}, key=key)
        else:
            until = _moment(said.get("until", ""), said.get("zone", "UTC"))
            await desk.api.tell(f"/tasks/{task}/pause", {"until": until, "reason": said.get("reason", "")}, key=key)
    except Unanswered as error:
        if error.status == 401:
            raise
        return say(desk.tongue)(WHY_NOT[error.code]) if error.code in WHY_NOT else error.title, True
    return "", True


@router.post("/b/read/{notice}")
async def read(request: Request, notice: str, here: Here) -> Response:
    """I have read what I was told."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        await desk.api.tell(f"/escalations/{notice}/read")
    except Unanswered as error:
        return await desk.refused(error)
    return RedirectResponse("/b?told=1", 303)
