"""Random secrets, how they are kept, and what is sealed so that it can be read again."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from protocol.errors import HandoffError

KEY = "accounts.key"
"""The file of the key folder that seals what the database keeps of sign-in."""

NONCE = 12


def new() -> str:
    """256 random bits, as text for a cookie, a link or a header."""
    return secrets.token_urlsafe(32)


def new_id() -> str:
    """A random name of 12 characters, for what is spoken of and no secret."""
    return secrets.token_hex(6)


def kept(secret: str) -> str:
    """The form in which a random secret is kept: nothing can be tried against 256 bits, so a plain hash suffices."""
    return hashlib.sha256(secret.encode()).hexdigest()


def keyed(key: bytes, *parts: str) -> str:
    """A keyed hash, for what could be guessed otherwise (a name that was typed)."""
    return hmac.new(key, json.dumps(parts).encode(), hashlib.sha256).hexdigest()


def seal(key: bytes, data: bytes, bound_to: str) -> bytes:
    """Seal under the site's key; it opens only where it belongs."""
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, data, bound_to.encode())


def unseal(key: bytes, sealed: bytes, bound_to: str) -> bytes:
    """Open what ``seal`` made.

    Raises:
        HandoffError: ``ACCOUNT_SEALED`` when it was altered, moved, or sealed under another key.
    """
    try:
        return AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound_to.encode())
    except (InvalidTag, ValueError) as error:
        raise HandoffError("ACCOUNT_SEALED", f"an account does not open with this {KEY}: restore its backup") from error
