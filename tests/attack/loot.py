"""What an attacker has in hand: files, databases, every secret of the operator; nothing of a custodian."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from temporalio.api.common.v1 import Payload

CUSTODIAN = "agencies"
"""The custodian's folder of seeds: the one thing that is not the operator's."""

MARK = b"binary/handoff-1"
"""What the program marks its payloads with (``runtime.codec.ENCODING``)."""


class Cell(NamedTuple):
    """One value of one row of one table."""

    file: str
    table: str
    column: str
    value: Any


class Blob(NamedTuple):
    """A payload as it lies in Temporal's database: the id of its key, and its bytes."""

    key_id: str
    data: bytes


def steal(data: Path, to: Path) -> Path:
    """Copy an installation's whole folder but the custodian's."""
    shutil.copytree(data, to, ignore=lambda _, names: {each for each in names if each == CUSTODIAN or "sock" in each})
    return to


@dataclass
class Loot:
    """A stolen folder, read in every way."""

    folder: Path
    opened: list[tuple[str, bytes]] = field(default_factory=list)
    """What was decrypted: where it lay, and what it says."""

    @cached_property
    def files(self) -> dict[str, bytes]:
        """Every byte of every file, by its path."""
        return {
            str(each.relative_to(self.folder)): each.read_bytes() for each in self.folder.rglob("*") if each.is_file()
        }

    @cached_property
    def databases(self) -> list[Path]:
        """Every SQLite file."""
        return [self.folder / name for name, data in self.files.items() if data.startswith(b"SQLite format 3")]

    @cached_property
    def cells(self) -> list[Cell]:
        """Every value of every table of every database."""
        return [each for path in self.databases for each in _cells(path)]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """The rows of a table of the program's own databases."""
        for path in self.databases:
            with sqlite3.connect(path) as connection:
                connection.row_factory = sqlite3.Row
                if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone():
                    return [dict(each) for each in connection.execute(f"SELECT * FROM {table}")]  # noqa: S608 - ours
        return []

    @cached_property
    def secrets(self) -> list[bytes]:
        """Whatever may be a key: files of that size, people's tokens, and blobs of the program's own tables."""
        found = [data for data in self.files.values() if 16 <= len(data) <= 128]
        own = {"handoff.db", "keys.db"}
        blobs = [each for each in self.cells if each.file in own and isinstance(each.value, bytes)]
        found += [bytes(each.value) for each in blobs if len(each.value) in {16, 32, 64}]
        found += [each for data in self.files.values() if len(data) < 4096 for each in re.findall(rb"hnd_[\w-]+", data)]
        return list(dict.fromkeys(found))

    @cached_property
    def payloads(self) -> list[Blob]:
        """What the program sent through Temporal, wherever it lies there."""
        whole = [bytes(each.value) for each in self.cells if isinstance(each.value, bytes) and MARK in each.value]
        return [each for data in whole for each in _payloads(data)]


def _cells(path: Path) -> Iterator[Cell]:
    with sqlite3.connect(path) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            cursor = connection.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name from the database itself
            names = [each[0] for each in cursor.description]
            for row in cursor:
                for name, value in zip(names, row, strict=True):
                    yield Cell(path.name, table, name, value)


def _payloads(data: bytes) -> Iterator[Blob]:
    """Payloads inside a larger message, found by their mark and the sizes that the codec pads to."""
    for found in re.finditer(re.escape(MARK), data):
        for power in range(12):
            size = 1024 * 2**power + 28
            head = b"\x12" + _varint(size)
            at = data.find(head, found.start(), found.start() + 200)
            body = data[at + len(head) : at + len(head) + size]
            if at >= 0 and len(body) == size:
                near = data[max(0, found.start() - 120) : at]
                yield Blob("case-1" if b"case-1" in near else "derived-1", body)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))


assert Payload.DESCRIPTOR.fields_by_name["data"].number == 2
