"""The edge: protected values are taken out of a request before routing, validation or logging see it.

Of a JSON body's ``vault`` object, and of a page's form fields that begin with ``vault.``, the handlers get the names
only; the values wait, as ``Plain``, which cannot be
printed, formatted, compared or pickled, until they are sealed to their keeper. Nothing behind the edge holds one.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlencode

from fastapi import Request
from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.deps import Services, now
from api.identity import INSIDE
from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from store import vault
from store.plain import Plain

MOST_FIELDS = 500
MOST = 1024 * 1024
"""Bytes of a request body."""
VALUES = "protected values"
FORM = b"application/x-www-form-urlencoded"
UPLOAD = b"multipart/form-data"
FORM_HEADER = (b"content-type", FORM)
FIELD = "vault."
BYTES = "latin-1"
"""How the bytes of a file are kept as the text of a protected value, one character each."""


class Edge:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on without its protected values."""
        if scope["type"] != "http" or scope["method"] not in ("POST", "PUT", "PATCH") or INSIDE in scope:
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        if body is None:
            await _too_large(send)
            return
        kind = dict(scope["headers"]).get(b"content-type", b"")
        if kind.startswith(UPLOAD):
            body = await _as_form(scope, body)
            scope = {**scope, "headers": [*(e for e in scope["headers"] if e[0] != b"content-type"), FORM_HEADER]}
        form = kind.startswith((FORM, UPLOAD))
        names, values = _out_of_form(body) if form else _taken_out(body)
        scope.setdefault("state", {})[VALUES] = values
        replayed = False

        async def again() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()
            replayed = True
            return {"type": "http.request", "body": names, "more_body": False}

        headers = [(name, value) for name, value in scope["headers"] if name != b"content-length"]
        headers.append((b"content-length", str(len(names)).encode()))
        await self._app({**scope, "headers": headers}, again, send)


async def _body(receive: Receive) -> bytes | None:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return b"".join(parts)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST:
            return None
        if not message.get("more_body", False):
            return b"".join(parts)


async def _as_form(scope: Scope, body: bytes) -> bytes:
    """A form with files as one without: each file is a protected value. It never leaves memory: a body is small."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    parser = MultiPartParser(Headers(raw=scope["headers"]), stream(), max_part_size=MOST)
    try:
        found = await parser.parse()
    except MultiPartException:
        return b""
    fields: list[tuple[str, str]] = []
    for name, value in found.multi_items():
        if isinstance(value, UploadFile):
            fields.append((f"{FIELD}{name}", (await value.read()).decode(BYTES)))
        else:
            fields.append((name, value))
    await found.close()
    return urlencode(fields).encode()


def _taken_out(body: bytes) -> tuple[bytes, dict[Slug, Plain]]:
    """The body with its ``vault`` reduced to names, and the values."""
    try:
        said: Any = json.loads(body)
    except (ValueError, RecursionError):
        return body, {}
    if not isinstance(said, dict) or "vault" not in said:
        return body, {}
    given = said["vault"]
    if not isinstance(given, dict) or not all(isinstance(each, str) for each in given.values()):
        # Something else than texts: replaced as a whole, so that no message can repeat it.
        said["vault"] = "withheld"
        return json.dumps(said).encode(), {}
    said["vault"] = sorted(given)
    return json.dumps(said).encode(), {name: Plain(value) for name, value in given.items()}


def _out_of_form(body: bytes) -> tuple[bytes, dict[Slug, Plain]]:
    """A form without its protected values; what was left empty is not there."""
    said, values = list[tuple[str, str]](), dict[Slug, Plain]()
    for name, value in parse_qsl(body.decode(errors="replace"), keep_blank_values=True, max_num_fields=MOST_FIELDS):
        if not name.startswith(FIELD):
            said.append((name, value))
        elif value.strip():
            values[name.removeprefix(FIELD)] = Plain(value)
            said.append(("vault", name.removeprefix(FIELD)))
    return urlencode(said).encode(), values


async def _too_large(send: Send) -> None:
    body = json.dumps({"title": "The request is too large.", "status": 413, "code": "TOO_LARGE"}).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def seal(
    request: Request, here: Services, protocol: Protocol, case_id: OpaqueId, command: OpaqueId
) -> dict[Slug, OpaqueId]:
    """Seal the request's protected values to their keepers; gives a reference for each.

    Raises:
        HandoffError: UNKNOWN_FIELD, VALUE_TOO_LONG or NO_CARD (see ``store.vault.seal``).
    """
    return await seal_values(here, protocol, case_id, command, request.scope.get("state", {}).get(VALUES, {}))


async def seal_values(
    here: Services, protocol: Protocol, case_id: OpaqueId, command: OpaqueId, values: Mapping[Slug, Plain]
) -> dict[Slug, OpaqueId]:
    """Seal values, as ``seal`` does those of a request."""
    if not values:
        return {}
    unknown = set(values) - set(protocol.slot)
    if unknown:
        raise HandoffError("UNKNOWN_FIELD", f"{min(unknown)} is not a protected field of this protocol")
    sealing = vault.Sealing(case_id=case_id, command_id=command, now=now())
    return await here.write(lambda connection: vault.seal(connection, protocol, sealing, values))


def note(request: Request, name: Slug = vault.NOTE) -> Plain | None:
    """What a request adds in words to a record of its sender's: the one protected value ``name``, or none.

    Raises:
        HandoffError: UNKNOWN_FIELD for any other.
    """
    values: dict[Slug, Plain] = request.scope.get("state", {}).get(VALUES, {})
    if set(values) - {name}:
        raise HandoffError("UNKNOWN_FIELD", f"{min(set(values) - {name})} is not taken here; write {name}")
    return values.get(name)


async def discard(here: Services, case_id: OpaqueId, command: OpaqueId) -> None:
    """Delete what a refused command brought."""
    await here.write(lambda connection: vault.discard(connection, case_id, command))
