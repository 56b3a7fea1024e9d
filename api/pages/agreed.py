"""What was agreed: one text read, drawn, in a table, as it was written; its versions, and what changed since one."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import Desk
from api.pages.rules import council
from protocol.names import Slug

router = APIRouter(include_in_schema=False)


@router.get("/t")
async def texts(request: Request, here: Here) -> Response:
    """The protocols in force."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/protocols")
    except Unanswered as error:
        return await desk.refused(error)
    newest = {each["protocol"]: each for each in reversed(found)}
    return desk.page("texts.html", "Text", texts=sorted(newest.values(), key=lambda each: each["title"]))


@router.get("/t/{slug}")
async def text(request: Request, slug: Slug, here: Here) -> Response:
    """What was agreed, in sentences."""
    return await _way(Desk(request, here), slug, "")


@router.get("/t/{slug}/diagram")
async def diagram(request: Request, slug: Slug, here: Here) -> Response:
    """The text as a drawing, and what the drawing says in words."""
    return await _way(Desk(request, here), slug, "diagram")


@router.get("/t/{slug}/table")
async def table(request: Request, slug: Slug, here: Here) -> Response:
    """The text as a table, a step in each row."""
    return await _way(Desk(request, here), slug, "table")


@router.get("/t/{slug}/source")
async def source(request: Request, slug: Slug, here: Here) -> Response:
    """The text as it was written, with the numbers of its lines."""
    return await _way(Desk(request, here), slug, "source")


async def _way(desk: Desk, slug: Slug, way: str) -> Response:
    """One way of looking at a text: at the one in force, or at the version that the address names."""
    try:
        await desk.begin()
        query = _asked(desk.request)
        found = await desk.api.get(f"/protocols/{slug}", **query)
        told: dict[str, Any] = {"said": None, "rows": ()}
        if way == "":
            told["said"] = await desk.api.get(f"/protocols/{slug}/outline", **query)
        elif way in {"diagram", "table"}:
            told["rows"] = await desk.api.get(f"/protocols/{slug}/table", **query)
        rules = await council(desk)
    except Unanswered as error:
        return await desk.refused(error)
    earlier = found["version"] != found["in_force"]
    shown = next(each for each in found["versions"] if each["version"] == found["version"])
    return desk.page(
        "text.html", "Text", slug=slug, found=found, shown=shown, looked=way, council=rules,
        query=f"?version={found['version']}" if earlier else "", earlier=earlier, **told,
    )  # fmt: skip


def _asked(request: Request) -> dict[str, str | int]:
    """The version that the address names, if it names one."""
    said = request.query_params.get("version", "")
    return {"version": said} if said else {}


@router.get("/t/{slug}/since/{version}")
async def since(request: Request, slug: Slug, version: int, here: Here) -> Response:
    """What changed from an earlier version to the text in force."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/protocols/{slug}")
        changed = await desk.api.get(f"/protocols/{slug}/since/{version}")
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("since.html", "Text", slug=slug, found=found, changed=changed, version=version)
