"""A small CSV file somebody made by hand: its columns are called as the event's own fields, so no mapping is needed."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from protocol.errors import HandoffError
from protocol.kernel import Event, Protocol
from protocol.names import Slug
from protocol.state import Instant
from runtime.incidents import Incident, Reader, RefusedRow, header_of
from runtime.mapping import NOT_IN_A_CELL, Mapping
from runtime.records import GZIP, records

NUMBER, HAPPENED = "number", "happened"
"""The columns every such file has: the sender's own number for the incident, and when it happened."""

MOST_BYTES = 256 * 1024
MOST_ROWS = 200
"""What one request takes in; more goes in by the command line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """What became of each row; ``left_out``: columns that are not sent."""

    ready: tuple[Incident, ...]
    fixes: tuple[RefusedRow, ...]
    left_out: tuple[str, ...]


def columns(protocol: Protocol, event: Event) -> tuple[Slug, ...]:
    """The columns a file of an event may have, those it must have first."""
    brought = [each for each in (*event.brings, *event.may_bring) if _in_a_cell(protocol, each)]
    return (NUMBER, HAPPENED, *brought)


def read_sheet(data: bytes, protocol: Protocol, event: Event, source: Slug, now: Instant) -> Sheet:
    """Judge every row of a file, plain or gzip.

    Raises:
        HandoffError: ``FILE_LARGE``; ``HEADER`` when the first line names no columns or misses one that is needed.
    """
    found = records(io.BytesIO(_unpacked(data)))
    header = header_of(found)
    known = columns(protocol, event)
    needed = [NUMBER, HAPPENED, *(each for each in known if each in event.brings)]
    missing = next((each for each in needed if each not in header), None)
    if missing is not None:
        raise HandoffError("HEADER", f"The file has no column {missing}: its first line names the columns.")
    twice = next((each for each in known if header.count(each) > 1), None)
    if twice is not None:
        raise HandoffError("HEADER", f"The file has two columns {twice}: rename one.")
    here = [each for each in known if each in header and each not in (NUMBER, HAPPENED)]
    mapping = Mapping.model_validate(
        {
            "event": event.id,
            "source": source,
            "key": f"{{{NUMBER}}}",
            "occurred at": {"column": HAPPENED, "zone": protocol.zone},
            "data": {each: each for each in here if each in protocol.field},
            "vault": {each: each for each in here if each in protocol.slot},
        }
    )
    rows = tuple(_most(Reader(mapping, protocol, header, now).read(found)))
    return Sheet(
        ready=tuple(each for each in rows if isinstance(each, Incident)),
        fixes=tuple(each for each in rows if isinstance(each, RefusedRow)),
        left_out=tuple(each for each in header if each not in known),
    )


def _in_a_cell(protocol: Protocol, name: Slug) -> bool:
    return name in protocol.slot or (name in protocol.field and protocol.field[name].type not in NOT_IN_A_CELL)


def _unpacked(data: bytes) -> bytes:
    if data.startswith(GZIP):
        try:
            with gzip.GzipFile(fileobj=io.BytesIO(data)) as unpacked:
                data = unpacked.read(MOST_BYTES + 1)
        except (OSError, EOFError, zlib.error):
            raise HandoffError("HEADER", "The file is damaged or cut off: save it again.") from None
    if len(data) > MOST_BYTES:
        raise HandoffError("FILE_LARGE", f"A file has {MOST_BYTES // 1024} KB at most here; handoff intake takes more.")
    return data


def _most(rows: Iterator[Incident | RefusedRow]) -> Iterator[Incident | RefusedRow]:
    for count, row in enumerate(rows, start=1):
        if count > MOST_ROWS:
            raise HandoffError("FILE_LARGE", f"A file has {MOST_ROWS} rows at most here; handoff intake takes more.")
        yield row
