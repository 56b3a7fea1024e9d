"""A protocol, a mapping and exports made up for the intake's tests."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from functools import cache

from protocol.compiling.compiler import compile_text
from protocol.engine import clocks
from protocol.kernel import Protocol
from protocol.state import Instant
from runtime.incidents import Incident, Reader, RefusedRow, header_of
from runtime.mapping import read_mapping
from runtime.records import records

NOW: Instant = clocks.instant(datetime(2026, 11, 23, 15, 0, tzinfo=UTC))
"""A Monday, 09:00 in Chicago."""

TEXT = """\
protocol: intake-test
timezone: America/Chicago
agencies:
 council: {lead: coordinator, open: mon-fri 09:00-17:00, closed: [2026-11-26]}
 police: {lead: sergeant, roles: [patrol]}
agreements:
 mou: {between: all, signed: 2026-01-15, review by: 2036-01-15}
record:
 first-appearance: date and time
 spoken-language: one of english, spanish, other
 injured: yes or no
 danger: number from 0 to 20
 calls: count of arrest-booked
 visits: list of seen-at (date and time), by-whom (role)
vault:
 safe-numbers: phone numbers, kept by council
events:
 arrest-booked:
  from: police
  may bring: first-appearance, spoken-language, injured, danger, visits and safe-numbers
  then: start a case
steps in referral:
 referral:
  when: arrest-booked
  who: patrol
  must: give advocacy the case
  due: within 2 hours
"""

MAPPING = """\
event: arrest-booked
source: police
only: arrest is yes
key: "{number}"
occurred at: {column: at, zone: America/Chicago}
data:
 spoken-language: {column: language, values: {ENG: english, SPA: spanish, XXX: other}}
 injured: hurt
 danger: score
vault: {safe-numbers: phone}
backlog: {older than: 3 days, per day: 4, hours of: council}
"""

HEADER = "number,at,arrest,language,hurt,score,phone\n"


@cache
def protocol() -> Protocol:
    return compile_text(TEXT, today=date(2026, 11, 23)).protocol


def read(rows: str | bytes, mapping: str = MAPPING, header: str = HEADER) -> tuple[Reader, list[Incident | RefusedRow]]:
    """What becomes of rows (below the header) of an export."""
    data = header.encode() + (rows if isinstance(rows, bytes) else rows.encode())
    found = records(io.BytesIO(data))
    reader = Reader(mapping=read_mapping(mapping).mapping, protocol=protocol(), header=header_of(found), now=NOW)
    return reader, list(reader.read(found))


def row(number: str = "N-1", at: str = "2026-11-22T22:00:00", **more: str) -> str:
    """One row, recent and unremarkable but for what is said."""
    cells = {"arrest": "yes", "language": "ENG", "hurt": "no", "score": "3", "phone": "+1-555-0100", **more}
    return ",".join((number, at, *cells.values())) + "\n"
