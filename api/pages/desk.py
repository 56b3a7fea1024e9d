"""The desk of whoever is signed in: whom a page is for, what becomes of a form, and what they owe by when."""

from __future__ import annotations

from secrets import token_urlsafe
from typing import Any

from fastapi import APIRouter, Request, Response

from api import hints
from api.deps import Here, Services
from api.edge import VALUES
from api.pages import drafts
from api.pages.asking import Api, Unanswered
from api.pages.doors import at_the_door
from api.pages.forms import Filled
from api.pages.navigation import Nav, ways
from api.pages.rendering import again_after, page, say, tongue_of
from protocol.names import Slug
from store.plain import Plain

router = APIRouter(include_in_schema=False)
BOARD = "coordinator"
GROUPS = ("late", "take", "yours", "others", "practice")
PASSED = {"told": True, "untold": False}
"""What the inbox says after somebody passed an item on: whether the next person hears of it by text."""
NOT_KEPT = frozenset({"vault", "password", "code"})
"""Fields of a form that no draft keeps as they are: protected ones by name, and what shows who somebody is."""


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
        # Who asks too often is not even told who they are: no way leads on, but Hide is there.
        nav = ways(self.who, self.tongue) if self.who else Nav()
        told = {"practice": practised(told), **told}
        return page(self.request, template, title, status=status, who=self.who, nav=nav, **told)

    async def refused(self, error: Unanswered, filled: Filled | None = None) -> Response:
        """The page for what the API did not do: the door when nobody is signed in, else a sentence."""
        if error.status == 401:
            draft = "" if filled is None else await self._kept(filled)
            wrong = say(self.tongue)("You were signed out. Nothing was lost.") if draft else ""
            return await at_the_door(self.request, self.here, draft=draft, wrong=wrong)
        nothing = error.status in {403, 404}
        says = say(self.tongue)("Nothing here for you.") if nothing else error.title
        made = self.page("problem.html", "Item", status=error.status, says=says, code=error.code)
        return again_after(made, error.after)

    async def _kept(self, filled: Filled) -> str:
        """What was written, sealed for its writer."""
        person = await drafts.writer(self.request, self.here)
        if person is None:
            return ""
        values: dict[Slug, Plain] = self.request.scope["state"].get(VALUES, {})
        whole = [each for each in filled if each[0] not in NOT_KEPT]
        whole += [(f"vault.{name}", value.reveal()) for name, value in values.items()]
        return drafts.seal(self.here.account_key, person, self.request.url.path, whole)


def practised(told: dict[str, Any]) -> bool:
    """Whether a page is about a practice case, and so has to say that it is."""
    about = [told.get(each) for each in ("item", "case")]
    # A case's page has the case itself, an item's page all that is known of it.
    about += [each.get("case") for each in about if isinstance(each, dict)]
    return any(each.get("practice") for each in about if isinstance(each, dict))


async def filled_in(request: Request) -> Filled:
    """A form's fields as they came, protected ones by name only."""
    return [(name, value) for name, value in (await request.form()).multi_items() if isinstance(value, str)]


@router.get("/i")
async def inbox(request: Request, here: Here) -> Response:
    """What I owe, by when, the most urgent first; ``after`` in the address is where a further page begins."""
    desk, after = Desk(request, here), request.query_params.get("after", "")
    try:
        await desk.begin()
        # A live hint is of what the inbox begins with.
        asked = {"cursor": after} if after else {"marked": "true"}
        found = await desk.api.get("/tasks", limit=hints.INBOX, told="false", **asked)
    except Unanswered as error:
        return await desk.refused(error)
    rows, groups = found["items"], dict[str, list[Any]]()
    for each in rows:
        groups.setdefault(_group(each), []).append(each)
    count = len(rows) - len(groups.get("others", ())) - len(groups.get("practice", ()))
    said = PASSED.get(request.query_params.get("passed", ""))
    return desk.page(
        "inbox.html", "Inbox", groups=[(name, groups[name]) for name in GROUPS if name in groups], count=count,
        following=found["next"], passed=said, mark=found.get("mark", ""), key=token_urlsafe(12),
    )  # fmt: skip


def _group(each: dict[str, Any]) -> str:
    if each["practice"]:
        # Under everything that is real, however late it is.
        return "practice"
    if each["late"]:
        return "late"
    if each["yours"]:
        return "yours"
    return "take" if each["taken_at"] is None or each["holder"] is None else "others"
