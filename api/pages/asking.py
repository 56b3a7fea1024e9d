"""Asks the API from inside, as whoever asked for a page: the same routes, checks, audit and limits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from starlette.datastructures import Headers
from starlette.types import Message, Scope

from api.edge import VALUES
from api.guard import UNSAFE
from api.identity import INSIDE
from api.pages.refusals import refusal
from protocol.names import Slug
from store.plain import Plain
from store.policy import Subject

PASSED_ON = (b"cookie", b"accept-language", b"host")


class Unanswered(Exception):
    """The API said no. ``code`` is stable, ``title`` a sentence for people, ``findings`` what is wrong with a text.

    ``after``: in how many seconds the same may be asked again, where it was asked too often.
    """

    def __init__(
        self, status: int, code: str, title: str, findings: tuple[dict[str, Any], ...] = (), after: int | None = None
    ) -> None:
        super().__init__(code)
        self.after = after
        self.findings = findings
        self.status = status
        self.code = code
        self.title = title


@dataclass(frozen=True, slots=True)
class Answer:
    """What a route answered."""

    status: int
    body: Any


class Api:
    """The API, as the person who sent a request; ``tongue`` is the language that they read."""

    def __init__(self, request: Request, tongue: str) -> None:
        self._request = request
        self._tongue = tongue
        self._asked = False
        self._who: Subject | None = None

    async def publish(self, text: str) -> Any:  # noqa: ANN401 - JSON of the route
        """Put a text in force.

        Raises:
            Unanswered: it has findings, or is not theirs to publish.
        """
        return (await self._ask("POST", "/protocols", {}, text.encode())).body

    async def get(self, path: str, **query: str | int) -> Any:  # noqa: ANN401 - JSON of the route
        """What a route shows.

        Raises:
            Unanswered: it shows nothing, and says why.
        """
        return (await self._ask("GET", path, query)).body

    async def tell(
        self,
        path: str,
        body: object = None,
        *,
        key: str | None = None,
        values: dict[Slug, Plain] | None = None,
        **query: str | int,
    ) -> Any:  # noqa: ANN401 - JSON of the route
        """Do something; ``key`` makes it once however often it is sent, ``values`` are protected ones.

        Raises:
            Unanswered: it was not done, and says why.
        """
        return (await self._ask("POST", path, query, body, key, values)).body

    async def replace(self, path: str, body: object) -> Any:  # noqa: ANN401 - JSON of the route
        """Put something in the place of what is there.

        Raises:
            Unanswered: it was not done, and says why.
        """
        return (await self._ask("PUT", path, {}, body)).body

    async def _ask(
        self,
        method: str,
        path: str,
        query: dict[str, str | int],
        body: object = None,
        key: str | None = None,
        values: dict[Slug, Plain] | None = None,
    ) -> Answer:
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        headers = [(name, value) for name, value in self._request.scope["headers"] if name in PASSED_ON]
        headers = [each for each in headers if each[0] != b"accept-language"]
        headers += [(b"accept-language", self._tongue.encode()), (b"content-type", b"application/json")]
        headers.append((b"content-length", str(len(data)).encode()))
        if method in UNSAFE:
            # The request for the page came from our own pages, or it would not be here.
            headers.append((b"sec-fetch-site", b"same-origin"))
        if key is not None:
            headers.append((b"idempotency-key", key.encode()))
        whole = f"/api/v1{path}"
        scope: Scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": self._request.scope["scheme"],
            "path": whole,
            "raw_path": whole.encode(),
            "query_string": urlencode(query).encode(),
            "root_path": "",
            "headers": headers,
            "client": self._request.scope["client"],
            "server": self._request.scope["server"],
            "state": {VALUES: values or {}, **self._known(method)},
            INSIDE: self._asked,
        }
        self._asked = True
        sent = await _sent(self._request.app, scope, data)
        # Who it is is found once for what one page shows, as it is for any one request; anew for what it changes.
        self._who = scope["state"].get("subject") if method == "GET" else None
        return _judged(self._tongue, *sent)

    def _known(self, method: str) -> dict[str, Subject]:
        return {"subject": self._who} if self._who is not None and method == "GET" else {}


async def _sent(
    app: Any,  # noqa: ANN401 - an ASGI application
    scope: Scope,
    data: bytes,
) -> tuple[int, bytes, int | None]:
    status, parts, after = 500, list[bytes](), None

    async def receive() -> Message:
        return {"type": "http.request", "body": data, "more_body": False}

    async def send(message: Message) -> None:
        nonlocal status, after
        if message["type"] == "http.response.start":
            status = message["status"]
            said = Headers(raw=message["headers"]).get("retry-after")
            after = None if said is None else int(said)
        elif message["type"] == "http.response.body":
            parts.append(message.get("body", b""))

    await app(scope, receive, send)
    return status, b"".join(parts), after


def _judged(tongue: str, status: int, data: bytes, after: int | None) -> Answer:
    body = json.loads(data) if data else {}
    if status < 400:
        return Answer(status, body)
    code = body.get("code", "UNEXPECTED") if isinstance(body, dict) else "UNEXPECTED"
    title = body.get("title", "") if isinstance(body, dict) else ""
    findings = body.get("findings", ()) if isinstance(body, dict) else ()
    raise Unanswered(status, code, refusal(tongue, code, title), tuple(findings), after)
