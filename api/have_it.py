"""The "I have it" link of a page: one button that shows no case, and what it does: take the task up, nothing else."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from api.deps import Here, now
from api.identity import address
from api.oidc_sign_in import PAGE_HEADERS
from api.tasks import take_up
from api.views import Spoken
from protocol.errors import HandoffError
from runtime import limits
from store import people
from store.accounts import have_it, secrets

router = APIRouter(prefix="/have-it", include_in_schema=False)
BUTTON = '<form method="post"><button>I have it</button></form>'
TAKEN = "<p>You have it. Sign in to see what it is.</p>"
OVER = "<p>This link is over, or was used. Sign in to see what you owe.</p>"


def _page(said: str, status: int = 200) -> HTMLResponse:
    text = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Handoff</title>{said}</html>'
    return HTMLResponse(text, status_code=status, headers=PAGE_HEADERS)


@router.get("/{token}")
async def look(token: str) -> HTMLResponse:
    """The page of every link: it asks nobody, so it says nothing of a link that is over either."""
    _ = token
    return _page(BUTTON)


@router.post("/{token}")
async def say(token: str, request: Request, here: Here, tongue: Spoken) -> HTMLResponse:
    """Take the task up for the link's person, and nothing else."""
    at = now()
    here.limits.take(("stranger", address(request)), limits.STRANGER, at)
    try:
        task, person = await here.read(lambda connection: have_it.meant(connection, token, at))
        who = await here.read(lambda connection: people.subject_of(connection, person))
        if who is None:
            return _page(OVER, 410)
        # One command however often the button is pressed.
        await take_up(here, who, task, tongue, f"have-it|{secrets.kept(token)}")
        await here.write(lambda connection: have_it.use(connection, token, at))
    except HandoffError as error:
        if error.code.startswith(("DATABASE_", "TEMPORAL_", "UNANSWERED", "TOO_MANY")):
            raise
        return _page(OVER, 410)
    return _page(TAKEN)
