"""The mapping file: every slip is found before anything is sent, at its place, with what to write instead."""

from __future__ import annotations

import pytest

from protocol.errors import SpecError
from runtime.mapping import judge, read_mapping
from runtime.texts import bundled
from tests.runtime.exports import HEADER, MAPPING, protocol

COLUMNS = HEADER.strip().split(",")


def test_the_mapping_fits_its_export_and_protocol() -> None:
    """There is nothing to say about a good one."""
    assert judge(read_mapping(MAPPING), protocol(), COLUMNS) == ()


@pytest.mark.parametrize(
    ("was", "now", "code", "line"),
    [
        ("event: arrest-booked\n", "", "MISSING_KEY", 1),
        ("source: police", "sources: police", "UNKNOWN_KEY", 2),
        ("only: arrest is yes", "only: arrest", "ONLY", 3),
        ('"{number}"', '"number"', "KEY", 4),
        ("America/Chicago", "Mars/Olympus", "TIMEZONE", 5),
        ("values: {ENG", "valuess: {ENG", "UNKNOWN_KEY", 7),
        ("per day: 4", "per day: 0", "WRONG_SHAPE", 11),
        ("3 days", "12 hours", "BACKLOG_AGE", 11),
        ("3 days", "a while", "WRONG_SHAPE", 11),
        ("older than: 3 days, ", "", "MISSING_KEY", 11),
    ],
)
def test_a_mapping_that_is_not_written_right_is_refused_at_its_line(was: str, now: str, code: str, line: int) -> None:
    """The finding has the code, and the line of the slip."""
    assert was in MAPPING

    with pytest.raises(SpecError) as caught:
        read_mapping(MAPPING.replace(was, now))

    assert (code, line) in [(each.code, each.place.line) for each in caught.value.findings]


@pytest.mark.parametrize(
    ("was", "now", "code", "line", "write"),
    [
        ("column: at", "column: att", "MISSING_COLUMN", 5, "Did you mean at?"),
        ("{number}", "{number} {district}", "MISSING_COLUMN", 4, "There is"),
        ("arrest is", "arrested is", "MISSING_COLUMN", 3, "Did you mean arrest?"),
        ("phone}", "phones}", "MISSING_COLUMN", 10, "Did you mean phone?"),
        ("event: arrest-booked", "event: arrest", "UNKNOWN_EVENT", 1, "arrest-booked"),
        ("source: police", "source: council", "UNKNOWN_SOURCE", 2, "police"),
        ("injured: hurt", "hurt: hurt", "UNKNOWN_FIELD", 8, "There is"),
        ("injured: hurt", "visits: hurt", "FIELD_TYPE", 8, "Remove it."),
        ("injured: hurt", "calls: hurt", "FIELD_TYPE", 8, "Remove it."),
        ("SPA: spanish", "SPA: spannish", "FIELD_CHOICE", 7, "Did you mean spanish?"),
        ("hours of: council", "hours of: counsel", "UNKNOWN_AGENCY", 11, "Did you mean council?"),
    ],
)
def test_a_mapping_that_does_not_fit_says_what_to_write(was: str, now: str, code: str, line: int, write: str) -> None:
    """A column that is not there, an event or field of no such name: found before anything is sent."""
    assert was in MAPPING

    found = judge(read_mapping(MAPPING.replace(was, now)), protocol(), COLUMNS)

    assert (code, line) in [(each.code, each.place.line) for each in found]
    assert write in " ".join(each.write for each in found)


def test_a_column_that_stands_twice_in_the_export_is_not_guessed_at() -> None:
    """Which of two columns of one name is meant, nobody can tell."""
    (found,) = judge(read_mapping(MAPPING), protocol(), [*COLUMNS, "at"])

    assert found.code == "COLUMN_TWICE"


def test_what_a_start_event_brings_must_have_a_column() -> None:
    """An event that needs a field is not reported without it."""
    needed = protocol().event["arrest-booked"].may_bring
    mapping = "\n".join(line for line in MAPPING.splitlines() if "score" not in line)

    assert "danger" in needed
    assert judge(read_mapping(mapping), protocol(), COLUMNS) == ()


def test_every_bundled_mapping_is_well_written() -> None:
    """The mappings that come with Handoff are read without a finding."""
    folders = {path.parent for versions in bundled().values() for path in versions.values()}
    mappings = [each for folder in folders for each in folder.glob("*.map.yaml")]

    assert mappings
    for each in mappings:
        read_mapping(each.read_bytes())
