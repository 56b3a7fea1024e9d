"""What a survivor lets be shared: permissions in force, a new one, taking one back, and danger to life."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, time, timedelta
from secrets import token_urlsafe
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here
from api.edge import VALUES
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.forms import Filled
from api.pages.rendering import say
from protocol.names import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
GROUNDS = ("threat-to-life", "threat-to-child", "threat-to-others")
NOTHING = {401, 404}


@router.get("/c/{code}/permissions")
async def permissions(request: Request, code: str, here: Here) -> Response:
    """What may be shared of a case now, and with whom."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _page(desk, code, [])
    except Unanswered as error:
        return await desk.refused(error)


async def _page(
    desk: Desk, code: str, filled: Filled, *, wrong: str = "", status: int = 200, lost: bool = False
) -> Response:
    found = await desk.api.get(f"/cases/{code}")
    case = found["case"]["case"]
    form = await desk.api.get(f"/cases/{case}/release-form")
    given = await desk.api.get(f"/cases/{case}/releases")
    threats = [each for each in await desk.api.get("/threats") if each["disclosure"]["case"] == found["case"]["code"]]
    today = datetime.now(ZoneInfo(form["zone"])).date()
    return desk.page(
        "permissions.html", "Permissions", status=status, case=found["case"], form=form, given=given, threats=threats,
        left=await _left(desk, case), filled=dict(filled), ticked=[value for name, value in filled if name == "field"],
        wrong=wrong, lost=lost, key=dict(filled).get("key") or token_urlsafe(12), grounds=GROUNDS,
        first=today + timedelta(days=1), last=today + timedelta(days=form["most_days"] - 1),
    )  # fmt: skip


async def _left(desk: Desk, case: str) -> list[Any] | None:
    """What left the house, for who has to do with the case and asks for it."""
    if desk.request.query_params.get("left") != "yes":
        return None
    try:
        found: list[Any] = await desk.api.get(f"/cases/{case}/disclosures")
    except Unanswered:
        return []
    return found


Act = Callable[[Desk, str, Filled], Awaitable[Any]]


async def _draft(desk: Desk, case: str, filled: Filled) -> Any:  # noqa: ANN401 - JSON of the route
    """Write one down for her to read."""
    zone = (await desk.api.get(f"/cases/{case}/release-form"))["zone"]
    body = {**_recipient(filled), "purpose": _one(filled, "purpose"), "until": _end(_one(filled, "until"), zone)}
    return await desk.api.tell(f"/cases/{case}/releases", body, key=_one(filled, "key"), values=_words(desk, "words"))


async def _sign(desk: Desk, _case: str, filled: Filled) -> Any:  # noqa: ANN401 - as above
    """She signed; the agency's key is put to it."""
    await _step_up(desk, filled)
    said = {each: _one(filled, each) == "yes" for each in ("by_survivor", "by_guardian", "guardian_not_suspect")}
    orders = _one(filled, "guardians_order") == "yes"
    body = {**said, "guardians_order": orders, "signer": _one(filled, "signer"), "form": _one(filled, "form")}
    body["language"] = _one(filled, "language") or "english"
    return await desk.api.tell(f"/releases/{_one(filled, 'release')}/sign", body, key=_one(filled, "key"))


async def _take_back(desk: Desk, _case: str, filled: Filled) -> Any:  # noqa: ANN401 - as above
    """On her word, without a reason."""
    return await desk.api.tell(f"/releases/{_one(filled, 'release')}/revoke", key=_one(filled, "key"))


async def _danger(desk: Desk, case: str, filled: Filled) -> Any:  # noqa: ANN401 - as above
    """Share without permission, because somebody may die."""
    await _step_up(desk, filled)
    body = {**_recipient(filled), "ground": _one(filled, "ground")}
    return await desk.api.tell(f"/cases/{case}/threats", body, key=_one(filled, "key"), values=_words(desk, "reason"))


async def _answer(desk: Desk, _case: str, filled: Filled) -> Any:  # noqa: ANN401 - as above
    """Say yes or no to what a colleague asks to share."""
    await _step_up(desk, filled)
    path = f"/threats/{_one(filled, 'release')}/answer"
    return await desk.api.tell(path, {"yes": _one(filled, "yes") == "yes"}, key=_one(filled, "key"))


ACTS: dict[str, Act] = {
    "draft": _draft, "sign": _sign, "take-back": _take_back, "danger": _danger, "answer": _answer,
}  # fmt: skip


@router.post("/c/{code}/permissions/{act}")
async def act(request: Request, code: str, act: str, here: Here) -> Response:
    """Record one, sign it, take it back; or tell of a danger."""
    desk, filled = Desk(request, here), await filled_in(request)
    if act not in ACTS:
        return Response(status_code=404)
    try:
        await desk.begin()
        case = (await desk.api.get(f"/cases/{code}"))["case"]["case"]
        await ACTS[act](desk, case, filled)
    except Unanswered as error:
        if error.status in NOTHING and error.code != "SIGN_IN":
            return await desk.refused(error, filled)
        if error.code == "SIGN_IN":
            wrong = say(desk.tongue)("Password or code did not match. Nothing was shared.")
            return await _page(desk, code, _typed(desk, filled), wrong=wrong, status=403)
        return await _page(desk, code, _typed(desk, filled), wrong=error.title, status=error.status)
    return RedirectResponse(f"/c/{code}/permissions", 303)


async def again(desk: Desk, path: str, words: Filled) -> Response:
    """A form as it was when the session ended."""
    return await _page(desk, path.split("/")[2], words, lost=True)


async def _step_up(desk: Desk, filled: Filled) -> None:
    """Both factors once more, where they were typed; who showed them just now need not."""
    if _one(filled, "password"):
        body = {"password": _one(filled, "password"), "code": _one(filled, "code")}
        await desk.api.tell("/session/step-up", body)


def _recipient(filled: Filled) -> dict[str, Any]:
    agency, _, role = _one(filled, "to").partition("|")
    return {"agency": agency, "role": role or None, "fields": [value for name, value in filled if name == "field"]}


def _words(desk: Desk, name: Slug) -> dict[Slug, Plain]:
    values: dict[Slug, Plain] = desk.request.scope["state"].get(VALUES, {})
    return {each: value for each, value in values.items() if each == name}


def _typed(desk: Desk, filled: Filled) -> Filled:
    """What was typed, for the same person's own page; never what shows who they are."""
    values: dict[Slug, Plain] = desk.request.scope["state"].get(VALUES, {})
    kept = [(name, value) for name, value in filled if name not in {"password", "code", "key"}]
    return [*kept, *((f"vault.{name}", value.reveal()) for name, value in values.items())]


def _end(day: str, zone: str) -> str:
    """The end of a day, in the zone of the protocol; what is no day goes as it is, and is answered."""
    try:
        found = datetime.fromisoformat(day).date()
    except ValueError:
        return day
    return datetime.combine(found, time(23, 59), ZoneInfo(zone)).isoformat()


def _one(filled: Filled, name: str) -> str:
    return next((value.strip() for each, value in filled if each == name), "")
