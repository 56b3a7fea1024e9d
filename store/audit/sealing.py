"""Details sealed to an agency's card: one wrapped key for each thread's stretch of rows, and AES-GCM under it.

A wrap costs fifty times what a row does, so a key serves a thread for some hours. Anybody who has the card can add
rows; reading them back takes the agency's custodian. Where an agency has no card, the site's own key stands in.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from weakref import WeakKeyDictionary

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import Connection, Engine, RootTransaction, Row, insert, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store import ids
from store.audit.entry import Entry
from store.audit.tables import audit_key
from store.custodian import suite
from store.custodian.port import Grant, Item, KeyCard, Place, Sealed, Wrap
from store.edge_tables import key_card

NOBODY = "-"
"""Whose card stands in for an agency that has none: the site's own."""

LIFE = 6 * 3600.0
"""How long a key seals new rows, in seconds."""

AUDIT = "audit"
AT_ONCE = 256
NONCE = 12
PAD = 128
"""Details are padded to this times a power of two, in bytes, so that their length does not count fields."""


@dataclass(slots=True)
class Key:
    """A key in use. ``within``: the transaction that inserted its row, until that is known to have been committed."""

    id: str
    key: bytes
    since: float
    within: RootTransaction | None


class _Kept(threading.local):
    """Each thread's keys, by database and agency: a row of keys that others have not committed yet is of no use."""

    def __init__(self) -> None:
        self.of: WeakKeyDictionary[Engine, dict[Slug, Key]] = WeakKeyDictionary()


_kept = _Kept()


def key_for(connection: Connection, keeper: Slug | None) -> Key:
    """The key to seal new details for an agency with; its row is in the database when this transaction is.

    Raises:
        HandoffError: ``NO_CARD`` when neither the agency nor the site has a card here.
    """
    mine = _kept.of.setdefault(connection.engine, {})
    known = mine.get(keeper or NOBODY)
    if known is None or time.monotonic() - known.since > LIFE or not _is_there(connection, known):
        card = _card(connection, keeper)
        known = mine.get(card.agency)
        if known is None or time.monotonic() - known.since > LIFE or not _is_there(connection, known):
            known = mine[card.agency] = _made(connection, card)
    return known


def _is_there(connection: Connection, known: Key) -> bool:
    """Whether a key's row can be relied on: it was seen from another transaction than its own, or this is its own."""
    if known.within is None:
        return True
    if known.within is connection.get_transaction():
        return True
    if connection.execute(select(audit_key.c.id).where(audit_key.c.id == known.id)).first() is None:
        return False
    known.within = None
    return True


def _card(connection: Connection, agency: Slug | None) -> KeyCard:
    for each in (agency, NOBODY):
        row = connection.execute(
            select(key_card).where(key_card.c.agency == each).order_by(key_card.c.epoch.desc()).limit(1)
        ).first()
        if row is not None:
            return KeyCard(agency=row.agency, epoch=row.epoch, suite=row.suite, public=bytes(row.public))
    raise HandoffError("NO_CARD", "no key is known here that the audit could be sealed to; start Handoff once")


def _made(connection: Connection, card: KeyCard) -> Key:
    site, _ = ids.site_of(connection)
    place = _place(site, card.agency, ids.random_id())
    record, key = suite.new_record_key(), os.urandom(32)
    wrap = suite.wrap_record(card, record, place)
    sealed = suite.seal_value(suite.value_key(record, place), place, key)
    row = {
        "agency": card.agency,
        "record": place.record,
        "epoch": wrap.epoch,
        "suite": wrap.suite,
        "wrapped": wrap.wrapped,
        "commitment": sealed.commitment,
        "nonce": sealed.nonce,
        "ciphertext": sealed.ciphertext,
    }
    id_ = key_id(row)
    connection.execute(insert(audit_key).values(id=id_, **row))
    return Key(id=id_, key=key, since=time.monotonic(), within=connection.get_transaction())


