"""Figures: whether we keep our word, by pair of agencies, in fixed periods; what is too small to be told says so."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import Desk

router = APIRouter(include_in_schema=False)
Kind = tuple[str, str, str, str]


@router.get("/f")
async def figures(request: Request, here: Here) -> Response:
    """Small multiples: how many in time, how long it took, twelve months; a table; everything as a download."""
    desk = Desk(request, here)
    query: dict[str, str | int] = {}
    if request.query_params.get("practice") == "1":
        query["practice"] = "true"
    if request.query_params.get("period"):
        query["period"] = request.query_params["period"]
    try:
        await desk.begin()
        found = await desk.api.get("/figures", **query)
    except Unanswered as error:
        return await desk.refused(error)
    months: dict[Kind, list[Any]] = {}
    for each in found["months"]:
        months.setdefault(kind(each), []).append(each)
    longest = max((each["most"] or 0 for each in found["items"]), default=0)
    return desk.page("figures.html", "Figures", found=found, months=months, kind=kind, longest=longest)


def kind(each: dict[str, Any]) -> Kind:
    """Which handoff a figure is of."""
    return each["protocol"], each["from_agency"], each["agency"], each["step"]
