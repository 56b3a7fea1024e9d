"""``Idempotency-Key``: a request that is sent again gets its first answer; another one under its key is refused.

What is kept of a request is a keyed hash, made behind the edge: protected values are only their fields' names by then,
and the key is not in the database, so that nothing with few possible values can be guessed from it. Of what a
confidential agency's people send, the key is their agency's, and the answer is sealed under it. A key is bound
before anything is done, so that it holds through a crash; a request that was refused is judged again when repeated.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute

from api.deps import Services, bearer, now, services, subject
from api.recording import recorded, repeated
from protocol.errors import HandoffError
from store import idempotency, people, sweeping
from store.idempotency import Asked, Stored

log = structlog.get_logger("api")
HEADER = "Idempotency-Key"
LONGEST = 200
NONCE = 12
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
            asked, secret = await _asked(request, here, key)
            before = await here.write(lambda connection: idempotency.claim(connection, asked, now()))
            if before is None:
                response = await handle(request)
                given = Stored(status=response.status_code, response=_kept(bytes(response.body), asked, secret))
                before = await here.write(lambda connection: idempotency.remember(connection, asked, given))
            else:
                await repeated(request, self.path)
            body = _given(before.response, asked, secret)
            return Response(body, status_code=before.status, media_type="application/json")

        return once


async def _asked(request: Request, here: Services, key: str) -> tuple[Asked, bytes | None]:
    """What is kept of a request; and of a confidential agency's people the key that its answer is sealed with."""
    who = await subject(request, here, await bearer(request))
    where = [request.method, request.url.path, request.url.query]
    secret = None
    if await here.read(lambda connection: people.is_confidential(connection, who.agency)):
        # What they answer is no secret from whoever has the installation's own keys and tries every outcome.
        secret = await run_in_threadpool(here.ring.agency_key, who.agency)
    with_ = secret or here.case_key
    asked = Asked(
        scope=who.person_id,
        # Clients make keys of what they have, a report's number too.
        key=_hash(with_, "idempotency-key", key),
        body_hash=_hash(with_, "request", *where, _plainly(await request.body())),
    )
    return asked, secret


def _kept(answer: bytes, asked: Asked, secret: bytes | None) -> bytes:
    """An answer as it is kept: of a confidential agency's people sealed."""
    if secret is None:
        return answer
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(secret).encrypt(nonce, answer, f"{asked.scope}|{asked.key}".encode())


def _given(kept: bytes, asked: Asked, secret: bytes | None) -> bytes:
    if secret is None:
        return kept
    return AESGCM(secret).decrypt(kept[:NONCE], kept[NONCE:], f"{asked.scope}|{asked.key}".encode())


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
