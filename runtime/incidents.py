"""Rows to reports: each row of an export is passed over, refused with its line number, or becomes one incident.

A refusal never repeats what a cell says: the line number finds it, and reports travel further than exports do.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from collections.abc import Mapping as Cells
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.kernel import Field, FieldType, Protocol
from protocol.names import Slug
from protocol.state import Instant, Scalar
from protocol.text.names import NAME
from runtime.backlog import Schedule
from runtime.mapping import NAMED, Mapping, Moment, Value, tests
from runtime.records import REASONS, Record

LONGEST_KEY = 200
OLDEST: Instant = 315_532_800 * clocks.SECOND
"""1980: systems write 1900 or 1970 where they do not know a time."""

NAMED_THING = re.compile(rf"(?=.{{1,64}}$){NAME}")
"""What a reference may be: a name as protocols write them."""

YES, NO = {"yes", "y", "true", "t", "1"}, {"no", "n", "false", "f", "0"}

SENTENCES = {
    **REASONS,
    "NO_TIME": "The row has no time.",
    "TIME_FORMAT": "The time is not written as the mapping says.",
    "TIME_SKIPPED": "This local time does not exist: the clocks went forward.",
    "TIME_REPEATED": "This local time came twice: the clocks went back.",
    "TIME_PLACEHOLDER": "A time before 1980 stands for one that is not known.",
    "IN_FUTURE": "That time has not come yet.",
    "NO_KEY": "A column of the key is empty.",
    "KEY_TOO_LONG": f"The key is longer than {LONGEST_KEY} characters.",
    "DUPLICATE_KEY": "An earlier row has the same key.",
    "FIELD_REQUIRED": "{place} is needed.",
    "FIELD_CHOICE": "{place} is not one of its choices.",
    "FIELD_TYPE": "{place} does not have a value of its kind.",
    "FIELD_RANGE": "{place} is outside what it may be.",
    "BACKLOG_FULL": "It would be handed over more than a year from now: raise per day.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One report, ready to be sent."""

    line: int
    key: str
    occurred_at: Instant
    data: dict[Slug, Scalar]
    vault: dict[Slug, str]
    hold_until: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedRow:
    """A row that does not go in: where it stands and why; ``place``: the field, where it is one."""

    line: int
    code: str
    reason: str
    place: str = ""


@dataclass(slots=True)
class Tally:
    """What became of the rows; ``read`` is always the sum of the others once the run is over."""

    read: int = 0
    filtered: int = 0
    opened: int = 0
    joined: int = 0
    refused: int = 0
    held: int = 0
    """Of the cases opened, those whose first tasks wait for a later day."""
    repeated_hours: int = 0
    """Of the rows sent, those whose local time came twice; taken as the mapping says."""

    def adds_up(self) -> bool:
        """Whether every row read is accounted for."""
        return self.read == self.filtered + self.opened + self.joined + self.refused


