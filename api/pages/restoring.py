"""A form that was being filled in when its session ended, shown again to its writer as they left it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request, Response

from api.deps import Here
from api.pages import drafts, items, permissions, sending
from api.pages.asking import Unanswered
from api.pages.desk import Desk, filled_in
from api.pages.forms import Filled
from api.pages.rendering import say

router = APIRouter(include_in_schema=False)
AGAIN: dict[str, Callable[[Desk, str, Filled], Awaitable[Response]]] = {
    "i": items.again,
    "c": permissions.again,
    "s": sending.again,
}
"""Who shows a form again, by the first word of the address that it was sent to."""


@router.post("/draft")
async def restored(request: Request, here: Here) -> Response:
    """Show it again."""
    desk, filled = Desk(request, here), await filled_in(request)
    try:
        await desk.begin()
        draft = drafts.open_(here.account_key, desk.who["person"], dict(filled).get("draft", ""))
        whose = None if draft is None else AGAIN.get(draft[0].split("/")[1])
        if draft is None or whose is None:
            says = say(desk.tongue)("These words are somebody else's, or too old to open.")
            return desk.page("problem.html", "Item", status=410, says=says, code="DRAFT_GONE")
        return await whose(desk, *draft)
    except Unanswered as error:
        return await desk.refused(error)
