"""Getting in for the first time by a steward's link, and signing in at an agency's own service."""

from __future__ import annotations

from typing import Annotated

import segno
from fastapi import APIRouter, Form, Request, Response
from markupsafe import Markup

from api import oidc_sign_in, signin
from api.deps import Here
from api.pages.doors import at_the_door
from api.pages.refusals import refusal
from api.pages.rendering import again_after, page, tongue_of
from api.signin import Enrol, Link
from protocol.errors import HandoffError
from runtime.limits import TooMany

router = APIRouter(include_in_schema=False)
LinkText = Annotated[str, Form(max_length=300)]
Text = Annotated[str, Form(max_length=256)]


@router.get("/enrol")
async def enrol(request: Request) -> Response:
    """The page of every link. What stands behind the # of one no browser sends: a script puts it in, or the person."""
    return page(request, "enrol.html", "Sign in", link="", login="", wrong="")


@router.post("/enrol")
async def begin(request: Request, here: Here, link: LinkText = "", login: Text = "") -> Response:
    """Open the link: the secret for the authenticator."""
    try:
        made = await signin.begin(request, Link(link=secret_of(link), login=login[:254]), here)
    except HandoffError as error:
        return page(
            request, "enrol.html", "Sign in", status=_status(error), link=link, login=login, wrong=_says(request, error)
        )
    shown = {"secret": made.secret, "uri": made.uri, "link": secret_of(link), "login": login, "wrong": ""}
    return page(request, "enrol_choose.html", "Sign in", status=200, picture=picture(made.uri), **shown)


@router.post("/enrol/finish")
async def finish(  # noqa: PLR0913, PLR0917 - the fields of one form
    request: Request,
    here: Here,
    link: LinkText = "",
    login: Text = "",
    password: Text = "",
    code: Annotated[str, Form(max_length=40)] = "",
    secret: Text = "",
    uri: Annotated[str, Form(max_length=1000)] = "",
) -> Response:
    """Choose a password and prove the authenticator; ten codes for paper, shown this once."""
    try:
        chosen = Enrol(link=secret_of(link), login=login[:254], password=password, code=code)
        made = await signin.finish(request, chosen, here)
    except HandoffError as error:
        shown = {"secret": secret, "uri": uri, "link": link, "login": login, "wrong": _says(request, error)}
        return page(request, "enrol_choose.html", "Sign in", status=_status(error), picture=picture(uri), **shown)
    return page(request, "codes.html", "Sign in", codes=made.codes)


@router.post("/in/service")
async def service(request: Request, here: Here, service: Text = "", link: LinkText = "") -> Response:
    """Begin signing in at an agency's own service, by the word that its people know it by."""
    given = Response()
    try:
        body = oidc_sign_in.Begin(link=secret_of(link) or None)
        to = await oidc_sign_in.begin(service.strip().lower(), request, given, body, here)
    except HandoffError as error:
        shown_ = await at_the_door(request, here, wrong=_says(request, error), status=_status(error))
        return again_after(shown_, _after(error))
    # No redirect: a form's answer may lead to our own pages only.
    made = page(request, "away.html", "Sign in", url=to.url)
    for name, value in given.raw_headers:
        if name == b"set-cookie":
            made.raw_headers.append((name, value))
    made.headers["Refresh"] = f"0; url={to.url}"
    return made


def picture(uri: str) -> Markup:
    """A link for another device's camera (ISO/IEC 18004): dark on light, whatever colours the page has."""
    drawn = segno.make(uri, error="m", micro=False)
    return Markup(drawn.svg_inline(scale=4, border=4, dark="#000", light="#fff", lineclass=None))  # noqa: S704 - drawn here


def secret_of(link: str) -> str:
    """What stands behind the # of a link, or the whole of what was typed."""
    return link.strip().rpartition("#")[2][:64]


def _status(error: HandoffError) -> int:
    return 429 if isinstance(error, TooMany) else 422


def _says(request: Request, error: HandoffError) -> str:
    return refusal(tongue_of(request), error.code, error.message)


def _after(error: HandoffError) -> int | None:
    return error.after if isinstance(error, TooMany) else None
