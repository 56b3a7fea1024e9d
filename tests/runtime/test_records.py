"""Reading exports: bounded, encoded, damaged, and every line accounted for."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from pathlib import Path
from typing import BinaryIO, cast

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from protocol.errors import HandoffError
from runtime.records import LONGEST_LINE, MOST_LINES, Record, opened, records


def read(data: bytes) -> list[Record]:
    return list(records(io.BytesIO(data)))


@given(st.binary(max_size=4000) | st.text('ab,"\n\r\xe9', max_size=400).map(str.encode))
@example(b'"' * 3)
@example(b'a,"b\n' * (MOST_LINES * 2))
def test_every_line_belongs_to_exactly_one_record(data: bytes) -> None:
    """Whatever the bytes are, nothing is raised, and the records' lines are the file's lines, in order."""
    lines = data.count(b"\n") + (not data.endswith(b"\n") and bool(data))

    found = read(data)

    assert lines == sum(each.lines for each in found)
    assert [each.line for each in found] == [1 + sum(e.lines for e in found[:n]) for n in range(len(found))]


@given(st.lists(st.lists(st.text(max_size=20), min_size=2, max_size=5), min_size=1, max_size=20))
def test_what_was_written_as_csv_is_read_back(rows: list[list[str]]) -> None:
    """Quotes, delimiters and line breaks in cells come back as they were; only lone carriage returns need quotes."""
    out = io.StringIO(newline="")
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in rows]
    out.write("\n".join(",".join(row) for row in quoted))

    found = [each.cells for each in read(out.getvalue().encode()) if each.code is None]

    assert [tuple(row) for row in rows if sum(cell.count("\n") for cell in row) < MOST_LINES] == found


def test_a_line_too_long_is_refused_with_its_number_and_reading_goes_on() -> None:
    """The row after a line of 3 MB is read as if nothing had been there."""
    found = read(b"a,b\n" + b"x" * (3 * LONGEST_LINE) + b"\n1,2\n")

    assert [(each.line, each.code) for each in found] == [(1, None), (2, "LINE_TOO_LONG"), (3, None)]


class Endless(io.RawIOBase):
    """A stream of so many bytes of one line, made as they are read."""

    def __init__(self, size: int) -> None:
        self.left = size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast("bytearray", buffer))
        size = min(self.left, len(view))
        view[:size] = b"x" * size
        self.left -= size
        return size


def test_a_line_of_200_megabytes_is_never_held() -> None:
    """Passing over it takes a few megabytes of memory."""
    stream = cast("BinaryIO", io.BufferedReader(Endless(200_000_000)))
    tracemalloc.start()

    (found,) = records(stream)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (found.line, found.code) == (1, "LINE_TOO_LONG")
    assert peak < 8 * LONGEST_LINE


def test_an_open_quote_costs_its_own_line_only() -> None:
    """The lines that it swallowed are read again."""
    found = read(b'a,b\n1,"open\n2,x\n3,y\n')

    assert [each.code for each in found] == [None, "ROW_MALFORMED", None, None]
    assert [each.cells for each in found[2:]] == [("2", "x"), ("3", "y")]


def test_a_quoted_cell_may_run_over_so_many_lines_and_no_more() -> None:
    """Beyond that a quote counts as open by mistake, so a slip on one line never costs a whole file."""
    within = b'1,"' + b"x\n" * (MOST_LINES - 1) + b'x"\n'
    beyond = b'1,"' + b"x\n" * MOST_LINES + b'x"\n'

    assert [MOST_LINES] == [each.lines for each in read(within)]
    assert ("ROW_MALFORMED", 1) == (read(beyond)[0].code, read(beyond)[0].lines)


def test_bytes_of_another_encoding_are_refused_where_they_stand() -> None:
    """A row in Latin-1 among rows in UTF-8 is the only one refused."""
    found = read("ä,b\n".encode() + "ä,b\n".encode("latin-1") + b"1,2\n")

    assert [each.code for each in found] == [None, "ENCODING", None]


def test_a_byte_order_mark_is_no_part_of_the_first_column() -> None:
    """Spreadsheets begin their UTF-8 with one."""
    (found,) = read(b"\xef\xbb\xbfnumber,when\n")

    assert found.cells == ("number", "when")


@pytest.mark.parametrize("packed", [True, False])
def test_plain_and_gzip_read_alike(tmp_path: Path, *, packed: bool) -> None:
    """What counts is how the file begins, not what it is called."""
    path = tmp_path / "export"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n") if packed else b"a,b\n1,2\n")

    with opened(path) as (stream, _raw):
        assert [each.cells for each in records(stream)] == [("a", "b"), ("1", "2")]


def test_a_file_cut_off_is_read_up_to_there_and_said_to_be_broken(tmp_path: Path) -> None:
    """Half a gzip file gives its rows, then one refusal."""
    rows = b"".join(b"%d,x\n" % number for number in range(50_000))
    path = tmp_path / "export.gz"
    path.write_bytes(gzip.compress(rows, 1)[:-2000])

    with opened(path) as (stream, _raw):
        found = list(records(stream))

    assert found[-1].code == "FILE_BROKEN"
    assert all(each.code is None for each in found[:-1])
    assert len(found) > 1000


def test_a_missing_file_is_named() -> None:
    """The sentence says which file cannot be read."""
    with pytest.raises(HandoffError, match=r"nowhere\.csv"), opened(Path("nowhere.csv")):
        pass
