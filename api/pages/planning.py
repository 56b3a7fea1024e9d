"""A migration plan made on a page: what was chosen for each step, and the document that is written from it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.pages.asking import Unanswered
from api.pages.desk import BOARD, Desk, filled_in
from api.pages.rendering import say
from api.pages.rules import council
from api.pages.sayings import classes_of_cases, stages, why_stopped
from protocol.names import OpaqueId, Slug

router = APIRouter(include_in_schema=False)
RUNS = ("stop", "go-on", "undo")
ACTS = {
    **dict.fromkeys(("first-share", "rest"), ("stop", "undo")),
    "waiting": ("go-on", "stop", "undo"),
    "stopped": ("go-on", "undo"),
    "over": ("undo",),
}
"""What may be done with a run, by where it stands."""

CHOSEN = {"keep elapsed", "keep deadline", "restart", "grandfather"}
"""Decisions about a clock; what else may be chosen stands in the form as ``key=value``."""


def decisions(tongue: str) -> dict[str, str]:
    """The four decisions, as people read them."""
    _ = say(tongue)
    return {
        "keep elapsed": _("Keep time used"),
        "keep deadline": _("Keep due time"),
        "restart": _("Start again"),
        "grandfather": _("Leave on the older text"),
    }


def chosen(filled: dict[str, str]) -> dict[str, dict[str, str]]:
    """What was chosen for each step since the page was made; what it already showed as chosen is not told again."""
    found: dict[str, dict[str, str]] = {}
    for name, value in filled.items():
        if not name.startswith("choice."):
            continue
        step = name.removeprefix("choice.")
        because = filled.get(f"because.{step}", "").strip()
        was = filled.get(f"was.{step}", ""), filled.get(f"because-was.{step}", "")
        if value and (value, because) != was:
            key, _, rest = value.partition("=")
            line = {"clock": value} if value in CHOSEN else {key: rest}
            found[step] = {**line, **({"because": because} if because else {})}
    return found


async def choices(
    desk: Desk, slug: Slug, text: str | None, plan: str, filled: dict[str, str]
) -> tuple[dict[str, Any] | None, dict[str, Any]]:
    """What may be decided, and how; None for whom it is not to decide. Second: what is wrong with what was chosen.

    Raises:
        Unanswered: nobody is signed in, or the text itself is not one.
    """
    body: dict[str, Any] = {} if text is None else {"text": text}
    more: dict[str, Any] = {"plan": plan} if plan.strip() else {}
    try:
        return await desk.api.tell(f"/protocols/{slug}/choices", {**body, **more, "chosen": chosen(filled)}), {}
    except Unanswered as error:
        if error.status == 403:
            return None, {}
        if error.status != 422 or not (more or chosen(filled)):
            raise
        # What was written or chosen is no plan: it is shown as it is, beside what may be decided.
        found = await desk.api.tell(f"/protocols/{slug}/choices", body)
        wrong = {"plan_wrong": error.title, "plan_findings": error.findings}
        return {**found, "plan": plan, "kept": filled}, wrong


@router.get("/t/{slug}/moves")
async def moves(request: Request, slug: Slug, here: Here) -> Response:
    """Which open cases follow the text in force, which could, and what is to be decided first."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _moves(desk, slug, "", {})
    except Unanswered as error:
        return await desk.refused(error)


@router.post("/t/{slug}/moves")
async def planned(request: Request, slug: Slug, here: Here) -> Response:
    """The plan as chosen, and what it would do."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    try:
        await desk.begin()
        return await _moves(desk, slug, _plan(filled), filled)
    except Unanswered as error:
        return await desk.refused(error)


async def _moves(
    desk: Desk, slug: Slug, plan: str, filled: dict[str, str], *, wrong: str = "", status: int = 200
) -> Response:
    found = await desk.api.get(f"/protocols/{slug}")
    runs = await desk.api.get(f"/protocols/{slug}/migrations")
    offered, problem = await choices(desk, slug, None, plan, filled)
    written = offered["plan"] if offered else plan
    foreseen = None
    if not problem:
        foreseen = await desk.api.tell(f"/protocols/{slug}/effect", {"plan": written} if written.strip() else {})
    return desk.page(
        "moves.html", "Text", status=422 if problem else status, slug=slug, found=found, runs=runs, offered=offered,
        foreseen=foreseen, plan=written, acts_of=ACTS, decisions=decisions(desk.tongue), stages=stages(desk.tongue),
        why_stopped=why_stopped(desk.tongue),
        kinds_of_cases=classes_of_cases(desk.tongue), wrong=wrong, zone=found["versions"][0]["zone"],
        council=await council(desk), **{"plan_wrong": "", "plan_findings": (), **problem},
    )  # fmt: skip


def _plan(filled: dict[str, str]) -> str:
    return filled.get("plan", "").replace("\r\n", "\n")


@router.post("/t/{slug}/move")
async def moved(request: Request, slug: Slug, here: Here) -> Response:
    """Let open cases follow the text in force, a first share before the rest."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    plan = _plan(filled)
    try:
        await desk.begin()
        offered, problem = await choices(desk, slug, None, plan, filled)
        if problem or offered is None:
            return await _moves(desk, slug, plan, filled)
        plan = offered["plan"]
        if plan.strip() and offered["undecided"]:
            return await _moves(desk, slug, plan, {}, status=409)
        made = await desk.api.tell(f"/protocols/{slug}/migrations", {"plan": plan} if plan.strip() else {})
    except Unanswered as error:
        if error.status in {401, 403, 404}:
            return await desk.refused(error)
        return await _moves(desk, slug, plan, {}, wrong=error.title, status=error.status)
    return RedirectResponse(f"/t/{slug}/runs/{made['run']}", 303)


@router.get("/t/{slug}/runs/{run}")
async def run(request: Request, slug: Slug, run: OpaqueId, here: Here) -> Response:
    """How far a run is, what of it would go back, and stopping, going on, taking back."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _run(desk, slug, run)
    except Unanswered as error:
        return await desk.refused(error)


async def _run(desk: Desk, slug: Slug, run: OpaqueId, *, wrong: str = "", status: int = 200) -> Response:
    found = await desk.api.get(f"/migrations/{run}")
    acts = ACTS.get(found["stage"], ()) if BOARD in desk.who["roles"] else ()
    back = await desk.api.get(f"/migrations/{run}/way-back") if "undo" in acts and found["moved"] else None
    versions = (await desk.api.get(f"/protocols/{slug}"))["versions"]
    target = next((each for each in versions if each["hash"] == found["target"]), versions[0])
    return desk.page(
        "run.html", "Text", status=status, slug=slug, run=found, acts=acts, back=back, target=target, wrong=wrong,
        stages=stages(desk.tongue), why_stopped=why_stopped(desk.tongue), zone=target["zone"],
    )  # fmt: skip


@router.post("/t/{slug}/runs/{run}/{act}")
async def changed(request: Request, slug: Slug, run: OpaqueId, act: str, here: Here) -> Response:
    """Stop a run, let it go on, or take its cases back."""
    desk = Desk(request, here)
    if act not in RUNS:
        return Response(status_code=404)
    try:
        await desk.begin()
        await desk.api.tell(f"/migrations/{run}/{act}", {})
    except Unanswered as error:
        if error.status != 409:
            return await desk.refused(error)
        return await _run(desk, slug, run, wrong=error.title, status=409)
    return RedirectResponse(f"/t/{slug}/runs/{run}", 303)
