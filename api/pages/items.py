"""One item: its clock, what is known before, what may be done with it, and recording what happened."""

from __future__ import annotations

import re
from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.edge import VALUES
from api.pages import forms
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.forms import Filled
from protocol.names import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
NUMBER = re.compile(r"\+?\d[\d ().-]{5,}\d")
"""What a telephone can dial, in a text."""
NOTHING = {401, 403, 404}
"""Answers after which there is no item to show."""


@router.get("/i/{task}")
async def item(request: Request, task: str, here: Here) -> Response:
    """One item: its clock, what is known before, and what may be done."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _item(desk, task)
    except Unanswered as error:
        return await desk.refused(error)


async def _item(
    desk: Desk, task: str, *, status: int = 200, wrong: str = "", shown: tuple[str, str] | None = None
) -> Response:
    found = await desk.api.get(f"/tasks/{task}")
    case = await desk.api.get(f"/cases/{found['task']['case']}")
    return desk.page(
        "item.html",
        "Item",
        status=status,
        found=found,
        item=found["task"],
        case=case,
        key=token_urlsafe(12),
        wrong=wrong,
        shown=shown,
        calls=[] if shown is None else numbers(shown[1]),
        passes=await _passes(desk, found["task"]),
    )


async def _passes(desk: Desk, item: dict[str, Any]) -> list[Any]:
    """Who passed this item on, for those who lead; nobody else is told, nor asks: that would be a denial each time."""
    if not desk.who["leads"] or item["agency"] != desk.who["agency"]:
        return []
    try:
        found = await desk.api.get(f"/cases/{item['case']}/passes")
    except Unanswered:
        return []
    return [each for each in found if each["task"] == item["id"]]


def numbers(value: str) -> list[tuple[str, str]]:
    """The telephone numbers in a text, as it has them and as a telephone dials them."""
    return [(each, "".join(sign for sign in each if sign in "+0123456789")) for each in NUMBER.findall(value)]


@router.post("/i/{task}/show/{slot}")
async def show(request: Request, task: str, slot: Slug, here: Here) -> Response:
    """Show one protected value: written down first, in this answer alone, and nowhere a browser keeps."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get(f"/tasks/{task}")
        value = await desk.api.get(f"/cases/{found['task']['case']}/protected/{slot}", why="item-page")
        return await _item(desk, task, shown=(slot, value["value"]))
    except Unanswered as error:
        if error.status in NOTHING:
            return await desk.refused(error)
        # Everything else on the item can be done without it.
        return await _item(desk, task, status=error.status, wrong=error.title)


@router.post("/i/{task}/{act}")
async def act(request: Request, task: str, act: str, here: Here) -> Response:
    """Take it, log a try, hand it over, pass it on, stop all contact."""
    desk, filled = Desk(request, here), await filled_in(request)
    said = dict(filled)
    role, _, person = said.get("to", "").partition("|")
    told: dict[str, tuple[str, object]] = {
        "take": ("take", None),
        "try": ("attempts", None),
        "hand-over": ("reassign", {"role": role, "person": person or None}),
        "pass-on": ("pass-on", {"reason": said.get("reason", "")}),
    }
    if act == "record":
        return await _record(desk, task, filled)
    if act != "stop" and act not in told:
        return Response(status_code=404)
    key = said.get("key") or None
    try:
        await desk.begin()
        if act == "stop":
            await _stop(desk, task, key)
            return RedirectResponse(f"/i/{task}", 303)
        path, body = told[act]
        done = await desk.api.tell(f"/tasks/{task}/{path}", body, key=key)
    except Unanswered as error:
        if error.status in NOTHING:
            return await desk.refused(error, filled)
        return await _item(desk, task, status=error.status, wrong=error.title)
    if act == "pass-on":
        return RedirectResponse(f"/i?passed={'told' if done['told'] else 'untold'}", 303)
    return RedirectResponse("/i" if act == "hand-over" else f"/i/{task}", 303)


async def _stop(desk: Desk, task: str, key: str | None) -> None:
    """Report what stops all contact, if the text of the case has such an event."""
    found = await desk.api.get(f"/tasks/{task}")
    if found["stop"] is not None:
        await desk.api.tell(f"/cases/{found['task']['case']}/events", {"event": found["stop"]}, key=key)


@router.get("/i/{task}/record/{outcome}")
async def record(request: Request, task: str, outcome: Slug, here: Here) -> Response:
    """The form of one way to end a task."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _form(desk, task, outcome, [])
    except Unanswered as error:
        return await desk.refused(error)


async def _form(  # noqa: PLR0913 - what a form is shown with
    desk: Desk, task: str, outcome: Slug, filled: Filled, *, wrong: str = "", status: int = 200, lost: bool = False
) -> Response:
    found = await desk.api.get(f"/tasks/{task}")
    form = forms.of(found, outcome)
    if form is None:
        words = [(name, value) for name, value in filled if name not in {"key", "outcome"} and value]
        return desk.page("ended.html", "Item", status=409, found=found, item=found["task"], wrong=wrong, words=words)
    key = dict(filled).get("key") or token_urlsafe(12)
    return desk.page(
        "record.html", "Item", status=status, found=found, item=found["task"], form=form, zone=found["zone"], key=key,
        filled=dict(filled), wrong=wrong, lost=lost, rows=forms.ROWS,
    )  # fmt: skip


async def _record(desk: Desk, task: str, filled: Filled) -> Response:
    """Record how it ended; what cannot be taken is shown again with every word still there."""
    values: dict[Slug, Plain] = desk.request.scope["state"].get(VALUES, {})
    outcome = dict(filled).get("outcome", "")
    try:
        await desk.begin()
        found = await desk.api.get(f"/tasks/{task}")
        form = forms.of(found, outcome)
        if form is not None:
            body = forms.answer(form, filled, found["zone"])
            await desk.api.tell(f"/tasks/{task}/complete", body, key=dict(filled).get("key") or None, values=values)
            return RedirectResponse(f"/i/{task}", 303)
    except Unanswered as error:
        if error.status in NOTHING:
            return await desk.refused(error, filled)
        return await _form(desk, task, outcome, _words(filled, values), wrong=error.title, status=error.status)
    return await _form(desk, task, outcome, _words(filled, values))


def _words(filled: Filled, values: dict[Slug, Plain]) -> Filled:
    """Everything that was typed, for the same person's own page."""
    return [*filled, *((f"vault.{name}", value.reveal()) for name, value in values.items())]


async def again(desk: Desk, path: str, words: Filled) -> Response:
    """A form as it was when the session ended."""
    return await _form(desk, path.split("/")[2], dict(words).get("outcome", ""), words, lost=True)
