"""The cryptography, all from ``cryptography``: HPKE (ML-KEM-768 with X25519), HKDF-SHA-256, AES-256-GCM.

A record key, fresh for every write, is sealed to the owner's card. Each value has a key of its own derived from it,
and a commitment to that key, because AES-GCM alone does not commit. Lengths are hidden in steps of 256 bytes x 2^k.
"""

from __future__ import annotations

import hmac
import json
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.errors import HandoffError
from store.custodian.port import KeyCard, Place, Sealed, Wrap

SUITE = "hpke-mlkem768x25519-sha256-aes256gcm/1"
"""Stored with everything sealed: an older suite stays readable after a newer one becomes the default."""

SEED_BYTES = 96
MLKEM_SEED = 64
MLKEM_PUBLIC = 1184
KEY_BYTES = 32
PAD_UNIT = 256
LENGTH_BYTES = 4

_HPKE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)


class PrivateKey:
    """An agency's private key, from its 96-byte seed; only the custodian's process makes one."""

    def __init__(self, seed: bytes) -> None:
        kem = MLKEM768PrivateKey.from_seed_bytes(seed[:MLKEM_SEED])
        curve = X25519PrivateKey.from_private_bytes(seed[MLKEM_SEED:])
        self._key = hpke.MLKEM768X25519PrivateKey(kem, curve)
        self.public = kem.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    def unwrap(self, wrap: Wrap, info: bytes) -> bytes:
        """The key inside a wrap.

        Raises:
            HandoffError: ``VALUE_SPOILED``.
        """
        if wrap.suite != SUITE:
            raise _spoiled()
        try:
            return _HPKE.decrypt(wrap.wrapped, self._key, info)
        except (InvalidTag, ValueError):
            raise _spoiled() from None


def new_record_key() -> bytes:
    """A fresh record key."""
    return os.urandom(KEY_BYTES)


def wrap_record(card: KeyCard, key: bytes, place: Place) -> Wrap:
    """A record key sealed to its owner's card."""
    return _wrap(card, key, record_info(place), to=None)


def wrap_value(card: KeyCard, key: bytes, place: Place) -> Wrap:
    """One value's key sealed to another agency's card."""
    return _wrap(card, key, share_info(place, card.agency), to=card.agency)


def wrap_text(card: KeyCard, field: str, value: bytes) -> Wrap:
    """A whole value sealed to an agency's card, bound to its field: for whoever knows no case yet."""
    return _wrap(card, _pad(value), text_info(card.agency, field), to=None)


def text_in(padded: bytes) -> bytes:
    """The value that was sealed by ``wrap_text``, from what the key unwrapped."""
    return _unpad(padded)


def text_info(agency: str, field: str) -> bytes:
    """What a value that was sealed outside is bound to."""
    return _bytes("text", agency, field)


def seal_value(key: bytes, place: Place, value: bytes) -> Sealed:
    """Encrypt a value under its own key (from ``value_key``)."""
    nonce = os.urandom(12)
    ciphertext = AESGCM(key[:KEY_BYTES]).encrypt(nonce, _pad(value), _bind("value", place))
    return Sealed(commitment=key[KEY_BYTES:], nonce=nonce, ciphertext=ciphertext)


def open_value(key: bytes, place: Place, sealed: Sealed) -> bytes:
    """Decrypt a value that must belong at this place.

    Raises:
        HandoffError: ``VALUE_SPOILED``.
    """
    if not hmac.compare_digest(key[KEY_BYTES:], sealed.commitment):
        raise _spoiled()
    try:
        padded = AESGCM(key[:KEY_BYTES]).decrypt(sealed.nonce, sealed.ciphertext, _bind("value", place))
    except (InvalidTag, ValueError):
        raise _spoiled() from None
    return _unpad(padded)


def value_key(record_key: bytes, place: Place) -> bytes:
    """A value's own key and its commitment, 32 bytes each."""
    info = _bind("key", place)
    return HKDF(algorithm=hashes.SHA256(), length=2 * KEY_BYTES, salt=None, info=info).derive(record_key)


def engine_share(agency: str, seed: bytes) -> bytes:
    """The 32 bytes, made of an agency's first seed, that its cases' keys are wrapped with."""
    info = _bytes("engine-share", agency)
    return HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(seed)


def seal_seed(card: KeyCard, seed: bytes) -> Wrap:
    """An agency's seed sealed to the key of its paper cards."""
    return _wrap(card, seed, seed_info(card.agency, card.epoch), to=None)


def seed_info(agency: str, epoch: int) -> bytes:
    """What a seed in escrow is bound to."""
    return _bytes("escrow-seed", agency, epoch)


def identity(agency: str, seed: bytes) -> Ed25519PrivateKey:
    """The key, made of an agency's first seed, that it signs with."""
    info = _bytes("identity", agency)
    made = HKDF(algorithm=hashes.SHA256(), length=KEY_BYTES, salt=None, info=info).derive(seed)
    return Ed25519PrivateKey.from_private_bytes(made)


def record_info(place: Place) -> bytes:
    """What a record's wrap is bound to."""
    return _bytes("record", place.site, place.case_id, place.owner, place.record)


def share_info(place: Place, to: str) -> bytes:
    """What a share's wrap is bound to."""
    return _bind("share", place) + _bytes(to)


def _wrap(card: KeyCard, key: bytes, info: bytes, *, to: str | None) -> Wrap:
    if card.suite != SUITE:
        raise HandoffError("UNKNOWN_SUITE", f"this program cannot seal with {card.suite}")
    public = hpke.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(card.public[:MLKEM_PUBLIC]),
        X25519PublicKey.from_public_bytes(card.public[MLKEM_PUBLIC:]),
    )
    return Wrap(epoch=card.epoch, suite=SUITE, wrapped=_HPKE.encrypt(key, public, info), to=to)


def _bind(what: str, place: Place) -> bytes:
    return _bytes(
        what, place.site, place.case_id, place.owner, place.record, place.ref, place.field, place.version, SUITE
    )


def _bytes(*parts: str | int) -> bytes:
    return json.dumps(["handoff/1", *parts], separators=(",", ":")).encode()


def _pad(value: bytes) -> bytes:
    size = PAD_UNIT
    while size < LENGTH_BYTES + len(value):
        size *= 2
    return (len(value).to_bytes(LENGTH_BYTES) + value).ljust(size, b"\0")


def _unpad(padded: bytes) -> bytes:
    length = int.from_bytes(padded[:LENGTH_BYTES])
    return padded[LENGTH_BYTES : LENGTH_BYTES + length]


def _spoiled() -> HandoffError:
    return HandoffError("VALUE_SPOILED", "this value was altered, moved, or sealed to another key; it does not open")
