"""What an installation's programs carry orders out with, and the gate that keeps a database shut after a restore."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager

from protocol.names import OpaqueId
from protocol.state import Instant
from runtime.settings import Settings
from store.custodian.port import Custodian
from store.erasure.carrying import Means
from store.erasure.register import Register
from store.erasure.replaying import must_be_replayed
from store.keyring import Keyring
from store.session import Database


@contextmanager
def means(
    settings: Settings,
    database: Database,
    custodian: Custodian,
    ring: Keyring,
    delete_runs: Callable[[OpaqueId], Awaitable[int]],
) -> Iterator[Means]:
    """What orders are carried out with in this installation, until the block ends."""
    with closing(Register(Database(settings.keys_database_url))) as register:
        yield Means(
            database=database,
            register=register,
            custodian=custodian,
            keys=ring,
            delete_runs=delete_runs,
            now=_now,
        )


def _now() -> Instant:
    return time.time_ns() // 1_000


def gate(settings: Settings) -> None:
    """Refuse to start on a main database that was put back and still has what was erased since.

    Raises:
        HandoffError: ``ERASURES_TO_REPLAY``; ``DATABASE_DOWN`` when the keys' database does not answer.
    """
    with (
        closing(Database(settings.database_url)) as database,
        closing(Database(settings.keys_database_url)) as keys,
    ):
        must_be_replayed(database, Register(keys))
