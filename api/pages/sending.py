"""The records staff's desk: report what happened, once; a small file of it; and what arrived."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.edge import VALUES
from api.pages import drafts, forms
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.forms import Filled
from api.pages.rendering import say
from api.pages.sayings import fix
from protocol.names import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
FILE: Slug = "file"
AWAY = {401, 403, 404}


@router.get("/s")
async def events(request: Request, here: Here) -> Response:
    """What I may report."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/reports/forms")
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("sends.html", "Send", forms=found)


@router.get("/s/log")
async def log(request: Request, here: Here) -> Response:
    """What was sent, and what it became a part of."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/reports")
        zones = {each["protocol"]: each["zone"] for each in reversed(await desk.api.get("/protocols"))}
    except Unanswered as error:
        return await desk.refused(error)
    return desk.page("sent.html", "Send", rows=found, zones=zones)


@router.get("/s/receipt/{code}")
async def receipt(request: Request, code: str, here: Here) -> Response:
    """That a report arrived, and as which case: the same page however often it was sent."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/cases/{code}")
    except Unanswered as error:
        return await desk.refused(error)
    again = request.query_params.get("again") == "yes"
    return desk.page("receipt.html", "Send", case=found["case"], zone=found["zone"], again=again)


@router.get("/s/{protocol}/{event}")
async def form(request: Request, protocol: Slug, event: Slug, here: Here) -> Response:
    """The form of one event, made of its own fields: there is none for notes."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _form(desk, protocol, event, [])
    except Unanswered as error:
        return await desk.refused(error)


async def _form(
    desk: Desk, protocol: Slug, event: Slug, filled: Filled, *, wrong: str = "", status: int = 200, **more: object
) -> Response:
    found = await _one(desk, protocol, event)
    key = dict(filled).get("key") or token_urlsafe(12)
    told = {"lost": False, "checked": None, "kept": "", "sent": None, **more}
    return desk.page(
        "send.html", "Send", status=status, form=found, filled=dict(filled), key=key, wrong=wrong, fix=fix(desk.tongue),
        rows=forms.ROWS, **told,
    )  # fmt: skip


async def _one(desk: Desk, protocol: Slug, event: Slug) -> dict[str, Any]:
    found = await desk.api.get("/reports/forms")
    chosen: dict[str, Any] | None = next((e for e in found if (e["protocol"], e["event"]) == (protocol, event)), None)
    if chosen is None:
        raise Unanswered(404, "NOT_FOUND", "")
    return chosen


@router.post("/s/{protocol}/{event}")
async def report(request: Request, protocol: Slug, event: Slug, here: Here) -> Response:
    """Send it. Pressed twice it is one report, with one receipt."""
    desk, filled = Desk(request, here), await filled_in(request)
    values: dict[Slug, Plain] = request.scope["state"].get(VALUES, {})
    said = dict(filled)
    try:
        await desk.begin()
        found = await _one(desk, protocol, event)
        body = forms.answer({"asks": found["asks"], "outcome": ""}, filled, found["zone"])
        told = {"event": event, "data": body["data"], "vault": body["vault"], "occurred_at": body.get("at")}
        key = said.get("key") or None
        if found["starts"]:
            whole = {**told, "protocol": protocol, "source": found["source"], "key": said.get("number", "").strip()}
            done = await desk.api.tell("/incidents", whole, key=key, values=values)
        else:
            code = said.get("code", "").replace("-", "").strip().upper()
            done = await desk.api.tell(f"/cases/{code}/events", told, key=key, values=values)
    except Unanswered as error:
        if error.status in AWAY and error.code not in {"NOT_FOUND", "UNKNOWN_CASE"}:
            return await desk.refused(error, filled)
        typed = [*filled, *((f"vault.{name}", value.reveal()) for name, value in values.items())]
        wrong = error.title or say(desk.tongue)("Nothing here for you.")
        return await _form(desk, protocol, event, typed, wrong=wrong, status=error.status)
    if done["code"] is None:
        says = say(desk.tongue)("Received. It is on its way into the lists.")
        return desk.page("problem.html", "Send", status=202, says=says, code="ON_ITS_WAY")
    joined = "?again=yes" if found["starts"] and done["joined"] else ""
    return RedirectResponse(f"/s/receipt/{done['code']}{joined}", 303)


async def again(desk: Desk, path: str, words: Filled) -> Response:
    """A form as it was when the session ended."""
    _, _, protocol, event = path.split("/")[:4]
    return await _form(desk, protocol, event, words, lost=True)


@router.post("/s/{protocol}/{event}/file")
async def file(request: Request, protocol: Slug, event: Slug, here: Here) -> Response:
    """Say what a file would do. It goes back with the page, sealed for whoever chose it, and is kept nowhere."""
    desk = Desk(request, here)
    values: dict[Slug, Plain] = request.scope["state"].get(VALUES, {})
    chosen = {name: value for name, value in values.items() if name == FILE}
    try:
        await desk.begin()
        found = await _one(desk, protocol, event)
        checked = await desk.api.tell("/reports/check", _about(found), values=chosen)
        kept = drafts.seal(here.account_key, desk.who["person"], request.url.path, [(FILE, chosen[FILE].reveal())])
        return await _form(desk, protocol, event, [], checked=checked, kept=kept)
    except Unanswered as error:
        if error.status in AWAY:
            return await desk.refused(error)
        return await _form(desk, protocol, event, [], wrong=error.title, status=error.status)


@router.post("/s/{protocol}/{event}/rows")
async def rows(request: Request, protocol: Slug, event: Slug, here: Here) -> Response:
    """Send the rows that are ready. Pressed twice each is one report."""
    desk, filled = Desk(request, here), dict(await filled_in(request))
    try:
        await desk.begin()
        found = await _one(desk, protocol, event)
        kept = drafts.open_(here.account_key, desk.who["person"], filled.get("kept", ""))
        if kept is None:
            wrong = say(desk.tongue)("This file was chosen too long ago, or by somebody else. Choose it again.")
            return await _form(desk, protocol, event, [], wrong=wrong, status=410)
        values = {name: Plain(value) for name, value in kept[1]}
        sent = await desk.api.tell("/reports/send", _about(found), key=filled.get("key") or None, values=values)
        return await _form(desk, protocol, event, [], sent=sent)
    except Unanswered as error:
        if error.status in AWAY:
            return await desk.refused(error)
        return await _form(desk, protocol, event, [], wrong=error.title, status=error.status)


def _about(form: dict[str, Any]) -> dict[str, Any]:
    return {"protocol": form["protocol"], "event": form["event"], "source": form["source"], "vault": [FILE]}
