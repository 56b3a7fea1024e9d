"""The council's changes: what is proposed, what it does, who has to say what, and saying it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.edge import BYTES, VALUES
from api.pages.asking import Unanswered
from api.pages.desk import BOARD, Desk, filled_in
from api.pages.rendering import say
from api.pages.rules import council
from api.pages.sayings import cannot_know, cannot_learn, classes_of_cases, verdicts
from protocol.names import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
ACTS = ("vote", "recuse", "consent", "veto", "sign", "sign-way-back", "comment", "answer", "observe", "withdraw")
WITHDRAWN_IN = {"draft", "comment", "ballot", "signing", "held", "rejected", "lapsed", "adopted"}
IN_FORCE = {"ratifying", "observed", "closed", "reverted"}
FORESEEN = {"comment", "ballot", "signing", "adopted", "held", "draft"}


def states(tongue: str) -> dict[str, str]:
    """Where a change may stand, as people read it."""
    _ = say(tongue)
    return {
        "draft": _("Draft"),
        "comment": _("Open for comments"),
        "ballot": _("Open for votes"),
        "signing": _("Waits for signatures"),
        "adopted": _("Adopted"),
        "held": _("Held"),
        "ratifying": _("In force, to be ratified"),
        "observed": _("In force, looked at each month"),
        "reverting": _("Being taken back"),
        "closed": _("Closed"),
        "rejected": _("Not adopted"),
        "lapsed": _("Lapsed"),
        "withdrawn": _("Withdrawn"),
        "reverted": _("Taken back"),
    }


def reasons(tongue: str) -> dict[str, str]:
    """Why a change ended as it did, or is held."""
    _ = say(tongue)
    return {
        "written-anew": _("It was written anew since. Votes on what was there before count no longer."),
        "idle": _("Nobody touched it for ninety days."),
        "vetoed": _("An agency that it obliges cannot do it."),
        "quorum": _("Too few answered."),
        "advocacy": _("No advocate answered."),
        "consent": _("Not all whom it obliges agreed."),
        "majority": _("There was no majority for it."),
        "sponsor-alone": _("Nobody but its sponsor was for it."),
        "unsigned": _("Not all signed in time."),
        "not-on-base": _("Another text came into force meanwhile. Compare again."),
        "plan-undecided": _("Open cases came that its plan does not cover."),
        "not-ratified": _("The council did not ratify it."),
        "signed": _("Its way back was signed."),
    }


def needs(tongue: str) -> dict[str, str]:
    """What a change needs before it is in force."""
    _ = say(tongue)
    return {
        "submitted": _("The text has no findings and is proposed"),
        "commented": _("The time for comments is over"),
        "votes": _("Everybody has voted"),
        "consents": _("Whom it obliges agreed"),
        "carried": _("The vote carries it"),
        "signatures": _("All have signed"),
        "ratified": _("The council ratifies it"),
        "hour": _("Its hour has come"),
    }


@router.get("/t/{slug}/changes")
async def every(request: Request, slug: Slug, here: Here) -> Response:
    """What is proposed, newest first."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/revisions", protocol=slug)
        zone = await _zone(desk, slug)
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("revisions.html", "Changes", slug=slug, found=found, zone=zone, states=states(desk.tongue))


