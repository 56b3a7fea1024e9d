"""Rows of a records system's CSV export, plain or gzip, read in bounded memory whatever the file holds.

A line is read to 1 MB at most and then skipped to its end; a quoted cell may run over 50 lines. What cannot be read
is refused with its line number, and reading goes on at the next line, so every line is accounted for.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from protocol.errors import HandoffError

LONGEST_LINE = 1_000_000
"""Bytes of a line that are read; a longer one is refused without being held in memory."""

MOST_LINES = 50
"""Lines that one row may run over, by line breaks inside quotes."""

GZIP = b"\x1f\x8b"
BOM = b"\xef\xbb\xbf"

REASONS = {
    "LINE_TOO_LONG": f"The line is longer than {LONGEST_LINE:,} bytes.",
    "ROW_MALFORMED": "A quote is open or out of place here, or a cell is over 128 KB.",
    "ROW_SHAPE": "The row does not have as many cells as the header.",
    "ENCODING": "The row is not UTF-8.",
    "FILE_BROKEN": "The file cannot be read from here on: it is damaged or cut off.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One row: where it begins, how many lines it takes, and its cells; or the code of what is wrong with it.

    A blank line is a record without cells and without a code.
    """

    line: int
    lines: int = 1
    cells: tuple[str, ...] = ()
    code: str | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    data: bytes = b""
    code: str | None = None


@contextmanager
def opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file's content, unpacked if it is gzip, and the raw file, whose position tells how far reading has come.

    Raises:
        HandoffError: ``FILE`` when it cannot be opened.
    """
    try:
        raw = path.open("rb")
    except OSError as error:
        raise HandoffError("FILE", f"{path} cannot be read: {error.strerror}.") from None
    with raw:
        packed = raw.read(len(GZIP)) == GZIP
        raw.seek(0)
        if not packed:
            yield raw, raw
            return
        with gzip.GzipFile(fileobj=raw) as unpacked:
            # GzipFile is a BinaryIO in all but its declared type.
            yield unpacked, raw  # type: ignore[misc]


def records(stream: BinaryIO, delimiter: str = ",") -> Iterator[Record]:
    """Every row of a CSV stream in order, the header first."""
    feed = _Feed(_lines(stream))
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while (line := feed.first()) is not None:
        if line.code is not None:
            feed.drop()
            yield Record(line=line.number, code=line.code)
            continue
        feed.begin()
        try:
            cells = tuple(next(reader))
        except csv.Error:
            # Only the first line is given up: what an open quote swallowed is read again.
            feed.rewind()
            reader = csv.reader(feed, delimiter=delimiter, strict=True)
            yield Record(line=line.number, code="ROW_MALFORMED")
            continue
        code = None if _is_text(cells) else "ENCODING"
        yield Record(line=line.number, lines=feed.count, cells=() if code else cells, code=code)


def _is_text(cells: tuple[str, ...]) -> bool:
    """Whether no cell holds bytes that were not UTF-8 (kept as lone surrogates so far)."""
    try:
        "".join(cells).encode()
    except UnicodeEncodeError:
        return False
    return True


def _lines(stream: BinaryIO) -> Iterator[_Line]:
    number = 0
    while True:
        number += 1
        try:
            data = stream.readline(LONGEST_LINE + 1)
            too_long = len(data) > LONGEST_LINE
            rest = data
            while too_long and rest and not rest.endswith(b"\n"):
                rest = stream.readline(LONGEST_LINE)
        except (OSError, EOFError, zlib.error):
            yield _Line(number, code="FILE_BROKEN")
            return
        if not data:
            return
        yield _Line(number, code="LINE_TOO_LONG") if too_long else _Line(number, data)


class _Feed(Iterator[str]):
    """Lines as the CSV reader takes them, one row's worth at a time, with those of a spoiled row given back."""

    def __init__(self, lines: Iterator[_Line]) -> None:
        self._lines = lines
        self._ahead: deque[_Line] = deque()
        self._taken: list[_Line] = []

    @property
    def count(self) -> int:
        return len(self._taken)

    def first(self) -> _Line | None:
        if not self._ahead:
            self._ahead.extend([line] if (line := next(self._lines, None)) is not None else [])
        return self._ahead[0] if self._ahead else None

    def drop(self) -> None:
        self._ahead.popleft()

    def begin(self) -> None:
        self._taken.clear()

    def rewind(self) -> None:
        self._ahead.extendleft(reversed(self._taken[1:]))
        self._taken.clear()

    def __next__(self) -> str:
        line = self.first()
        if line is None or line.code is not None or len(self._taken) == MOST_LINES:
            raise StopIteration
        self.drop()
        self._taken.append(line)
        data = line.data.removeprefix(BOM) if line.number == 1 else line.data
        return data.decode("utf-8", "surrogateescape")
