"""The keys of cases: 32 random bytes for each case and purpose, made on first use, destroyed one by one."""

from __future__ import annotations

import hmac
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Row, and_, exists, select, tuple_, update

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from store.keyring.shares import Shares
from store.keyring.tables import case_key
from store.session import Database, add_new

CODEC = "codec"
"""The purpose of the key that seals what Temporal stores of a case."""

NOBODY = "-"
"""Stands for all confidential agencies of a case together (``labels.NOBODY``): their shares together wrap its key."""

NONCE = 12
KEPT = 200_000
"""Keys in memory at most, at about 300 bytes each."""

KEPT_FOR = 900.0
"""Seconds a key stays in memory: what one process destroys is gone from all of them after this long."""

Place = tuple[OpaqueId, str]
"""A case and a purpose."""


class _Kept(NamedTuple):
    key: bytes
    until: float


def engagement(owner: Slug) -> str:
    """The purpose of the key that seals what is an agency's alone to know of a case (class E)."""
    return f"engagement:{owner}"


def shred(agency: Slug, kind: Slug) -> str:
    """The purpose of the half that an agency's values of one retention class need besides the agency's own key."""
    return f"shred:{agency}:{kind}"


def confidential(protocol: Protocol) -> tuple[Slug, ...]:
    """The confidential agencies of a protocol, whose shares wrap its cases' keys."""
    return tuple(sorted(each.id for each in protocol.agencies if each.confidential))


