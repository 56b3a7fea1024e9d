"""A software authenticator: real WebAuthn registrations and assertions, with a key pair of its own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import struct
from typing import Any

import cbor2
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

USER_PRESENT, USER_VERIFIED, ATTESTED = 0x01, 0x04, 0x40
Json = dict[str, Any]


class Authenticator:
    """One device with one passkey; ``verifies``: whether it looks at finger, face or PIN; ``counts``: its counter."""

    def __init__(self, origin: str, *, verifies: bool = True) -> None:
        self.origin = origin
        self.verifies = verifies
        self.counts = 0
        self.credential = os.urandom(32)
        self.key = ec.generate_private_key(ec.SECP256R1())

    def register(self, options: Json) -> Json:
        """What navigator.credentials.create() gives for these options."""
        client = self._client("webauthn.create", options["challenge"])
        data = self._data(options["rp"]["id"], ATTESTED) + bytes(16) + struct.pack(">H", len(self.credential))
        made = {"fmt": "none", "attStmt": {}, "authData": data + self.credential + cbor2.dumps(self._public())}
        return self._answer({"clientDataJSON": _text(client), "attestationObject": _text(cbor2.dumps(made))})

    def answer(self, options: Json) -> Json:
        """What navigator.credentials.get() gives for these options."""
        self.counts += 1
        client = self._client("webauthn.get", options["challenge"])
        data = self._data(options["rpId"], 0)
        signature = self.key.sign(data + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        said = {"clientDataJSON": _text(client), "authenticatorData": _text(data), "signature": _text(signature)}
        return self._answer(said)

    def _client(self, kind: str, challenge: str) -> bytes:
        return json.dumps({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": False}).encode()

    def _data(self, host: str, flags: int) -> bytes:
        flags |= USER_PRESENT | (USER_VERIFIED if self.verifies else 0)
        return hashlib.sha256(host.encode()).digest() + struct.pack(">BI", flags, self.counts)

    def _public(self) -> dict[int, int | bytes]:
        numbers = self.key.public_key().public_numbers()
        # COSE: an elliptic curve key (2) for ES256 (-7) on P-256 (1).
        return {1: 2, 3: -7, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}

    def _answer(self, response: Json) -> Json:
        id_ = _text(self.credential)
        return {"id": id_, "rawId": id_, "type": "public-key", "response": response, "clientExtensionResults": {}}


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
