"""Around the whole application: limits of a request's head, where an unsafe request may come from, headers of answers.

Every answer passes here, also one to a request that nothing else has seen, and one to what went wrong without a name.
"""

from __future__ import annotations

import hmac
import json

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import cookies
from runtime.settings import Settings
from store.accounts import secrets

log = structlog.get_logger("api")
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Strict-Transport-Security": "max-age=63072000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
"""HSTS is for two years; browsers pass over it where there is no HTTPS."""

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
TOKEN = "X-Handoff-Token"  # noqa: S105 - a header's name
MOST_HEAD = 16 * 1024
"""Bytes of a request's headers."""

MOST_PATH = 4 * 1024
"""Bytes of a path with its query."""


class Guard:
    """ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass, with headers on whatever is answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def guarded(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        problem = self._refused(scope)
        if problem is not None:
            await answer(guarded, *problem)
            return
        try:
            await self._app(scope, receive, guarded)
        except Exception:
            log.exception("unexpected failure")
            if begun:
                raise
            says = "Something went wrong here. Nothing more is known to have changed."
            await answer(guarded, 500, "UNEXPECTED", says)

    def _refused(self, scope: Scope) -> tuple[int, str, str] | None:
        """Why a request goes no further; None when it may."""
        if len(scope["raw_path"]) + len(scope["query_string"]) > MOST_PATH:
            return 414, "TOO_LARGE", "The address is too long."
        if sum(len(name) + len(value) for name, value in scope["headers"]) > MOST_HEAD:
            return 431, "TOO_LARGE", "The headers are too large."
        if scope["method"] in UNSAFE and not self._from_here(scope):
            return 403, "CSRF", "This request comes from another site, or does not say from where; nothing was done."
        return None

    def _from_here(self, scope: Scope) -> bool:
        """Whether an unsafe request comes from our own pages, or from a program and not a browser.

        A browser says so itself (Sec-Fetch-Site, or else Origin). What says neither and brings a session's cookie has
        to bring that session's token; a bearer token is in no cookie, so no other site can make a browser send it.
        """
        headers = Headers(scope=scope)
        if "authorization" in headers:
            return True
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site == "same-origin"
        if origin is not None:
            return origin in self._origins(headers)
        session = cookies.session_token(Request(scope), self._settings)
        if session is None:
            return True
        key: bytes = scope["app"].state.services.account_key
        return hmac.compare_digest(headers.get(TOKEN, "").encode(), token_of(key, session).encode())

    def _origins(self, headers: Headers) -> tuple[str, ...]:
        if self._settings.public_url is not None:
            return (self._settings.public_url,)
        host = headers.get("host", "")
        return (f"http://{host}", f"https://{host}")


def token_of(key: bytes, session: str) -> str:
    """The token that a session's requests bring where a browser does not say from where they come."""
    return secrets.keyed(key, "csrf", secrets.kept(session))


async def answer(send: Send, status: int, code: str, title: str) -> None:
    """A problem, straight to the server."""
    said = {"type": f"urn:handoff:{code.lower()}", "title": title, "status": status, "code": code}
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
