"""What is a confidential agency's alone (class E), sealed at rest: its rows keep in clear what lists order by, no more.

Each such row has one column ``sealed``: AES-SIV under the case's key for that agency, bound to the row's table and
place. It is a function of what it holds and of where it stands, so that the read model can be built again to the byte,
and two rows that hold the same look different. In the columns it replaces stand words that say nothing; which ones
stay as they are, and what those tell, is in ``docs/decisions/0015-what-stays-in-clear.md``.
"""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from sqlalchemy import Connection

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.origins import voters_of
from protocol.serial import canonical
from store.keyring.ring import confidential, engagement
from store.session import RowKeys

Row = Mapping[str, Any]
Shadow = Callable[[Row], object]
"""What stands in a column in place of what was sealed."""

HIDDEN = "-"
"""Stands for a word."""

UNIT = 256
LENGTH = 4


class Shape(NamedTuple):
    """How rows of one table are sealed: their place, and what stands in each column that is hidden."""

    place: tuple[str, ...]
    owner: str
    outside: Mapping[str, Shadow]
    inner: Mapping[str, Shadow]
    """What is hidden of rows that nobody else may know of; ``outside``: of those whose existence others see."""


def _is(value: object) -> Shadow:
    return lambda _row: value


def _all(value: object, *columns: str) -> dict[str, Shadow]:
    return dict.fromkeys(columns, _is(value))


def _if_open(column: str, value: object = None) -> Shadow:
    """The column itself (or a value in its place) of what is open; nothing of what has ended."""

    def shadow(row: Row) -> object:
        if row["status"] != "open" or row[column] is None:
            return None
        return row[column] if value is None else value

    return shadow


_TASK: dict[str, Shadow] = {
    # Nobody needs to know without a key how it ended: done, cancelled, run out.
    "status": lambda row: "ended" if row["status"] == "cancelled" else row["status"],
    "due_at": _if_open("due_at"),
    "missed_at": _if_open("missed_at", 0),
    **_all(HIDDEN, "cause"),
    **_all(0, "round", "ordinal", "tries"),
    **_all(False, "held", "receipt", "short_notice"),
    **_all(
        None,
        *("person", "starts_at", "was_due_at", "due_cause", "last_try_at", "paused_until", "pause_reason"),
        *("outcome", "ending", "on_time", "ended_at", "last_progress_at", "item", "votes"),
    ),
}
_NOTICE: dict[str, Shadow] = {
    # One bit for the list of escalations: whether the row is one.
    "how": lambda row: "remind" if row["rung"] is None or row["how"] == "remind" else "tell",
    **_all(HIDDEN, "why", "rung", "step", "lane"),
    **_all(0, "at", "repeat", "ordinal"),
    **_all(None, "task_id", "page", "stopped_at"),
}

SHAPES: Mapping[str, Shape] = {
    "fact": Shape(
        place=("case_id", "seq"),
        owner="owner",
        outside={"body": _is(""), "at": lambda row: row["recorded"]},
        inner={
            **_all("", "body"),
            **_all(0, "at", "recorded"),
            **_all(HIDDEN, "kind"),
            **_all(None, "lane", "step", "task_id"),
        },
    ),
    "task": Shape(
        place=("case_id", "instance"),
        owner="owner",
        outside=_TASK,
        inner={**_TASK, **_all(HIDDEN, "step", "lane"), **_all(None, "delivered_at", "taken_at", "withdrawn_at")},
    ),
    # Of what others are told too, nothing is hidden: that it was not taken up.
    "notice": Shape(place=("case_id", "seq", "role"), owner="owner", outside={}, inner=_NOTICE),
    # Whom it concerns and what became of it; when it is to be looked at again stays, or nobody could be told in time.
    "errand": Shape(
        place=("id",),
        owner="owner",
        outside={},
        inner={
            **_all(HIDDEN, "kind"),
            **_all("", "notes"),
            **_all(0, "due", "since", "slot", "fails"),
            **_all(None, "role", "person", "instance", "notice_id", "slot_at", "ended", "ended_by"),
        },
    ),
    "field_value": Shape(
        place=("case_id", "field"), owner="owner", outside={}, inner={**_all("", "value"), **_all(0, "at", "seq")}
    ),
    "slot_ref": Shape(
        place=("case_id", "seq"), owner="keeper", outside={}, inner={**_all(HIDDEN, "slot"), **_all(0, "at")}
    ),
}


