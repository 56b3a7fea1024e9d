"""Rows to incidents: every row is passed over, refused for a stated reason, or becomes one report."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.state import Instant
from runtime.incidents import Incident, Reader, RefusedRow, header_of
from runtime.mapping import judge, read_mapping
from runtime.records import opened, records
from runtime.texts import find
from tests.runtime.exports import MAPPING, NOW, protocol, read, row

SAMPLE = Path(__file__).parents[3] / "shared" / "data" / "chicago-domestic-2022-jan-jul.csv.gz"
NUMBERED = MAPPING.replace('key: "{number}"', 'key: "{number} {language}"\nsame key: number')


def incident(rows: str, mapping: str = MAPPING) -> Incident:
    (found,) = read(rows, mapping)[1]
    assert isinstance(found, Incident)
    return found


def refusal(rows: str | bytes, mapping: str = MAPPING) -> RefusedRow:
    found = read(rows, mapping)[1][-1]
    assert isinstance(found, RefusedRow)
    return found


def local(year: int, month: int, day: int, hour: int, minute: int) -> Instant:
    ordinal = date(year, month, day).toordinal()
    return clocks.local_instant("America/Chicago", ordinal, hour * 60 + minute, last=False)


def test_a_row_becomes_a_report_with_values_of_their_types() -> None:
    """Values are called as the protocol calls them; a protected one stays apart; a recent record is not held."""
    found = incident(row())

    assert ("N-1", local(2026, 11, 22, 22, 0), None) == (found.key, found.occurred_at, found.hold_until)
    assert found.data == {"spoken-language": "english", "injured": False, "danger": 3}
    assert found.vault == {"safe-numbers": "+1-555-0100"}


def test_an_empty_cell_brings_nothing() -> None:
    """A field that may be brought is left out when its cell is empty."""
    found = incident(row(language="", hurt="", score="", phone=""))

    assert (found.data, found.vault) == ({}, {})


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        (row(at=""), "NO_TIME"),
        (row(at="yesterday"), "TIME_FORMAT"),
        (row(at="2022-03-13T02:30:00"), "TIME_SKIPPED"),
        (row(at="2026-11-23T09:00:01"), "IN_FUTURE"),
        (row(at="1900-01-01T00:00:00"), "TIME_PLACEHOLDER"),
        (row(at="9999-12-31T23:59:59"), "IN_FUTURE"),
        (row() + row(), "DUPLICATE_KEY"),
        (row() + row("n-1 "), "DUPLICATE_KEY"),
        (row(""), "NO_KEY"),
        (row("N" * 201), "KEY_TOO_LONG"),
        (row(language="KLI"), "FIELD_CHOICE"),
        (row(hurt="perhaps"), "FIELD_TYPE"),
        (row(score="three"), "FIELD_TYPE"),
        (row(score="21"), "FIELD_RANGE"),
        ("N-1,2026-11-22T22:00:00\n", "ROW_SHAPE"),
        ("N-1,2026-11-22T22:00:00,yes,ENG,no,3,\udcff\n", "ENCODING"),
    ],
)
def test_a_row_that_cannot_go_in_is_refused_by_name(rows: str, code: str) -> None:
    """The refusal has the row's line number, a code and a reason, and none of the row's own words."""
    found = refusal(rows.encode(errors="surrogateescape"))

    assert (code, 1 + rows.count("\n")) == (found.code, found.line)
    assert "N-1" not in found.reason
    assert found.reason.endswith(".")


def test_a_repeated_hour_means_what_the_mapping_says() -> None:
    """01:30 on the day the clocks go back is the first, the second, or refused."""
    moment = "2026-11-01T01:30:00"
    first = incident(row(at=moment))
    second = incident(row(at=moment), MAPPING.replace("Chicago}", "Chicago, repeated hour: second}"))
    refused = refusal(row(at=moment), MAPPING.replace("Chicago}", "Chicago, repeated hour: refuse}"))

    assert second.occurred_at - first.occurred_at == clocks.HOUR
    assert refused.code == "TIME_REPEATED"
    assert read(row(at=moment))[0].tally.repeated_hours == 1


def test_a_time_may_be_written_in_the_exports_own_way() -> None:
    """A format names the parts; a time with an offset needs no zone."""
    american = MAPPING.replace("Chicago}", 'Chicago, format: "%m/%d/%Y %I:%M %p"}')

    assert local(2026, 11, 22, 22, 0) == incident(row(at="11/22/2026 10:00 PM"), american).occurred_at
    assert local(2026, 11, 22, 22, 0) == incident(row(at="2026-11-23T04:00:00+00:00")).occurred_at


def test_rows_that_say_the_same_are_numbered_when_the_mapping_says_so() -> None:
    """Without a case number the key is what the row says, and its place among rows that say the same."""
    _, found = read(row() + row("N-2") + row(), NUMBERED)

    assert [each.key for each in found if isinstance(each, Incident)] == ["N-1 ENG", "N-2 ENG", "N-1 ENG #2"]


@given(st.permutations([row(number) for number in "AABBBCD"]))
def test_the_order_of_rows_changes_no_key(rows: list[str]) -> None:
    """A file sorted otherwise opens the same cases."""
    keys = [each.key for each in read("".join(rows), NUMBERED)[1] if isinstance(each, Incident)]

    assert sorted(keys) == ["A ENG", "A ENG #2", "B ENG", "B ENG #2", "B ENG #3", "C ENG", "D ENG"]


def test_old_records_are_spread_over_the_coming_working_days() -> None:
    """Four a day, evenly over the council's hours, from tomorrow on, and not on its day off; a recent one at once."""
    rows = "".join(row(f"N-{number}", "2022-05-01T12:00:00") for number in range(9))

    _, found = read(rows + row("new"))

    held = [each.hold_until for each in found if isinstance(each, Incident)]
    days = [(24, 9), (24, 11), (24, 13), (24, 15), (25, 9), (25, 11), (25, 13), (25, 15), (27, 9)]
    assert [local(2026, 11, day, hour, 0) for day, hour in days] == held[:-1]
    assert held[-1] is None


