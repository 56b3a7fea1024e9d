"""``Idempotency-Key``: a request that is sent again gets its first answer; another one under its key is refused.

What is kept of a request is a keyed hash, made behind the edge: protected values are only their fields' names by then,
and the key is not in the database, so that nothing with few possible values can be guessed from it. A key is bound
before anything is done, so that it holds through a crash; a request that was refused is judged again when repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from api.deps import Services, bearer, now, services, subject
from api.recording import recorded, repeated
from protocol.errors import HandoffError
from store import idempotency, sweeping
from store.idempotency import Asked, Stored

log = structlog.get_logger("api")
HEADER = "Idempotency-Key"
LONGEST = 200
SWEPT_EVERY = 3_600
"""Seconds between two looks for keys that have been kept long enough."""


class Once(APIRoute):
    """A route whose answers leave once written down, and whose POSTs are done once for each key of a person."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's handler, asked only for what was not answered before."""
        handle = recorded(super().get_route_handler(), self.path)

        async def once(request: Request) -> Response:
            key = request.headers.get(HEADER)
            if request.method != "POST" or not key:
                return await handle(request)
            if len(key) > LONGEST:
                raise HandoffError("KEY_TOO_LONG", f"an idempotency key has {LONGEST} characters at most")
            here = services(request)
            asked = await _asked(request, here, key)
            before = await here.write(lambda connection: idempotency.claim(connection, asked, now()))
            if before is None:
                response = await handle(request)
                given = Stored(status=response.status_code, response=bytes(response.body))
                before = await here.write(lambda connection: idempotency.remember(connection, asked, given))
            else:
                await repeated(request, self.path)
            return Response(before.response, status_code=before.status, media_type="application/json")

        return once


async def _asked(request: Request, here: Services, key: str) -> Asked:
    who = await subject(request, here, await bearer(request))
    where = [request.method, request.url.path, request.url.query]
    return Asked(
        scope=who.person_id,
        # Clients make keys of what they have, a report's number too.
        key=_hash(here.case_key, "idempotency-key", key),
        body_hash=_hash(here.case_key, "request", *where, _plainly(await request.body())),
    )


def _hash(key: bytes, *parts: str) -> str:
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def _plainly(body: bytes) -> str:
    """A body without what means nothing: spacing and the order of names."""
    try:
        return json.dumps(json.loads(body), sort_keys=True)
    except (ValueError, RecursionError):
        return body.hex()


async def forget_keys(here: Services) -> None:
    """Drop keys that have been kept long enough, and sign-ins that are over, now and then, until cancelled."""
    while True:
        try:
            await run_in_threadpool(sweeping.forget_keys, here.database, now())
            await run_in_threadpool(sweeping.forget_sign_ins, here.database, now())
        except HandoffError as error:
            log.warning("keys not swept", code=error.code)
        await asyncio.sleep(SWEPT_EVERY)
