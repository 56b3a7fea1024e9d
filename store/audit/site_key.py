"""The site's own key: signs heads and checkpoints, and stands in where an agency has no card to seal to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy import Connection

from protocol.errors import HandoffError
from runtime.codec import site_secret
from store.audit.sealing import NOBODY
from store.custodian import suite
from store.custodian.port import Grant, Item, KeyCard
from store.edge_tables import key_card
from store.session import add_new

FILE = "audit.key"


class SiteKey:
    """The key of one installation, from its 32-byte secret."""

    def __init__(self, secret: bytes) -> None:
        self._signing = Ed25519PrivateKey.from_private_bytes(_derived(secret, "sign", 32))
        self._opening = suite.PrivateKey(_derived(secret, "open", suite.SEED_BYTES))
        self.public = self._signing.public_key().public_bytes_raw()
        self.card = KeyCard(agency=NOBODY, epoch=1, suite=suite.SUITE, public=self._opening.public)

    def sign(self, statement: bytes) -> bytes:
        """An Ed25519 signature, 64 bytes."""
        return self._signing.sign(statement)

    def open(self, _grant: Grant, _why: str, items: Sequence[Item]) -> tuple[bytes, ...]:
        """What was sealed to the site's own card, as a custodian opens what was sealed to an agency's."""
        return tuple(self._one(each) for each in items)

    def _one(self, item: Item) -> bytes:
        record = self._opening.unwrap(item.wrap, suite.record_info(item.place))
        return suite.open_value(suite.value_key(record, item.place), item.place, item.sealed)


def of_folder(folder: Path) -> SiteKey:
    """The key in an installation's engine key folder, made on first use.

    Raises:
        HandoffError: as ``runtime.codec.site_secret``.
    """
    return SiteKey(site_secret(folder, FILE))


def learn(connection: Connection, key: SiteKey) -> None:
    """Keep the site's card, so that the audit can always be sealed."""
    card = key.card
    row = {"agency": card.agency, "epoch": card.epoch, "suite": card.suite, "public": card.public}
    add_new(connection, key_card, [row])


def is_signed(public: bytes, statement: bytes, signature: bytes) -> bool:
    """Whether the holder of a key signed exactly this."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, statement)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_of(text: str) -> bytes:
    """A public key as 64 hexadecimal digits.

    Raises:
        HandoffError: ``BAD_KEY``.
    """
    try:
        found = bytes.fromhex(text)
    except ValueError:
        found = b""
    if len(found) != 32:
        raise HandoffError("BAD_KEY", "a site's key is 64 hexadecimal digits")
    return found


def _derived(secret: bytes, what: str, length: int) -> bytes:
    info = f"handoff/1|audit|{what}".encode()
    return HKDF(algorithm=SHA256(), length=length, salt=None, info=info).derive(secret)