def test_what_would_wait_for_more_than_a_year_is_refused() -> None:
    """A backlog too large for its pace is said to be so, row by row."""
    slow = MAPPING.replace("per day: 4", "per day: 1")
    rows = "".join(row(f"N-{number}", "2022-05-01T12:00:00") for number in range(300))

    _, found = read(rows, slow)

    assert {"BACKLOG_FULL"} == {each.code for each in found if isinstance(each, RefusedRow)}
    assert 250 < sum(isinstance(each, Incident) for each in found) < 262


def test_nothing_is_held_when_the_mapping_says_so() -> None:
    """A council that wants last year's records tonight writes it."""
    backlog = MAPPING[MAPPING.index("backlog") :]

    assert (
        incident(row(at="2022-05-01T12:00:00"), MAPPING.replace(backlog, "backlog: deliver now\n")).hold_until is None
    )
    assert incident(row(at="2022-05-01T12:00:00"), MAPPING.replace(backlog, "")).hold_until is not None


@given(st.binary(max_size=2000) | st.lists(st.sampled_from([row(), row(at=""), row(arrest="no"), "\n", '"', "\xff\n"])))
def test_the_count_adds_up_whatever_the_rows_are(rows: bytes | list[str]) -> None:
    """Read is passed over, plus refused, plus reports."""
    data = rows if isinstance(rows, bytes) else "".join(rows).encode()

    reader, found = read(data)

    sent = sum(isinstance(each, Incident) for each in found)
    assert reader.tally.read == reader.tally.filtered + reader.tally.refused + sent
    assert reader.tally.refused == len(found) - sent


def test_an_export_without_a_header_is_refused_as_a_whole() -> None:
    """An empty file, and one in another encoding, are said to be that."""
    for data, says in ((b"", "empty"), ("number,at\n".encode("utf-16"), "UTF-8")):
        with pytest.raises(HandoffError, match=says):
            read(data, header="")


@pytest.mark.skipif(not SAMPLE.exists(), reason="the sample of real incidents is not here")
def test_the_sample_of_real_incidents_goes_in_whole() -> None:
    """Of 25,000 incidents of 2022, every one with an arrest becomes a report with a key of its own; none is refused."""
    mapping = find("post-arrest-advocacy").parent / "chicago.map.yaml"
    sheet = read_mapping(mapping.read_bytes())
    with opened(SAMPLE) as (stream, _raw):
        rows = records(stream)
        reader = Reader(mapping=sheet.mapping, protocol=protocol(), header=header_of(rows), now=NOW)
        assert judge(sheet, protocol(), reader.header) == ()
        keys = {each.key for each in reader.read(rows) if isinstance(each, Incident)}

    assert (reader.tally.read, reader.tally.filtered, reader.tally.refused) == (25_000, 21_773, 0)
    assert len(keys) == 3_227
