"""Papers at rest: sealed under their agency's key, and what is of a case under that case's key inside of it.

A dump tells how many papers an agency has and nothing else: not of which case, for whom, of what kind or when. What is
of a case goes with its key when the case is erased.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import ColumnElement, Connection, delete, select

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from store.keyring.ring import engagement
from store.releases.tables import paper
from store.session import RowKeys, put

NONCE = 12
UNIT = 1024
LENGTH = 4


class Kind(StrEnum):
    """What a paper is."""

    RELEASE = "release"
    DISCLOSED = "disclosed"
    GLASS = "glass"
    WORD = "word"
    UNTOLD = "untold"
    """A release that was taken back while its custodian did not answer, and is to be told of it."""
    PASSED = "passed"
    """That somebody passed a duty on, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """One paper. ``said`` is JSON; ``to`` the agency that it is for, where it is for another."""

    id: OpaqueId
    agency: Slug
    kind: Kind
    said: str
    case_id: OpaqueId | None = None
    to: Slug | None = None


def keep(connection: Connection, it: Paper) -> None:
    """Keep a paper, in the place of the one with its id. Needs a writing connection.

    Raises:
        HandoffError: ``ENGINE_LOCKED`` while the agency's custodian has not answered; ``KEY_DESTROYED``.
    """
    drawer = _Drawer(connection, it.agency)
    row: dict[str, object] = {
        "id": it.id,
        "agency": it.agency,
        "by_kind": drawer.tag("kind", it.kind),
        "by_case": None if it.case_id is None else drawer.tag(it.kind, "case", it.case_id),
        "by_to": None if it.to is None else drawer.tag(it.kind, "to", it.to),
    }
    put(connection, paper, [{**row, "sealed": drawer.sealed(it)}])


def of_case(connection: Connection, agency: Slug, kind: Kind, case_id: OpaqueId) -> tuple[Paper, ...]:
    """An agency's papers of one kind about a case."""
    drawer = _Drawer(connection, agency)
    return drawer.found(paper.c.by_case == drawer.tag(kind, "case", case_id))


def of_agency(connection: Connection, agency: Slug, kind: Kind) -> tuple[Paper, ...]:
    """All of an agency's papers of one kind; those of erased cases are left out."""
    drawer = _Drawer(connection, agency)
    return drawer.found(drawer.is_(kind))


def meant_for(connection: Connection, to: Slug, kind: Kind) -> tuple[Paper, ...]:
    """Papers of any agency that are for one; those of agencies whose keys are locked are left out."""
    return tuple(
        each for drawer in _drawers(connection) for each in drawer.found(paper.c.by_to == drawer.tag(kind, "to", to))
    )


def of_all(connection: Connection, kind: Kind) -> tuple[Paper, ...]:
    """Papers of one kind of all agencies but those whose keys are locked."""
    return tuple(each for drawer in _drawers(connection) for each in drawer.found(drawer.is_(kind)))


def _drawers(connection: Connection) -> Iterator[_Drawer]:
    for agency in connection.execute(select(paper.c.agency).distinct().order_by(paper.c.agency)).scalars().all():
        try:
            yield _Drawer(connection, agency)
        except HandoffError as error:
            if error.code != "ENGINE_LOCKED":
                raise


def one(connection: Connection, id_: OpaqueId) -> Paper | None:
    """A paper by its id."""
    agency = connection.execute(select(paper.c.agency).where(paper.c.id == id_)).scalar()
    found = () if agency is None else _Drawer(connection, agency).found(paper.c.id == id_)
    return found[0] if found else None


def discard(connection: Connection, id_: OpaqueId) -> None:
    """Delete a paper. Needs a writing connection."""
    connection.execute(delete(paper).where(paper.c.id == id_))


def drop(connection: Connection, agency: Slug, case_id: OpaqueId) -> int:
    """Delete an agency's papers about a case; how many there were."""
    drawer = _Drawer(connection, agency)
    tags = [drawer.tag(each, "case", case_id) for each in Kind]
    return connection.execute(delete(paper).where(paper.c.by_case.in_(tags))).rowcount


class _Drawer:
    """One agency's papers on one connection."""

    def __init__(self, connection: Connection, agency: Slug) -> None:
        keys: RowKeys | None = connection.get_execution_options().get("handoff_keys")
        if keys is None:
            raise HandoffError("ENGINE_LOCKED", f"the papers of {agency} are sealed, and the keys are not here")
        self._connection = connection
        self._keys = keys
        self._agency = agency
        self._key = keys.agency_key(agency)

    def tag(self, *words: str) -> str:
        """What stands in a column for words that nobody may read there."""
        key = hmac.digest(self._key, b"handoff/1|papers|tags", "sha256")
        return hmac.digest(key, json.dumps(words).encode(), "sha256").hex()

    def is_(self, kind: Kind) -> ColumnElement[bool]:
        """Papers of a kind."""
        return paper.c.by_kind == self.tag("kind", kind)

    def sealed(self, it: Paper) -> bytes:
        said: str = it.said
        if it.case_id is not None:
            said = _seal(self._of_case(it.case_id), it.said.encode(), it.id).hex()
        outer = json.dumps([it.kind, it.case_id, it.to, said]).encode()
        return _seal(self._outer(), outer, it.id)

    def found(self, where: ColumnElement[bool]) -> tuple[Paper, ...]:
        rows = self._connection.execute(select(paper).where(where, paper.c.agency == self._agency)).all()
        return tuple(each for row in rows if (each := self._opened(row.id, bytes(row.sealed))) is not None)

    def _opened(self, id_: OpaqueId, sealed: bytes) -> Paper | None:
        kind, case_id, to, said = json.loads(_open(self._outer(), sealed, id_))
        if case_id is not None:
            try:
                said = _open(self._of_case(case_id), bytes.fromhex(said), id_).decode()
            except HandoffError as error:
                if error.code != "KEY_DESTROYED":
                    raise
                return None
        return Paper(id=id_, agency=self._agency, kind=Kind(kind), said=said, case_id=case_id, to=to)

    def _outer(self) -> bytes:
        return hmac.digest(self._key, b"handoff/1|papers", "sha256")

    def _of_case(self, case_id: OpaqueId) -> bytes:
        key = self._keys.key(case_id, engagement(self._agency))
        return hmac.digest(key, b"handoff/1|papers", "sha256")


def _seal(key: bytes, said: bytes, id_: OpaqueId) -> bytes:
    size = UNIT
    while size < LENGTH + len(said):
        size *= 2
    nonce = os.urandom(NONCE)
    padded = (len(said).to_bytes(LENGTH) + said).ljust(size, b"\0")
    return nonce + AESGCM(key).encrypt(nonce, padded, id_.encode())


def _open(key: bytes, sealed: bytes, id_: OpaqueId) -> bytes:
    try:
        plain = AESGCM(key).decrypt(sealed[:NONCE], sealed[NONCE:], id_.encode())
    except InvalidTag:
        raise HandoffError("ROW_SPOILED", "a sealed paper was altered or moved; it does not open") from None
    return plain[LENGTH : LENGTH + int.from_bytes(plain[:LENGTH])]
