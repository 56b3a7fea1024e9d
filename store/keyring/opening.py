"""The keyring of an installation, opened when a process starts."""

from __future__ import annotations

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.kernel import Slug
from runtime.codec import DerivedCaseKeys, site_secret
from runtime.settings import Settings
from store import protocols
from store.custodian.port import Custodian
from store.keyring import tables
from store.keyring.payloads import PayloadKeys
from store.keyring.ring import Keyring, confidential
from store.keyring.shares import Shares
from store.session import Database

ENGINE_KEY = "engine.key"
"""The installation's own secret in the folder of engine keys."""


def open_keyring(settings: Settings, custodian: Custodian) -> Keyring:
    """The keyring, its database made if need be; no custodian is asked yet.

    Raises:
        HandoffError: ``DATABASE_`` codes; ``KEY_FILE_OPEN`` or ``KEY_FILE``.
    """
    database = Database(settings.keys_database_url)
    tables.make(database)
    secret = site_secret(settings.engine_keys, ENGINE_KEY)
    site = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"handoff/1|keyring|site").derive(secret)
    return Keyring(database, Shares(custodian, site))


def payload_keys(settings: Settings, ring: Keyring) -> PayloadKeys:
    """The keys of what Temporal stores."""
    return PayloadKeys(ring, DerivedCaseKeys(settings.engine_keys))


def unlock(ring: Keyring, database: Database) -> tuple[Slug, ...]:
    """Open the share of each confidential agency of the published protocols; gives those that stay locked."""
    with database.read() as connection:
        found = {each for version in protocols.versions(connection) for each in confidential(version.protocol)}
    return ring.shares.open(found)