class _Unusable(Exception):
    def __init__(self, code: str, place: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.place = place
        self.reason = SENTENCES[code].format(place=place)


@dataclass(slots=True)
class Reader:
    """Turns an export's records into incidents, counting as it goes."""

    mapping: Mapping
    protocol: Protocol
    header: tuple[str, ...]
    now: Instant
    tally: Tally = field(default_factory=Tally)
    _seen: dict[bytes, int] = field(default_factory=dict)
    _schedule: Schedule | None = None

    def __post_init__(self) -> None:
        """Lay out the backlog, unless the mapping delivers everything now."""
        if self.mapping.backlog is not None:
            self._schedule = Schedule(self.mapping.backlog, self.protocol, self.mapping.source, self.now)

    def read(self, records: Iterable[Record]) -> Iterator[Incident | RefusedRow]:
        """Each row that is not passed over, in order. Blank lines are no rows."""
        only = tests(self.mapping)
        for record in records:
            if not record.cells and record.code is None:
                continue
            self.tally.read += 1
            try:
                cells = self._cells(record)
                if all((cells[each.column].strip().casefold() in each.values) != each.negate for each in only):
                    yield self._incident(record.line, cells)
                else:
                    self.tally.filtered += 1
            except _Unusable as problem:
                self.tally.refused += 1
                yield RefusedRow(line=record.line, code=problem.code, reason=problem.reason, place=problem.place)

    def _cells(self, record: Record) -> dict[str, str]:
        if record.code is not None:
            raise _Unusable(record.code)
        if len(record.cells) != len(self.header):
            raise _Unusable("ROW_SHAPE")
        return dict(zip(self.header, record.cells, strict=True))

    def _incident(self, line: int, cells: Cells[str, str]) -> Incident:
        occurred_at, repeated = self._occurred_at(cells)
        data = {name: said for name in self.mapping.data if (said := self._value(name, cells)) is not None}
        vault = {slot: said for slot, column in self.mapping.vault.items() if (said := cells[column].strip())}
        for name in self.protocol.event[self.mapping.event].brings:
            if name not in data and name not in vault:
                raise _Unusable("FIELD_REQUIRED", name)
        key = self._key(cells)
        hold_until = self._hold_until(occurred_at)
        self.tally.repeated_hours += repeated
        return Incident(line=line, key=key, occurred_at=occurred_at, data=data, vault=vault, hold_until=hold_until)

    def _occurred_at(self, cells: Cells[str, str]) -> tuple[Instant, bool]:
        moment = self.mapping.occurred_at
        said = cells[moment.column].strip()
        if not said:
            raise _Unusable("NO_TIME")
        at, repeated = _instant(said, moment.zone, moment.written, moment.repeated_hour)
        if at > self.now:
            raise _Unusable("IN_FUTURE")
        if at < OLDEST:
            raise _Unusable("TIME_PLACEHOLDER")
        return at, repeated

    def _hold_until(self, occurred_at: Instant) -> Instant | None:
        if self._schedule is None:
            return None
        try:
            return self._schedule.hold_until(occurred_at)
        except OverflowError:
            raise _Unusable("BACKLOG_FULL") from None

    def _key(self, cells: Cells[str, str]) -> str:
        if (
            not all(cells[name].strip() for name in NAMED.findall(self.mapping.key))
            and self.mapping.same_key == "refuse"
        ):
            raise _Unusable("NO_KEY")
        key = " ".join(NAMED.sub(lambda found: cells[found.group(1)], self.mapping.key).split())
        # The installation compares keys without letter case, and so does this.
        digest = hashlib.blake2b(key.casefold().encode(), digest_size=16).digest()
        count = self._seen[digest] = self._seen.get(digest, 0) + 1
        if count > 1 and self.mapping.same_key == "refuse":
            raise _Unusable("DUPLICATE_KEY")
        key = f"{key} #{count}" if count > 1 else key
        if len(key) > LONGEST_KEY:
            raise _Unusable("KEY_TOO_LONG")
        return key

    def _value(self, name: Slug, cells: Cells[str, str]) -> Scalar | None:
        spec, known = self.mapping.data[name], self.protocol.field[name]
        said = cells[spec.column].strip()
        if not said:
            return None
        if spec.values is not None:
            if said not in spec.values:
                raise _Unusable("FIELD_CHOICE", name)
            said = spec.values[said]
        return _typed(said, known, spec, self.mapping.occurred_at)


def header_of(records: Iterator[Record]) -> tuple[str, ...]:
    """The column names of an export, from its first row that is not blank.

    Raises:
        HandoffError: ``HEADER`` when there is none that can be read.
    """
    first = next((each for each in records if each.cells or each.code), None)
    if first is None:
        raise HandoffError("HEADER", "The export is empty: its first line must name the columns.")
    if first.code is not None:
        raise HandoffError("HEADER", f"The export's first line cannot be read. {REASONS[first.code]}")
    return tuple(each.strip() for each in first.cells)


def _typed(said: str, known: Field, spec: Value, moment: Moment) -> Scalar:
    name = known.id
    if known.type is FieldType.YES_NO:
        if said.casefold() not in YES | NO:
            raise _Unusable("FIELD_TYPE", name)
        return said.casefold() in YES
    if known.type is FieldType.NUMBER:
        if not said.isascii() or not said.isdigit() or len(said) > 9:
            raise _Unusable("FIELD_TYPE", name)
        if not known.low <= int(said) <= known.high:
            raise _Unusable("FIELD_RANGE", name)
        return int(said)
    if known.type is FieldType.INSTANT:
        try:
            return _instant(said, spec.zone or moment.zone, spec.written, moment.repeated_hour)[0]
        except _Unusable:
            raise _Unusable("FIELD_TYPE", name) from None
    if known.type in (FieldType.ONE_OF, FieldType.ROLE):
        if said not in known.choices:
            raise _Unusable("FIELD_CHOICE", name)
        return said
    if known.type is not FieldType.REFERENCE or not NAMED_THING.fullmatch(said):
        raise _Unusable("FIELD_TYPE", name)
    return said


def _instant(said: str, zone: str, written: str, repeated_hour: str) -> tuple[Instant, bool]:
    """The instant of a time as written, and whether the local time came twice."""
    try:
        moment = datetime.fromisoformat(said) if written == "iso" else datetime.strptime(said, written)  # noqa: DTZ007
        if moment.tzinfo is not None:
            return clocks.instant(moment), False
        first, second = (moment.replace(tzinfo=ZoneInfo(zone), fold=fold) for fold in (0, 1))
        early, late = clocks.instant(first), clocks.instant(second)
    except (ValueError, OverflowError):
        raise _Unusable("TIME_FORMAT") from None
    if early > late:
        raise _Unusable("TIME_SKIPPED")
    if early < late and repeated_hour == "refuse":
        raise _Unusable("TIME_REPEATED")
    return late if repeated_hour == "second" else early, early < late
