"""A small file made by hand: every row is ready or needs a fix, no row is repeated, and too much is refused."""

from __future__ import annotations

import gzip

import pytest

from protocol.errors import HandoffError
from runtime.sheets import MOST_BYTES, MOST_ROWS, Sheet, columns, read_sheet
from tests.runtime.exports import NOW, protocol

HEADER = "number,happened,first-appearance,injured,safe-numbers,remarks"
GOOD = "n-1,2026-11-22 23:05,2026-11-24 09:00,yes,+1-555-0100,secret remark"


def sheet(*rows: str, packed: bool = False) -> Sheet:
    """What becomes of a file."""
    data = "\n".join((HEADER, *rows)).encode()
    found = protocol()
    event = found.event["arrest-booked"]
    return read_sheet(gzip.compress(data) if packed else data, found, event, "police", NOW)


def code(data: bytes) -> str:
    """Why a file is not read at all."""
    found = protocol()
    with pytest.raises(HandoffError) as refused:
        read_sheet(data, found, found.event["arrest-booked"], "police", NOW)
    return refused.value.code


@pytest.mark.parametrize("packed", [False, True])
def test_a_row_is_ready_with_its_columns_by_name(*, packed: bool) -> None:
    """Fields are typed, protected values are kept apart, and a column that nobody asked for is left out."""
    found = sheet(GOOD, "", packed=packed)
    (row,) = found.ready
    assert ("n-1", True, {"safe-numbers": "+1-555-0100"}) == (row.key, row.data["injured"], row.vault)
    assert ("remarks",) == found.left_out
    assert "remark" not in str(row.data | row.vault)
    assert ("number", "happened") == columns(protocol(), protocol().event["arrest-booked"])[:2]


def test_a_row_that_needs_a_fix_says_where_and_repeats_nothing() -> None:
    """Line, code and column; never what the cell says."""
    found = sheet(GOOD, GOOD, "n-2,2026-11-22 23:05,25:00,yes,,", ",2026-11-22 23:05,,,,", "n-3,soon,,,,", "n-4")
    assert 1 == len(found.ready)
    said = [(each.line, each.code, each.place) for each in found.fixes]
    wanted = [
        (3, "DUPLICATE_KEY", ""),
        (4, "FIELD_TYPE", "first-appearance"),
        (5, "NO_KEY", ""),
        (6, "TIME_FORMAT", ""),
        (7, "ROW_SHAPE", ""),
    ]
    assert wanted == said
    assert "25:00" not in str(found.fixes)


def test_a_file_that_cannot_be_read_says_why() -> None:
    """No columns, a column twice, damage, too many bytes (packed ones too) or rows."""
    assert "HEADER" == code(b"")
    assert "HEADER" == code(b"number,remarks\n1,x\n")
    assert "HEADER" == code(b"number,number,happened\n")
    assert "HEADER" == code(gzip.compress(b"number,happened\n" * 50)[:-20])
    assert "FILE_LARGE" == code(b"x" * (MOST_BYTES + 1))
    assert "FILE_LARGE" == code(gzip.compress(b"x" * (MOST_BYTES + 1)))
    many = "\n".join(("number,happened", *(f"n{each},2026-11-22 23:05" for each in range(MOST_ROWS + 1))))
    assert "FILE_LARGE" == code(many.encode())
