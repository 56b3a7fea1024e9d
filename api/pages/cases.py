"""Cases: where one stands, who was told what; a protected value, shown when asked for."""

from __future__ import annotations

from datetime import datetime
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import Desk
from api.pages.sayings import happenings, whys
from protocol.names import Slug

router = APIRouter(include_in_schema=False)
MOST = 50
CLOCK = "clock-moved"
"""A trainer's moves of a practice case's clock: its page says what it shows; they would drown what happened."""


@router.get("/c")
async def every(request: Request, here: Here) -> Response:
    """The cases in which my agency has a part: real ones, or those for practice alone."""
    desk, practice = Desk(request, here), request.query_params.get("practice") == "1"
    try:
        await desk.begin()
        found = await desk.api.get("/cases", limit=MOST, practice=str(practice).lower())
        zones = await zones_of(desk)
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page(
        "cases.html", "Cases", cases=found["items"], more=found["next"] is not None, zones=zones, practice=practice
    )


async def zones_of(desk: Desk) -> dict[str, str]:
    """The time zone of each protocol in force."""
    return {each["protocol"]: each["zone"] for each in reversed(await desk.api.get("/protocols"))}


@router.get("/c/{code}")
async def one(request: Request, code: str, here: Here) -> Response:
    """A case: its lanes, its clocks, who was told, what happened."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await case_page(desk, code)
    except Unanswered as error:
        return await desk.refused(error)


async def case_page(
    desk: Desk,
    code: str,
    *,
    shown: tuple[str, str] | None = None,
    moved: dict[str, Any] | None = None,
    wrong: str = "",
    status: int = 200,
) -> Response:
    """A case; with a protected value of it that was asked for, or with what a move of its clock brought about."""
    found = await desk.api.get(f"/cases/{code}")
    case = found["case"]
    told = await desk.api.get("/escalations", case=case["case"], limit=MOST)
    happened = await desk.api.get(f"/cases/{case['case']}/timeline")
    # Agencies without a task yet stand here too: what has not begun is said to be so.
    agencies: dict[str, list[Any]] = {each: [] for each in found["agencies"]}
    for each in found["tasks"]:
        agencies.setdefault(each["agency"], []).append(each)
    of = desk.request.query_params.get("of", "")
    return desk.page(
        "case.html", "Case", status=status, moved=moved, wrong=wrong, key=token_urlsafe(12), shown=shown, case=case,
        found=found, agencies=agencies, told=told["items"], kinds=happenings(desk.tongue), whys=whys(desk.tongue),
        happened=[each for each in reversed(happened) if each["kind"] != CLOCK and of in ("", each["agency"])], of=of,
        migrated=next((each for each in reversed(happened) if each["kind"] == "case-migrated"), None),
        erased={each["agency"]: each["recorded"] for each in happened if each["kind"] == "part-erased"},
        whose=sorted({each["agency"] for each in happened if each["agency"]}), apart=_apart,
    )  # fmt: skip


def _apart(each: dict[str, Any]) -> bool:
    """Whether something was learned later than it happened, by more than a page can show otherwise."""
    if each["at"] is None or each["recorded"] is None:
        return False
    return abs((datetime.fromisoformat(each["recorded"]) - datetime.fromisoformat(each["at"])).total_seconds()) >= 60


@router.post("/c/{code}/show/{slot}")
async def show(request: Request, code: str, slot: Slug, here: Here) -> Response:
    """Show one protected value: written down first, in this page alone, and nowhere a browser keeps."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/cases/{code}")
        value = await desk.api.get(f"/cases/{found['case']['case']}/protected/{slot}", why="case-page")
        return await case_page(desk, code, shown=(slot, value["value"]))
    except Unanswered as error:
        return await desk.refused(error)


@router.get("/c/{code}/views")
async def readers(request: Request, code: str, here: Here) -> Response:
    """Who saw this case, for a lead or steward of an agency that has a part in it."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/cases/{code}")
        rows = await desk.api.get(f"/cases/{found['case']['case']}/readers", limit=MOST)
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("readers.html", "Views", case=found["case"], zone=found["zone"], rows=rows["items"])
