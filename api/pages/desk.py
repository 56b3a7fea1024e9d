"""The advocate's desk, and everybody's: what I owe and by when, one item, and recording what happened."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api.deps import Here, Services
from api.edge import VALUES
from api.pages import drafts, forms
from api.pages.asking import Api, Unanswered
from api.pages.doors import at_the_door
from api.pages.forms import Filled
from api.pages.navigation import ways
from api.pages.rendering import page, say, tongue_of
from protocol.kernel import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
MOST = 100
"""Items on one page of the inbox."""
BOARD = "coordinator"


class Desk:
    """One request by somebody who is signed in: whom it is by, and the API as they see it."""

    def __init__(self, request: Request, here: Services) -> None:
        self.request = request
        self.here = here
        self.tongue = tongue_of(request)
        self.api = Api(request, self.tongue)
        self.who: dict[str, Any] = {}

    async def begin(self) -> Desk:
        """Learn who it is.

        Raises:
            Unanswered: nobody is signed in.
        """
        self.who = await self.api.get("/me")
        return self

    def page(self, template: str, title: str, *, status: int = 200, **told: Any) -> Response:  # noqa: ANN401 - as there
        """A page of theirs, with what they may go to."""
        nav = ways(self.who, self.tongue)
        return page(self.request, template, title, status=status, who=self.who, nav=nav, **told)

    async def refused(self, error: Unanswered, filled: Filled | None = None) -> Response:
        """The page for what the API did not do: the door when nobody is signed in, else a sentence."""
        if error.status == 401:
            draft = "" if filled is None else await self._kept(filled)
            wrong = say(self.tongue)("You were signed out. Nothing was lost.") if draft else ""
            return await at_the_door(self.request, self.here, draft=draft, wrong=wrong)
        nothing = error.status in {403, 404}
        says = say(self.tongue)("Nothing here for you.") if nothing else error.title
        return self.page("problem.html", "Item", status=error.status, says=says, code=error.code)

    async def _kept(self, filled: Filled) -> str:
        """What was written, sealed for its writer."""
        person = await drafts.writer(self.request, self.here)
        if person is None:
            return ""
        values: dict[Slug, Plain] = self.request.scope["state"].get(VALUES, {})
        whole = [each for each in filled if each[0] != "vault"]
        whole += [(f"vault.{name}", value.reveal()) for name, value in values.items()]
        return drafts.seal(self.here.account_key, person, self.request.url.path, whole)


async def filled_in(request: Request) -> Filled:
    """A form's fields as they came, protected ones by name only."""
    return [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]


@router.get("/i")
async def inbox(request: Request, here: Here) -> Response:
    """What I owe, by when."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        found = await desk.api.get("/tasks", limit=MOST)
    except Unanswered as error:
        return await desk.refused(error)
    late = [each for each in found["items"] if each["late"]]
    take = [each for each in found["items"] if not each["late"] and each["taken_at"] is None]
    rest = [each for each in found["items"] if each not in late and each not in take]
    groups = (("late", late), ("take", take), ("yours", rest))
    return desk.page("inbox.html", "Inbox", groups=groups, count=len(found["items"]), more=found["next"] is not None)


@router.get("/i/{task}")
async def item(request: Request, task: str, here: Here) -> Response:
    """One item: its clock, what is known before, and what may be done."""
    desk = Desk(request, here)
    try:
        await desk.begin()
        return await _item(desk, task)
    except Unanswered as error:
        return await desk.refused(error)


async def _item(desk: Desk, task: str, *, status: int = 200, wrong: str = "") -> Response:
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
    )


@router.post("/i/{task}/{act}")
async def act(request: Request, task: str, act: str, here: Here) -> Response:
    """Take it, log a try, hand it over."""
    desk, filled = Desk(request, here), await filled_in(request)
    told: dict[str, tuple[str, object]] = {
        "take": ("take", None),
        "try": ("attempts", None),
        "hand-over": ("reassign", {"role": dict(filled).get("role", "")}),
    }
    if act == "record":
        return await _record(desk, task, filled)
    if act not in told:
        return Response(status_code=404)
    path, body = told[act]
    try:
        await desk.begin()
        await desk.api.tell(f"/tasks/{task}/{path}", body, key=dict(filled).get("key") or None)
    except Unanswered as error:
        if error.status in {401, 403, 404}:
            return await desk.refused(error, filled)
        return await _item(desk, task, status=error.status, wrong=error.title)
    return RedirectResponse("/i" if act == "hand-over" else f"/i/{task}", 303)


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
        says = say(desk.tongue)("This was recorded already, or is not yours to record. Your words are below.")
        words = [(name, value) for name, value in filled if name not in {"key", "outcome"} and value]
        return desk.page("ended.html", "Item", status=409, item=found["task"], says=wrong or says, words=words)
    key = dict(filled).get("key") or token_urlsafe(12)
    return desk.page(
        "record.html", "Item", status=status, item=found["task"], form=form, zone=found["zone"], key=key,
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
        if error.status in {401, 403, 404}:
            return await desk.refused(error, filled)
        return await _form(desk, task, outcome, _words(filled, values), wrong=error.title, status=error.status)
    return await _form(desk, task, outcome, _words(filled, values))


def _words(filled: Filled, values: dict[Slug, Plain]) -> Filled:
    """Everything that was typed, for the same person's own page."""
    return [*filled, *((f"vault.{name}", value.reveal()) for name, value in values.items())]


@router.post("/draft")
async def restored(request: Request, here: Here) -> Response:
    """A form as it was when the session ended."""
    desk, filled = Desk(request, here), await filled_in(request)
    try:
        await desk.begin()
        draft = drafts.open_(here.account_key, desk.who["person"], dict(filled).get("draft", ""))
        if draft is None:
            says = say(desk.tongue)("These words are somebody else's, or too old to open.")
            return desk.page("problem.html", "Item", status=410, says=says, code="DRAFT_GONE")
        path, words = draft
        task = path.split("/")[2] if path.count("/") > 2 else ""
        return await _form(desk, task, dict(words).get("outcome", ""), words, lost=True)
    except Unanswered as error:
        return await desk.refused(error)
