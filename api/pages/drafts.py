"""What was being written when a session ended: sealed for its writer, carried by the page through signing in again.

Nothing is kept here. The browser holds a text that it cannot read, and that opens for the same person alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import Request

from api import cookies
from api.deps import Services, now
from store.accounts import sessions

LASTS = 20 * 60 * 60 * 1_000_000
"""Microseconds for which a draft opens."""
NONCE = 12


def seal(key: bytes, person: str, path: str, form: list[tuple[str, str]]) -> str:
    """A form as text that nobody but its writer can open again here."""
    nonce = os.urandom(NONCE)
    said = json.dumps({"at": now(), "path": path, "form": form}).encode()
    return base64.urlsafe_b64encode(nonce + AESGCM(_key(key)).encrypt(nonce, said, person.encode())).decode()


def open_(key: bytes, person: str, sealed: str) -> tuple[str, list[tuple[str, str]]] | None:
    """The path and form of a draft; None if it is another's, too old, or no draft."""
    try:
        data = base64.urlsafe_b64decode(sealed.encode())
        said = json.loads(AESGCM(_key(key)).decrypt(data[:NONCE], data[NONCE:], person.encode()))
    except (ValueError, InvalidTag):
        return None
    if now() - said["at"] > LASTS:
        return None
    return said["path"], [(name, value) for name, value in said["form"]]


async def writer(request: Request, here: Services) -> str | None:
    """Whose session it was that has ended, if it is still known."""
    token = cookies.session_token(request, here.settings)
    if token is None:
        return None
    return await here.read(lambda connection: sessions.whose(connection, token))


def _key(key: bytes) -> bytes:
    return hashlib.sha256(b"draft" + key).digest()