def key_id(row: Mapping[str, Any]) -> str:
    """The name of a row of ``audit_key``: the hash of what it holds, so that rows of the chain vouch for it."""
    plain = json.dumps(["audit-key", row["agency"], row["record"], row["epoch"], row["suite"]]).encode()
    hash_ = hashlib.sha256(len(plain).to_bytes(4) + plain)
    for name in ("wrapped", "commitment", "nonce", "ciphertext"):
        part = bytes(row[name])
        hash_.update(len(part).to_bytes(4) + part)
    return hash_.hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """What a row says once it is open. See ``Entry``."""

    person: OpaqueId | None
    roles: tuple[Slug, ...]
    action: str
    fields: tuple[str, ...]
    ground: str | None
    allowed: bool
    reason: str | None


def seal(key: bytes, entry: Entry, bound: bytes) -> bytes:
    """An entry's detail under a key, bound to the rest of its row."""
    said = [entry.person, entry.roles, entry.action, entry.fields, entry.ground, entry.allowed, entry.reason]
    plain = json.dumps(said, separators=(",", ":")).encode()
    room = PAD
    while room < len(plain):
        room *= 2
    nonce = os.urandom(NONCE)
    return nonce + AESGCM(key).encrypt(nonce, plain.ljust(room), bound)


def open_detail(key: bytes, sealed: bytes, bound: bytes) -> Detail | None:
    """A row's detail; None when the row or its key was altered."""
    try:
        said = json.loads(AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], bound))
    except (InvalidTag, ValueError):
        return None
    person, roles, action, fields, ground, allowed, reason = said
    return Detail(
        person=person,
        roles=tuple(roles),
        action=action,
        fields=tuple(fields),
        ground=ground,
        allowed=allowed,
        reason=reason,
    )


class Opener(Protocol):
    """Who opens keys: a custodian, or the site's own key."""

    def open(self, grant: Grant, why: Slug, items: Sequence[Item], /) -> tuple[bytes, ...]:
        """The keys, in order; all of them or none."""
        ...


def open_keys(custodian: Opener, grant: Grant, site: OpaqueId, rows: Sequence[Row[Any]]) -> dict[str, bytes]:
    """The keys of rows of ``audit_key`` that an agency's custodian opens; those that were altered are left out.

    Raises:
        HandoffError: ``CUSTODIAN_DOWN``, ``CUSTODIAN_DENIED``.
    """
    found: dict[str, bytes] = {}
    for start in range(0, len(rows), AT_ONCE):
        some = rows[start : start + AT_ONCE]
        found |= _opened(custodian, grant, {row.id: item(site, row) for row in some})
    return found


def _opened(custodian: Opener, grant: Grant, items: Mapping[str, Item]) -> dict[str, bytes]:
    try:
        return dict(zip(items, custodian.open(grant, AUDIT, tuple(items.values())), strict=True))
    except HandoffError as error:
        if error.code not in {"VALUE_SPOILED", "UNKNOWN_KEY"}:
            raise
        if len(items) == 1:
            return {}
    # One that does not open must not hide the others.
    return {name: key for id_, each in items.items() for name, key in _opened(custodian, grant, {id_: each}).items()}


def item(site: OpaqueId, row: Row[Any]) -> Item:
    """A row of ``audit_key`` as a custodian opens it."""
    return Item(
        place=_place(site, row.agency, row.record),
        sealed=Sealed(commitment=bytes(row.commitment), nonce=bytes(row.nonce), ciphertext=bytes(row.ciphertext)),
        wrap=Wrap(epoch=row.epoch, suite=row.suite, wrapped=bytes(row.wrapped)),
    )


def _place(site: OpaqueId, agency: Slug, record: OpaqueId) -> Place:
    # Of no case: when a case's values are forgotten, who looked at it can still be told.
    return Place(site=site, case_id=AUDIT, owner=agency, record=record, ref=record, field=AUDIT, version=1)