@router.get("/t/{slug}/changes/{number}")
async def one(request: Request, slug: Slug, number: int, here: Here) -> Response:
    """One change: what it does, where it stands, and what the reader may do."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _page(desk, slug, number)
    except Unanswered as error:
        return await desk.refused(error)


async def _page(  # noqa: PLR0913 - what it is shown with
    desk: Desk,
    slug: Slug,
    number: int,
    *,
    wrong: str = "",
    words: str = "",
    status: int = 200,
    rehearse_wrong: str = "",
    rehearse_findings: tuple[dict[str, Any], ...] = (),
) -> Response:
    found = await desk.api.get(f"/revisions/{number}")
    rules = await council(desk) or {"electors": {}}
    votes = bool(set(rules["electors"].get(desk.who["agency"], ())) & set(desk.who["roles"]))
    signed = {each["seat"] for each in found["acts"] if each["counts"] and each["act"] == _signature(found["state"])}
    mine = {BOARD} & set(desk.who["roles"]) | ({desk.who["agency"]} if votes else set())
    own = sorted({each["unit"] for each in found["changes"] if desk.who["agency"] in each["consent"]})
    return desk.page(
        "revision.html", "Change", status=status, slug=slug, found=found, zone=await _zone(desk, slug), wrong=wrong,
        words=words, states=states(desk.tongue), reasons=reasons(desk.tongue), votes=votes, own=own,
        mine=sorted(mine & set(found["seats"]) - signed), foreseen=await _foreseen(desk, found),
        kinds_of_cases=classes_of_cases(desk.tongue), needs=needs(desk.tongue), lines=await _lines(desk, found),
        rehearsed=await _about(desk, number, "rehearsal"), rehearse_wrong=rehearse_wrong,
        rehearse_findings=rehearse_findings,
        cannot_know=cannot_know(desk.tongue), cannot_learn=cannot_learn(desk.tongue),
        learned=await _about(desk, number, "before-after") if found["state"] in IN_FORCE else None,
        verdicts=verdicts(desk.tongue), sponsors=_sponsors(desk, found),
        may_withdraw=found["state"] in WITHDRAWN_IN and _sponsors(desk, found),
        comments=[each for each in found["acts"] if each["act"] == "commented"],
    )  # fmt: skip


async def _about(desk: Desk, number: int, what: str) -> Any:  # noqa: ANN401 - JSON of the route
    """What a route tells of a change; None where there is nothing, or not for this reader."""
    try:
        return await desk.api.get(f"/revisions/{number}/{what}")
    except Unanswered:
        return None


def _sponsors(desk: Desk, found: dict[str, Any]) -> bool:
    return desk.who["agency"] == found["sponsor"] or BOARD in desk.who["roles"]


async def _lines(desk: Desk, found: dict[str, Any]) -> list[Any]:
    lines: list[Any] = await desk.api.get(f"/revisions/{found['number']}/lines")
    return lines


def _signature(state: str) -> str:
    return "signed" if state == "signing" else "revert-signed"


async def _foreseen(desk: Desk, found: dict[str, Any]) -> dict[str, Any] | None:
    """What the draft does to open cases now, for whom it is told and while it is still to be decided."""
    if found["state"] not in FORESEEN:
        return None
    try:
        told: dict[str, Any] = await desk.api.get(f"/revisions/{found['number']}/effect")
    except Unanswered:
        return None
    return told


async def _zone(desk: Desk, slug: Slug) -> str:
    zones = {each["protocol"]: each["zone"] for each in await desk.api.get("/protocols")}
    return str(zones.get(slug, "UTC"))


@router.post("/t/{slug}/changes")
async def proposed(request: Request, slug: Slug, here: Here) -> Response:
    """Begin a change or write one anew, and submit it; what the council's rules turn down stays a draft."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    text, plan = filled.get("text", "").replace("\r\n", "\n"), filled.get("plan", "").replace("\r\n", "\n")
    number = filled.get("number", "")
    body: dict[str, Any] = {"text": text, "aims": filled.get("aims", ""), "emergency": bool(filled.get("emergency"))}
    if plan.strip():
        body["plan"] = plan
    try:
        await desk.begin()
        if number.isdigit():
            made = await desk.api.replace(f"/revisions/{number}", body)
        else:
            made = await desk.api.tell("/revisions", {**body, "protocol": slug})
    except Unanswered as error:
        return await desk.refused(error)
    try:
        await desk.api.tell(f"/revisions/{made['number']}/submit", {})
    except Unanswered as error:
        return await _page(desk, slug, made["number"], wrong=error.title, status=error.status)
    return RedirectResponse(f"/t/{slug}/changes/{made['number']}", 303)


@router.post("/t/{slug}/changes/{number}/rehearse")
async def rehearsed(request: Request, slug: Slug, number: int, here: Here) -> Response:
    """Rehearse a change with this site's own times or those of a file, and show what came of it."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    body: dict[str, Any] = {"source": filled.get("source", "own")}
    # The edge takes every file out of a form, whatever is in it.
    files: dict[Slug, Plain] = request.scope["state"].get(VALUES, {})
    if body["source"] == "file" and "times" in files:
        body["times"] = files["times"].reveal().encode(BYTES).decode(errors="replace")
    try:
        await desk.begin()
        await desk.api.tell(f"/revisions/{number}/rehearsal", body)
    except Unanswered as error:
        if error.status in {401, 403, 404}:
            return await desk.refused(error)
        told = {"rehearse_wrong": error.title, "rehearse_findings": error.findings}
        return await _page(desk, slug, number, status=error.status, **told)  # type: ignore[arg-type]
    return RedirectResponse(f"/t/{slug}/changes/{number}#rehearsal", 303)


@router.post("/t/{slug}/changes/{number}/{act}")
async def done(request: Request, slug: Slug, number: int, act: str, here: Here) -> Response:
    """Vote, agree, veto, sign or comment, on what was read; if that changed meanwhile, the page says so."""
    desk, filled = Desk(request, here), await filled_in(request)
    if act not in ACTS:
        return Response(status_code=404)
    given = dict(filled)
    body: dict[str, Any] = {"act": act, "says": given.get("says", "").replace("\r\n", "\n")}
    body |= {name: given[name] for name in ("bundle", "choice", "seat", "verdict") if name in given}
    body |= {"answers": int(given["answers"])} if given.get("answers", "").isdigit() else {}
    body["units"] = [value for name, value in filled if name == "units"]
    try:
        await desk.begin()
        await desk.api.tell(f"/revisions/{number}/acts", body)
    except Unanswered as error:
        if error.status in {401, 404}:
            return await desk.refused(error)
        return await _page(desk, slug, number, wrong=error.title, words=body["says"], status=error.status)
    return RedirectResponse(f"/t/{slug}/changes/{number}", 303)
