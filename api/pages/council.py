"""The council's desk: a draft with its findings, what it changes and does to open cases, propose or publish, follow."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.planning import choices, decisions
from api.pages.rules import council
from api.pages.sayings import classes_of_cases
from protocol.names import Slug

router = APIRouter(include_in_schema=False)


@router.get("/t/{slug}/change")
async def draft(request: Request, slug: Slug, here: Here) -> Response:
    """Where a change is written."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/protocols/{slug}")
    except Unanswered as error:
        return await desk.refused(error)
    return await _page(desk, slug, found["text"], "")


async def _page(desk: Desk, slug: Slug, text: str, plan: str, **told: Any) -> Response:  # noqa: ANN401 - what it shows
    shown = {
        "kinds_of_cases": classes_of_cases(desk.tongue),
        "findings": (),
        "changed": None,
        "foreseen": None,
        "wrong": "",
        "status": 200,
        **told,
    }
    for name, value in (("offered", None), ("plan_wrong", ""), ("plan_findings", ()), ("zone", "UTC")):
        shown.setdefault(name, value)
    shown["decisions"] = decisions(desk.tongue)
    shown.setdefault("number", None)
    shown.setdefault("draft", {"aims": "", "emergency": False})
    status = int(shown.pop("status"))
    shown["council"] = await council(desk)
    return desk.page("change.html", "Change", status=status, slug=slug, text=text, plan=plan, **shown)


@router.get("/t/{slug}/changes/{number}/write")
async def rewritten(request: Request, slug: Slug, number: int, here: Here) -> Response:
    """Where a change is written anew."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/revisions/{number}")
    except Unanswered as error:
        return await desk.refused(error)
    return await _page(desk, slug, found["text"], found["plan"] or "", number=number, draft=found)


@router.post("/t/{slug}/change")
async def tried(request: Request, slug: Slug, here: Here) -> Response:
    """What a draft says, changes and does; every word of it stays on the page."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    text, plan = filled.get("text", "").replace("\r\n", "\n"), filled.get("plan", "").replace("\r\n", "\n")
    kept = {
        "number": filled.get("number") or None,
        "draft": {"aims": filled.get("aims", ""), "emergency": bool(filled.get("emergency"))},
    }
    try:
        await desk.begin()
        changed = await desk.api.tell(f"/protocols/{slug}/diff", {"text": text})
    except Unanswered as error:
        if error.status == 401 or not text:
            return await desk.refused(error)
        return await _page(desk, slug, text, plan, findings=error.findings, wrong=error.title, status=422, **kept)
    try:
        offered, problem = await choices(desk, slug, text, plan, filled)
        plan = offered["plan"] if offered else plan
        foreseen = None
        if offered is not None and not problem:
            asked = {"text": text, **({"plan": plan} if plan.strip() else {})}
            foreseen = await desk.api.tell(f"/protocols/{slug}/effect", asked)
        zone = (await desk.api.get(f"/protocols/{slug}"))["versions"][0]["zone"]
    except Unanswered as error:
        told = {"wrong": error.title, "findings": error.findings, "status": 422}
        return await _page(desk, slug, text, plan, changed=changed, **told, **kept)
    status = {"status": 422} if problem else {}
    told = {"changed": changed, "foreseen": foreseen, "offered": offered, "zone": zone}
    return await _page(desk, slug, text, plan, **told, **problem, **status, **kept)


@router.post("/t/{slug}/publish")
async def published(request: Request, slug: Slug, here: Here) -> Response:
    """Put a draft in force for new cases; open ones stay on their text. First its page says what will happen."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    text = filled.get("text", "").replace("\r\n", "\n")
    try:
        await desk.begin()
        if not filled.get("sure"):
            changed = await desk.api.tell(f"/protocols/{slug}/diff", {"text": text})
            effect = await desk.api.tell(f"/protocols/{slug}/effect", {"text": text})
            found = await desk.api.get(f"/protocols/{slug}")
            told = {"changed": changed, "open": effect["open"], "version": found["in_force"], "text": text}
            return desk.page("publish.html", "Change", slug=slug, **told)
        await desk.api.publish(text)
    except Unanswered as error:
        if error.status in {401, 403}:
            return await desk.refused(error)
        return await _page(desk, slug, text, "", findings=error.findings, wrong=error.title, status=422)
    return RedirectResponse(f"/t/{slug}/moves", 303)
