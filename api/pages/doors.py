"""In and out: sign in with a password and a code, try things out as a placeholder, hide, choose a language."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from api import cookies
from api.deps import Here, Services, now
from api.pages.asking import Api, Unanswered
from api.pages.refusals import refusal
from api.pages.rendering import HEADERS, TONGUE, again_after, kept, page, say, tongue_of
from api.signin import SignIn, sign_in
from protocol.errors import HandoffError
from protocol.languages import TONGUES
from runtime.limits import TooMany
from store import people
from store.accounts import sessions
from store.policy import SubjectKind

router = APIRouter(include_in_schema=False)
QUIET = "handoff-hide"
"""The cookie with where Hide leads to on this device."""
QUIET_PLACES = {
    "weather": "https://www.weather.gov/",
    "encyclopedia": "https://www.wikipedia.org/",
    "maps": "https://www.openstreetmap.org/",
}
"""Where Hide may lead to: pages that anybody looks at."""
YEAR = 365 * 24 * 60 * 60
INBOX = "/i"


@router.get("/static/{name}")
async def static(name: str) -> Response:
    """The style sheet and the script."""
    return kept(name)


@router.get("/favicon.ico")
async def icon() -> Response:
    """No sign in a tab: it could be seen by the wrong person."""
    return Response(status_code=204)


@router.get("/")
async def home() -> Response:
    """To what I owe."""
    return RedirectResponse(INBOX, 303)


@router.get("/in")
async def door(request: Request, here: Here) -> Response:
    """The door."""
    return await at_the_door(request, here)


async def at_the_door(
    request: Request, here: Services, *, draft: str = "", login: str = "", wrong: str = "", status: int = 200
) -> Response:
    """The door; with ``draft`` what was being written waits for its writer."""
    practice: list[tuple[str, str, str]] = []
    if here.settings.demonstration:
        found = await here.read(people.people)
        persons = [each for each in found if each.kind is SubjectKind.PERSON and each.active]
        practice = [
            (each.id, each.name, each.agency) for each in sorted(persons, key=lambda each: (each.agency, each.name))
        ]
    return page(
        request, "door.html", "Sign in", status=status, practice=practice, draft=draft, login=login, wrong=wrong
    )


@router.post("/in")
async def enter(
    request: Request,
    here: Here,
    login: Annotated[str, Form(max_length=254)] = "",
    password: Annotated[str, Form(max_length=256)] = "",
    code: Annotated[str, Form(max_length=40)] = "",
    draft: Annotated[str, Form(max_length=200_000)] = "",
) -> Response:
    """Sign in; whatever is wrong has one sentence. A form with an empty field is no try, and costs none."""
    if not (login.strip() and password and code.strip()):
        wrong = say(tongue_of(request))("Give your name, your password and a code.")
        return await at_the_door(request, here, draft=draft, login=login, wrong=wrong, status=401)
    made = _onward(request, draft)
    try:
        await sign_in(request, made, SignIn(login=login, password=password, code=code), here)
    except TooMany as error:
        wrong = refusal(tongue_of(request), error.code, error.message)
        shown = await at_the_door(request, here, draft=draft, login=login, wrong=wrong, status=429)
        return again_after(shown, error.after)
    except HandoffError as error:
        wrong = refusal(tongue_of(request), error.code, error.message)
        return await at_the_door(request, here, draft=draft, login=login, wrong=wrong, status=401)
    return made


@router.post("/in/practice")
async def practise(
    request: Request,
    here: Here,
    person: Annotated[str, Form(max_length=64)],
    draft: Annotated[str, Form(max_length=200_000)] = "",
) -> Response:
    """Be a placeholder person, where there are such: nobody stands behind one, and no real case is there."""
    found = await here.read(lambda connection: people.subject_of(connection, person))
    if not here.settings.demonstration or found is None or found.kind is not SubjectKind.PERSON:
        return await at_the_door(request, here, wrong=say(tongue_of(request))("Nobody here has that name."), status=401)
    token = await here.write(lambda connection: sessions.begin(connection, person, "practice", now()))
    made = _onward(request, draft)
    cookies.give(made, here.settings, cookies.SESSION, token, sessions.LONGEST // 1_000_000)
    return made


def _onward(request: Request, draft: str) -> Response:
    """To the inbox; to what was being written, if a session ended meanwhile."""
    if not draft:
        return RedirectResponse(INBOX, 303)
    return page(request, "kept.html", "Sign in", draft=draft)


@router.post("/hide")
async def hide(request: Request, here: Here) -> Response:
    """Away at once: the session ends here and on the way to a page that anybody looks at."""
    with suppress(Unanswered):
        await Api(request, tongue_of(request)).tell("/sign-out")
    made = RedirectResponse("/in", 303) if request.query_params.get("to") == "door" else away(request)
    cookies.take(made, here.settings, cookies.SESSION)
    # Without "storage": the known device stays known. The pages themselves are gone from the browser's memory.
    made.headers["Clear-Site-Data"] = '"cache"'
    return made


def away(request: Request) -> Response:
    """An empty page at once, which goes on by itself to a page that anybody looks at.

    No redirect: browsers hold a form's redirect to form-action too, and would stay where they were.
    """
    to = QUIET_PLACES.get(request.cookies.get(QUIET, ""), QUIET_PLACES["weather"])
    return HTMLResponse("", headers={**HEADERS, "Refresh": f"0; url={to}"})


@router.post("/hat")
async def hat(request: Request, here: Here, hat: Annotated[str, Form(max_length=64)]) -> Response:
    """Put on the other hat: watch between agencies, or work in one's own; never both at once."""
    try:
        await Api(request, tongue_of(request)).tell("/session/hat", {"hat": hat})
    except Unanswered as error:
        return await at_the_door(request, here, wrong=error.title, status=error.status)
    return RedirectResponse(INBOX, 303)


@router.post("/language")
async def language(here: Here, tongue: Annotated[str, Form()], back: Annotated[str, Form()] = "/i") -> Response:
    """Choose the language; the page stays."""
    safe = back if back.startswith("/") and not back.startswith("//") else INBOX
    made = RedirectResponse(safe, 303)
    if tongue in TONGUES:
        cookies.give(made, here.settings, TONGUE, tongue, YEAR)
    return made
