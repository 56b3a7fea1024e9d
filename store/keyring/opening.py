"""The keyring of an installation, opened when a process starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol.names import Slug
from runtime.codec import DerivedCaseKeys, site_secret
from runtime.settings import Settings
from store import protocols
from store.custodian.local import CustodianProcess, LocalCustodian
from store.custodian.port import Custodian
from store.custodian.router import Custodians
from store.custodian.safes import options_of
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


@contextmanager
def custodian_of(settings: Settings) -> Iterator[Custodian]:
    """The custodian that runs, or one of this program's own for as long as it takes.

    Raises:
        HandoffError: ``CUSTODIAN_DOWN`` when none runs and none can be started.
    """
    running = LocalCustodian(settings.custodian_dir)
    if running.answers():
        yield Custodians(running, settings.keyholders)
        return
    with CustodianProcess(
        settings.custodian_keys, settings.custodian_dir, options_of(settings), settings.grounds
    ) as started:
        yield Custodians(started.custodian, settings.keyholders)


def unlock(ring: Keyring, database: Database) -> tuple[Slug, ...]:
    """Open the share of each confidential agency of the published protocols; gives those that stay locked."""
    with database.read() as connection:
        found = {each for version in protocols.versions(connection) for each in confidential(version.protocol)}
    return ring.shares.open(found)