class Keyring:
    """The keys of one installation. Safe to use from several threads; what it opened stays in memory for a while.

    Args:
        database: ``keys.db``, its tables made.
        shares: what the keys are wrapped under.
    """

    def __init__(self, database: Database, shares: Shares) -> None:
        self._database = database
        self.shares = shares
        self._kept: OrderedDict[Place, _Kept] = OrderedDict()
        self._lock = threading.Lock()

    def begin(self, case_id: OpaqueId, agencies: Sequence[Slug]) -> None:
        """Make what a new case needs at once: the key of its payloads, and one for each confidential agency.

        Args:
            case_id: the case; one that has its keys keeps them.
            agencies: the confidential agencies of its protocol.

        Raises:
            HandoffError: ``ENGINE_LOCKED``, ``DATABASE_`` codes.
        """
        purposes = (CODEC, *(engagement(each) for each in agencies))
        if all(self.cached(case_id, each) is not None for each in purposes):
            return
        with self._database.write() as connection:
            found = self._make(connection, case_id, purposes, agencies)
        self._keep(found)

    def key(self, case_id: OpaqueId, purpose: str, agencies: Sequence[Slug] | None = None) -> bytes:
        """The key of a case for a purpose, made on first use.

        Args:
            case_id: the case.
            purpose: ``CODEC``, ``engagement(...)`` or ``shred(...)``.
            agencies: the confidential agencies of the case's protocol; None: as the case began.

        Raises:
            HandoffError: ``KEY_DESTROYED``; ``ENGINE_LOCKED``; ``UNKNOWN_KEY`` for a case that never began here;
                ``KEY_SPOILED`` when the row was altered, moved, or wrapped under other shares.
        """
        known = self.cached(case_id, purpose)
        return known if known is not None else self._found_or_made(case_id, purpose, agencies)

    def cached(self, case_id: OpaqueId, purpose: str) -> bytes | None:
        """The key, if it is in memory: asks no database and no custodian."""
        found = self._kept.get((case_id, purpose))
        return found.key if found is not None and found.until > time.monotonic() else None

    def begun(self) -> frozenset[OpaqueId]:
        """Every case that has a key for what Temporal stores, or had one."""
        with self._database.read() as connection:
            return frozenset(
                connection.execute(select(case_key.c.case_id).where(case_key.c.purpose == CODEC)).scalars()
            )

    def agency_key(self, agency: Slug) -> bytes:
        """A key for what belongs to an agency and to no case of its own: what is kept of its people's requests.

        Raises:
            HandoffError: ``ENGINE_LOCKED``.
        """
        _, wrapping = self.shares.wrapping((agency,))
        return hmac.digest(wrapping, b"handoff/1|agency", "sha256")

    def warm(self, places: Collection[Place]) -> None:
        """Read the keys of many cases in one go; those that are missing, destroyed or locked are left out."""
        wanted = [each for each in places if self.cached(*each) is None]
        if not wanted:
            return
        with self._database.read() as connection:
            rows = connection.execute(
                select(case_key).where(tuple_(case_key.c.case_id, case_key.c.purpose).in_(wanted))
            ).all()
        found: dict[Place, bytes] = {}
        for row in rows:
            if row.wrapped is not None and not set(_agencies(row.under)) & set(self.shares.locked()):
                found[row.case_id, row.purpose] = self._unwrapped(row)
        self._keep(found)

    def destroy(self, case_id: OpaqueId, purposes: Iterable[str]) -> int:
        """Destroy keys for good: what they sealed opens never again here. How many there were.

        A purpose that had no key yet gets none later.
        """
        wanted = sorted(set(purposes))
        now = time.time_ns() // 1_000
        here = case_key.c.case_id == case_id
        with self._database.write() as connection:
            add_new(
                connection,
                case_key,
                [{"case_id": case_id, "purpose": each, "wrapped": None, "under": ""} for each in wanted],
            )
            living = and_(here, case_key.c.purpose.in_(wanted), case_key.c.wrapped.is_not(None))
            done = connection.execute(update(case_key).where(living).values(wrapped=None, destroyed_at=now)).rowcount
            unmarked = and_(here, case_key.c.purpose.in_(wanted), case_key.c.destroyed_at.is_(None))
            connection.execute(update(case_key).where(unmarked).values(destroyed_at=now))
        with self._lock:
            for each in wanted:
                self._kept.pop((case_id, each), None)
        self._empty_log()
        return done

    def shredded(self, case_id: OpaqueId, purpose: str) -> bool:
        """Whether the key was destroyed."""
        row = and_(case_key.c.case_id == case_id, case_key.c.purpose == purpose, case_key.c.wrapped.is_(None))
        with self._database.read() as connection:
            return bool(connection.execute(select(exists().where(row))).scalar())

    def close(self) -> None:
        """Close every connection, and forget every key."""
        self._database.close()
        with self._lock:
            self._kept.clear()

    def _found_or_made(self, case_id: OpaqueId, purpose: str, agencies: Sequence[Slug] | None) -> bytes:
        with self._database.read() as connection:
            row = _row(connection, case_id, purpose)
            whose = _begun(connection, case_id) if row is None and agencies is None else agencies
        if row is not None:
            found = {(case_id, purpose): self._unwrapped(row)}
        elif whose is None:
            raise HandoffError("UNKNOWN_KEY", "this case never began here: it has no keys in keys.db")
        else:
            with self._database.write() as connection:
                found = self._make(connection, case_id, (purpose,), whose)
        self._keep(found)
        return found[case_id, purpose]

    def _make(
        self, connection: Connection, case_id: OpaqueId, purposes: Sequence[str], agencies: Sequence[Slug]
    ) -> dict[Place, bytes]:
        """Keys as they are kept after this: another process's, where it was first."""
        rows = [self._new(case_id, each, agencies) for each in purposes]
        add_new(connection, case_key, rows)
        kept = connection.execute(
            select(case_key).where(case_key.c.case_id == case_id, case_key.c.purpose.in_(purposes))
        )
        return {(case_id, row.purpose): self._unwrapped(row) for row in kept}

    def _new(self, case_id: OpaqueId, purpose: str, agencies: Sequence[Slug]) -> dict[str, Any]:
        under, wrapping = self.shares.wrapping(_wrappers(purpose, agencies))
        nonce = os.urandom(NONCE)
        bound = _bound(case_id, purpose, under)
        return {
            "case_id": case_id,
            "purpose": purpose,
            "wrapped": nonce + AESGCM(wrapping).encrypt(nonce, os.urandom(32), bound),
            "under": under,
        }

    def _unwrapped(self, row: Row[Any]) -> bytes:
        if row.wrapped is None:
            raise HandoffError("KEY_DESTROYED", "this part of the case was erased: its key was destroyed")
        _, wrapping = self.shares.wrapping(_agencies(row.under))
        bound = _bound(row.case_id, row.purpose, row.under)
        try:
            return AESGCM(wrapping).decrypt(row.wrapped[:NONCE], row.wrapped[NONCE:], bound)
        except InvalidTag:
            says = "a case's key does not open: keys.db was altered, or belongs to other agencies' keys"
            raise HandoffError("KEY_SPOILED", says) from None

    def _keep(self, found: dict[Place, bytes]) -> None:
        until = time.monotonic() + KEPT_FOR
        with self._lock:
            for place, key in found.items():
                self._kept.pop(place, None)
                self._kept[place] = _Kept(key, until)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)

    def _empty_log(self) -> None:
        """Leave no destroyed key in SQLite's log of writes."""
        if self._database.sqlite:
            # Not in a transaction: within one the log cannot be emptied.
            connection = self._database.engine.raw_connection()
            try:
                connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
            finally:
                connection.close()


def _row(connection: Connection, case_id: OpaqueId, purpose: str) -> Row[Any] | None:
    return connection.execute(
        select(case_key).where(case_key.c.case_id == case_id, case_key.c.purpose == purpose)
    ).first()


def _begun(connection: Connection, case_id: OpaqueId) -> tuple[Slug, ...] | None:
    """The confidential agencies a case began with; None if it never did."""
    row = _row(connection, case_id, CODEC)
    return None if row is None else _agencies(row.under)


def _agencies(under: str) -> tuple[Slug, ...]:
    return tuple(under.split(",")) if under else ()


def _wrappers(purpose: str, agencies: Sequence[Slug]) -> tuple[Slug, ...]:
    """Whose shares wrap a key: all confidential agencies', or of what is one agency's own that agency's."""
    _, _, owner = purpose.partition(":")
    owner = owner.partition(":")[0]
    if not owner or owner == NOBODY:
        return tuple(agencies)
    return (owner,) if owner in agencies else ()


def _bound(case_id: OpaqueId, purpose: str, under: str) -> bytes:
    return f"handoff/1|{case_id}|{purpose}|{under}".encode()
