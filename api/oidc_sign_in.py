"""Signing in at an agency's own service: sent there, come back to a page with one button, signed in by that button.

The way back is a GET, and a GET changes nothing here: the page only hands what it was given to a POST of our own.
"""

from __future__ import annotations

import hmac
from html import escape
from urllib.parse import parse_qs

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import Field

from api import cookies
from api.deps import Here, Services, now
from api.identity import address
from api.views import Closed
from protocol.errors import HandoffError
from protocol.names import Slug
from runtime import limits, oidc
from runtime.oidc import Asked, Shown, SignInService
from store.accounts import challenges, identities, secrets, sessions
from store.accounts.decisions import decided
from store.policy import unknown
from store.session import Connection

router = APIRouter(prefix="/sign-in/service")
BACK = "/api/v1/sign-in/service"
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'",
    # With no-referrer a browser would say of the form's origin only: null.
    "Referrer-Policy": "same-origin",
}


class Begin(Closed):
    """A steward's link, for whoever signs in this way for the first time."""

    link: str | None = Field(default=None, max_length=64)


class Away(Closed):
    """Where the browser goes."""

    url: str


@router.post("/finish")
async def finish(request: Request, here: Here) -> RedirectResponse:
    """The button of that page: sign in."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    form = {name: values[0] for name, values in parse_qs((await request.body()).decode(errors="replace")).items()}
    token, _, browser = request.cookies.get(cookies.name_of(here.settings, cookies.SERVICE), "").partition(".")
    at = now()
    known = await here.write(lambda connection: challenges.take(connection, here.account_key, "service", token, at))
    same = hmac.compare_digest(known["state"].encode(), form.get("state", "").encode())
    if not same or known["browser"] != secrets.kept(browser):
        raise HandoffError("CHALLENGE_OVER", "this did not begin in this browser; begin again")
    service = _service(here, known["service"])
    asked = Asked(state=known["state"], nonce=known["nonce"], verifier=known["verifier"], url="")
    try:
        found = await oidc.finish(service, here.settings.origin + BACK, form.get("code", ""), asked, at // 1_000_000)
        session = await here.write(lambda connection: _welcome(connection, service, found, known["link"], at))
    except HandoffError as error:
        code = error.code.lower().replace("_", "-")
        await here.write(
            lambda connection: decided(
                connection, "sign-in", at, person=None, agency=service.agency, allowed=False, reason=code
            )
        )
        raise
    answer = RedirectResponse("/", status_code=303)
    cookies.give(answer, here.settings, cookies.SESSION, session, sessions.LONGEST // 1_000_000)
    cookies.take(answer, here.settings, cookies.SERVICE)
    return answer


@router.post("/{service}")
async def begin(service: Slug, request: Request, response: Response, body: Begin, here: Here) -> Away:
    """Begin signing in at an agency's service."""
    here.limits.take(("stranger", address(request)), limits.STRANGER, now())
    asked = await oidc.begin(_service(here, service), here.settings.origin + BACK)
    browser = secrets.new()
    detail = {
        "service": service,
        "nonce": asked.nonce,
        "verifier": asked.verifier,
        "state": asked.state,
        "browser": secrets.kept(browser),
        "link": body.link or "",
    }
    token = await here.write(lambda connection: challenges.put(connection, here.account_key, "service", detail, now()))
    # The cookie binds what comes back to this browser; without it somebody could sign another in as themselves.
    cookies.give(response, here.settings, cookies.SERVICE, f"{token}.{browser}", cookies.SERVICE_SECONDS)
    return Away(url=asked.url)


@router.get("")
async def back(code: str = "", state: str = "") -> HTMLResponse:
    """The way back from the service: a page with one button."""
    fields = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value[:2048], quote=True)}">'
        for name, value in (("code", code), ("state", state))
    )
    form = f'<form method="post" action="{BACK}/finish">{fields}<button>Sign in</button></form>'
    said = form if code and state else "<p>The sign-in service sent nobody back. Begin again.</p>"
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Handoff</title><h1>Handoff</h1>{said}</html>'
    return HTMLResponse(page, headers=PAGE_HEADERS)


def _welcome(connection: Connection, service: SignInService, found: Shown, link: str, at: int) -> str:
    if link:
        named = (service.id, service.agency, service.issuer)
        person_id = identities.link(connection, named, found.subject, link, at)
    else:
        person_id = identities.find(connection, service.agency, service.issuer, found.subject)
    decided(connection, "sign-in", at, person=person_id, agency=service.agency, reason=service.id)
    return sessions.begin(connection, person_id, service.id, at, stepped_up_at=min(at, found.at * 1_000_000))


def _service(here: Services, id_: Slug) -> SignInService:
    found = next((each for each in here.services if each.id == id_), None)
    if found is None:
        raise unknown("sign-in service")
    return found
