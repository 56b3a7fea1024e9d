"""Keyrings for tests: a real ``keys.db``, under shares that a custodian without a process gives."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.custodian import suite
from store.custodian.port import Grant, Item, KeyCard, Order, Pane, Place, Receipt, Shown, Wrap
from store.keyring import Keyring, Shares, tables
from store.releases.document import Release, Ticket
from store.session import Database

MADE: list[Keyring] = []
"""Keyrings of the test that runs; they are closed at its end."""

SITE = b"s" * 32
SEED = b"a" * suite.SEED_BYTES


class Steady:
    """A custodian whose agencies all have the same seed; it answers while ``here``, and opens engine shares only."""

    def __init__(self, seed: bytes = SEED) -> None:
        self.seed = seed
        self.here = True
        self.asked: list[Slug] = []

    def engine_share(self, agency: Slug) -> bytes:
        self.asked.append(agency)
        if not self.here:
            raise HandoffError("CUSTODIAN_DOWN", "the keeper of protected values does not answer; nothing was opened")
        return suite.engine_share(agency, self.seed)

    def sign_in(self, agency: Slug, name: str, password: str, code: str) -> str:
        raise NotImplementedError

    def rotate(self, agency: Slug) -> KeyCard:
        raise NotImplementedError

    def rewrap(self, agency: Slug, records: Sequence[tuple[Place, Wrap]]) -> tuple[Wrap, ...]:
        raise NotImplementedError

    def identity(self, agency: Slug) -> bytes:
        raise NotImplementedError

    def sign(self, grant: Grant, release: Release) -> bytes:
        raise NotImplementedError

    def vouch(self, grant: Grant, ticket: Ticket) -> bytes:
        raise NotImplementedError

    def open_released(self, shown: Shown, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        raise NotImplementedError

    def revoke(self, owner: Slug, release: OpaqueId) -> None:
        raise NotImplementedError

    def describe(self, agency: Slug) -> KeyCard:
        raise NotImplementedError

    def open(self, grant: Grant, why: Slug, items: Sequence[Item]) -> tuple[bytes, ...]:
        raise NotImplementedError

    def break_glass(self, grant: Grant, pane: Pane) -> None:
        raise NotImplementedError

    def share(self, grant: Grant, items: Sequence[Item], to: KeyCard) -> tuple[Wrap, ...]:
        raise NotImplementedError

    def forget(self, order: Order) -> Receipt:
        raise NotImplementedError


def lasting(url: str, custodian: Steady | None = None) -> Keyring:
    """A keyring on a database of keys, which is made if need be; whoever asked closes it."""
    database = Database(url)
    tables.make(database)
    return Keyring(database, Shares(custodian or Steady(), SITE))


def ring(url: str, custodian: Steady | None = None) -> Keyring:
    """A keyring that is closed at the end of the test."""
    MADE.append(lasting(url, custodian))
    return MADE[-1]


def ring_in(folder: Path) -> Keyring:
    """A keyring on a SQLite file of a folder."""
    return ring(f"sqlite:///{folder / 'keys.db'}")
