"""What Temporal stores of a case: compressed, padded, encrypted under the case's own key.

Everything a case sends through Temporal passes here: inputs, results, updates, failures. The server, its database
and its operator see the protocol's slug, an opaque case id, handler names, sizes to the next power of two and times.
AES-256-GCM binds each payload to its namespace, case and key, so one moved to another case does not open.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import zlib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from protocol.errors import HandoffError

ENCODING = b"binary/handoff-1"
BLOCK = 1024
NONCE = 12
LENGTH = 4
CASE_KEY = "cases.key"
"""The file, in the folder of engine keys, of the secret that case ids are made with (``site_secret``)."""
SITE = "site"
"""The key of what belongs to no case (schedules, and handles taken without a case)."""


class CaseKeys(Protocol):
    """Where a case's key comes from. Its id travels with each payload, so that several kinds live side by side."""

    def begin(self, case_id: str, agencies: Sequence[str]) -> None:
        """Make the keys of a new case, in whose protocol these agencies are confidential."""
        ...

    def key_for(self, case_id: str, key_id: str | None = None) -> tuple[str, bytes]:
        """A key's id and its 32 bytes: the one of that id, or the one that seals what is new.

        Raises:
            HandoffError: no such key is to be had here, or not now.
        """
        ...

    def at_hand(self, case_id: str, key_id: str | None = None) -> bool:
        """Whether ``key_for`` answers from memory, without a database or a custodian."""
        ...


class DerivedCaseKeys:
    """Case keys derived from one secret of the installation, kept in a file only its owner can read.

    What belongs to no case is sealed with them, and what was stored before each case had a random key of its own.
    """

    ID = "derived-1"

    def __init__(self, folder: Path) -> None:
        """Load the secret, creating it on the first run.

        Raises:
            HandoffError: KEY_FILE_OPEN when others may read the file.
        """
        self._secret = site_secret(folder, "engine.key")

    def begin(self, case_id: str, agencies: Sequence[str]) -> None:
        """Nothing is made: every case has its key already."""

    def key_for(self, case_id: str, key_id: str | None = None) -> tuple[str, bytes]:  # noqa: ARG002 - there is one
        """The case's key: HKDF of the secret with the case id."""
        return self.ID, _derive(self._secret, case_id)

    def at_hand(self, case_id: str, key_id: str | None = None) -> bool:  # noqa: ARG002 - as above
        """Always."""
        return True


@lru_cache(maxsize=100_000)
def _derive(secret: bytes, case_id: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"handoff/1|case|{case_id}".encode()).derive(secret)


def site_secret(folder: Path, name: str) -> bytes:
    """A 32-byte secret in a file of the key folder (0600 in 0700), made on first use.

    Raises:
        HandoffError: KEY_FILE_OPEN when others may read it, KEY_FILE when it is not 32 bytes.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / name
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        pass
    else:
        with os.fdopen(descriptor, "wb") as out:
            out.write(os.urandom(32))
            out.flush()
            os.fsync(out.fileno())
    if path.stat().st_mode & 0o077:
        raise HandoffError("KEY_FILE_OPEN", f"{path} can be read by others. Run: chmod 600 {path}")
    secret = path.read_bytes()
    if len(secret) != 32:
        raise HandoffError("KEY_FILE", f"{path} does not hold a key. Restore it from its backup.")
    return secret


def site_token(folder: Path, name: str) -> str:
    """A token in a file of the key folder, as text for programs of the operator's to read; made on first use.

    Raises:
        HandoffError: as ``site_secret``.
    """
    path = folder / name
    token = hashlib.sha256(b"handoff/1|token|" + site_secret(folder, f"{name}.key")).hexdigest()
    if not path.exists():
        part = folder / f"{name}.{os.urandom(4).hex()}.part"
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(token)
        part.rename(path)
    return token


class CaseCodec(PayloadCodec, WithSerializationContext):
    """Encrypts payloads under the key of the case they belong to."""

    def __init__(self, keys: CaseKeys, namespace: str = "", case_id: str = SITE) -> None:
        self._keys = keys
        self._namespace = namespace
        self._case_id = case_id

    def with_context(self, context: SerializationContext) -> CaseCodec:
        """The codec of one case."""
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext) and context.workflow_id:
            return CaseCodec(self._keys, context.namespace, context.workflow_id)
        return self

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Compress, pad and encrypt."""
        key_id, key = await self._key(None)
        return [self._sealed(each, key_id, key) for each in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Decrypt what this codec encrypted; anything else passes as it is.

        Raises:
            HandoffError: PAYLOAD_SEALED when a payload was altered or belongs to another case; what ``CaseKeys``
                says when its key is not to be had.
        """
        return [await self._opened(each) if each.metadata.get("encoding") == ENCODING else each for each in payloads]

    async def begin(self, case_id: str, agencies: Sequence[str]) -> None:
        """Make a new case's keys, before anything of it is sent; see ``CaseKeys.begin``."""
        await asyncio.to_thread(self._keys.begin, case_id, agencies)

    async def _key(self, key_id: str | None) -> tuple[str, bytes]:
        if self._keys.at_hand(self._case_id, key_id):
            return self._keys.key_for(self._case_id, key_id)
        return await asyncio.to_thread(self._keys.key_for, self._case_id, key_id)

    def _sealed(self, payload: Payload, key_id: str, key: bytes) -> Payload:
        nonce = os.urandom(NONCE)
        plain = _padded(zlib.compress(payload.SerializeToString(), 6))
        data = nonce + AESGCM(key).encrypt(nonce, plain, self._bound_to(key_id))
        return Payload(metadata={"encoding": ENCODING, "key": key_id.encode()}, data=data)

    async def _opened(self, payload: Payload) -> Payload:
        key_id = payload.metadata.get("key", b"").decode(errors="replace")
        _, key = await self._key(key_id)
        try:
            plain = AESGCM(key).decrypt(payload.data[:NONCE], payload.data[NONCE:], self._bound_to(key_id))
            size = int.from_bytes(plain[:LENGTH], "big")
            return Payload.FromString(zlib.decompress(plain[LENGTH : LENGTH + size]))
        except (InvalidTag, ValueError, zlib.error) as error:
            says = "A stored payload does not open: it was altered, or belongs to another case or key."
            raise HandoffError("PAYLOAD_SEALED", says) from error

    def _bound_to(self, key_id: str) -> bytes:
        return f"handoff/1|{self._namespace}|{self._case_id}|{key_id}".encode()


def _padded(data: bytes) -> bytes:
    """Length, data, zeros to 1 KiB times a power of two: sizes say little."""
    size = LENGTH + len(data)
    room = BLOCK
    while room < size:
        room *= 2
    return len(data).to_bytes(LENGTH, "big") + data + bytes(room - size)