class Sealer:
    """Seals and opens rows of cases on one connection.

    Args:
        keys: where the cases' keys come from; None: whatever is sealed stays shut.
    """

    def __init__(self, keys: RowKeys | None) -> None:
        self._keys = keys
        # For as long as rows are sealed or opened together: those of one case have one key.
        self._ciphers: dict[bytes, AESSIV] = {}

    def sealed(self, table: str, row: Row, protocol: Protocol, erased: Collection[Slug] = ()) -> dict[str, Any]:
        """A row as it is kept: with its column ``sealed``, which is NULL for what is no agency's own.

        Args:
            table: the table's name.
            row: every column but ``sealed``.
            protocol: what the case runs on: it says which agencies are confidential.
            erased: those of them whose part of the case was erased: what is left of it says no more than others were
                shown, and its key is gone.

        Raises:
            HandoffError: ``ENGINE_LOCKED``, ``KEY_DESTROYED``.
        """
        shape = SHAPES[table]
        owner = _owner(shape, row, protocol)
        hidden = shape.outside if row.get("outside") else shape.inner
        if owner is None or owner in erased or not hidden:
            return {**row, "sealed": None}
        key = self._key(row["case_id"], owner, confidential(protocol))
        if table == "task" and voters_of(protocol, protocol.step[row["step"]]):
            # Who votes on it finds it by its step.
            hidden = {name: shadow for name, shadow in hidden.items() if name != "step"}
        shadows = {name: shadow(row) for name, shadow in hidden.items()}
        kept = {**row, **shadows}
        told = {name: row[name] for name in hidden}
        if table == "field_value":
            told["field"] = row["field"]
            kept["field"] = pseudonym(key, "field", row["field"])
        kept["sealed"] = _headed(owner) + self._cipher(key).encrypt(
            _padded(canonical(told)), _place(table, shape, kept)
        )
        return kept

    def opened(self, table: str, row: Row) -> dict[str, Any]:
        """A row as it was before it was sealed; of what is found, its place and ``sealed`` must be there.

        Raises:
            HandoffError: ``ENGINE_LOCKED``, ``KEY_DESTROYED``; ``ROW_SPOILED`` when it was altered or moved.
        """
        found = dict(row)
        data = found.pop("sealed")
        if data is None:
            return found
        owner, start = _head(data)
        key = self._key(row["case_id"], owner, None)
        try:
            plain = self._cipher(key).decrypt(bytes(data[start:]), _place(table, SHAPES[table], row))
        except InvalidTag:
            raise HandoffError("ROW_SPOILED", "a sealed row was altered or moved; it does not open") from None
        found.update(json.loads(plain[LENGTH : LENGTH + int.from_bytes(plain[:LENGTH])]))
        return found

    def all_opened(self, table: str, rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Many rows, in their order; their keys are read together."""
        if self._keys is not None:
            sealed = [each for each in rows if each["sealed"] is not None]
            self._keys.warm({(each["case_id"], engagement(_head(each["sealed"])[0])) for each in sealed})
        return [self.opened(table, each) for each in rows]

    def id_key(self, site: bytes, case_id: str, owner: Slug | None, protocol: Protocol) -> bytes:
        """What public ids are made with: of an agency's own things with a key that lets nobody else try words."""
        if owner is None:
            return site
        return hmac.digest(self._key(case_id, owner, confidential(protocol)), b"handoff/1|ids", "sha256")

    def _cipher(self, key: bytes) -> AESSIV:
        known = self._ciphers.get(key)
        if known is None:
            known = self._ciphers[key] = AESSIV(hmac.digest(key, b"handoff/1|rows", "sha512"))
        return known

    def _key(self, case_id: str, owner: Slug, agencies: tuple[Slug, ...] | None) -> bytes:
        if self._keys is None:
            says = f"what is {owner}'s alone is sealed, and this program was started without the keys"
            raise HandoffError("ENGINE_LOCKED", says)
        return self._keys.key(case_id, engagement(owner), agencies)


def sealer(connection: Connection) -> Sealer:
    """The sealer of a connection: with the keys its ``Database`` was made with."""
    return Sealer(connection.get_execution_options().get("handoff_keys"))


def opened(table: str, connection: Connection, rows: Iterable[Any]) -> list[dict[str, Any]]:
    """Rows as a query found them, those opened that are sealed; the keys of all of them are read together.

    Args:
        table: whose rows they are; the query has their place and ``sealed``.
        connection: one of a ``Database`` with keys.
        rows: in any order, which stays.

    Raises:
        HandoffError: ``ENGINE_LOCKED``, ``KEY_DESTROYED``, ``ROW_SPOILED``.
    """
    return sealer(connection).all_opened(table, [dict(each._mapping) for each in rows])


def pseudonym(key: bytes, *parts: str) -> str:
    """What stands for a word in a column that must tell equal from different, within one case."""
    digest = hmac.digest(key, json.dumps(parts).encode(), "sha256")
    return base64.b32encode(digest[:16]).decode().rstrip("=").lower()


def _owner(shape: Shape, row: Row, protocol: Protocol) -> Slug | None:
    owner: Slug | None = row[shape.owner]
    if shape.owner == "owner" or owner is None:
        return owner
    return owner if protocol.agency[owner].confidential else None


def _headed(owner: Slug) -> bytes:
    """Whose key opens what follows: the columns that say so may have been damaged, and are built again from this."""
    return bytes((len(owner),)) + owner.encode()


def _head(data: bytes) -> tuple[Slug, int]:
    start = 1 + data[0]
    return data[1:start].decode(errors="replace"), start


def _place(table: str, shape: Shape, row: Row) -> list[bytes]:
    return [f"handoff/1|{table}".encode(), *(str(row[name]).encode() for name in shape.place)]


def _padded(data: bytes) -> bytes:
    size = UNIT
    while size < LENGTH + len(data):
        size *= 2
    return (len(data).to_bytes(LENGTH) + data).ljust(size, b"\0")
