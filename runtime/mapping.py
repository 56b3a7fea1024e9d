"""The mapping file: how one records system's export becomes reports. A closed model with a place for each finding.

Reading the file (``read_mapping``), judging it against a protocol and the export's header (``judge``) and using it
are three steps, so that nothing is sent while any finding stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from protocol.errors import Finding, SpecError
from protocol.kernel import FieldType, Protocol
from protocol.text.names import did_you_mean
from protocol.text.reading import Path, Table, place_of, plain, read

NOT_IN_A_CELL = (FieldType.LIST, FieldType.COUNT, FieldType.DERIVED)
"""What no cell gives: many values at once, and what the record works out for itself."""

NAMED = re.compile(r"\{([^{}]*)\}")


def _column(value: object) -> object:
    """A text is the long form with nothing but its column."""
    return {"column": value} if isinstance(value, str) else value


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _held_back(value: object) -> object:
    """``deliver now`` holds nothing back; an empty value is a mistake, not that."""
    return {} if value is None else None if value == "deliver now" else value


class Surface(BaseModel):
    """Base of the mapping's models: closed and frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Moment(Surface):
    """A column of local times: its zone, how they are written, and which hour a repeated one means."""

    column: str
    zone: str
    written: str = Field("iso", alias="format")
    repeated_hour: Literal["first", "second", "refuse"] = Field("first", alias="repeated hour")


class Value(Surface):
    """A column of a record field's values, and what each is called in the protocol."""

    column: str
    values: dict[str, str] | None = None
    zone: str | None = None
    written: str = Field("iso", alias="format")


class Backlog(Surface):
    """How old records are spread out instead of delivered at once."""

    older_than: str = Field(alias="older than", pattern=r"^\d{1,3} (hour|day)s?$")
    per_day: int = Field(alias="per day", ge=1, le=100_000)
    hours_of: str | None = Field(None, alias="hours of")

    @property
    def hours(self) -> int:
        """The age, in hours, from which a record is held back."""
        count, unit = self.older_than.split(" ")
        return int(count) * (24 if unit.startswith("day") else 1)


DEFAULT_BACKLOG = Backlog.model_validate({"older than": "3 days", "per day": 40})


class Mapping(Surface):
    """A whole mapping file."""

    mapping: str | None = None
    event: str
    source: str
    delimiter: str = Field(",", min_length=1, max_length=1)
    only: Annotated[list[str], BeforeValidator(_listed)] = Field(default_factory=list)
    key: str
    same_key: Literal["refuse", "number"] = Field("refuse", alias="same key")
    occurred_at: Moment = Field(alias="occurred at")
    data: dict[str, Annotated[Value, BeforeValidator(_column)]] = Field(default_factory=dict)
    vault: dict[str, str] = Field(default_factory=dict)
    backlog: Annotated[Backlog | None, BeforeValidator(_held_back)] = DEFAULT_BACKLOG


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One test of a row: whether a column's value is (or is not) one of these, letter case aside."""

    __test__ = False

    column: str
    values: frozenset[str]
    negate: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A mapping with the tree it was read from, so that later findings have a place too."""

    mapping: Mapping
    root: Table


def read_mapping(text: str | bytes) -> Sheet:
    """A mapping file's content.

    Raises:
        SpecError: it is not written as a mapping is; carries every finding.
    """
    root = read(text)
    try:
        mapping = Mapping.model_validate(plain(root), by_alias=True)
    except ValidationError as error:
        raise SpecError(tuple(_misshapen(error, root))) from None
    findings = [*_zones(mapping, root), *_tests(mapping, root), *_key(mapping, root), *_age(mapping, root)]
    if findings:
        raise SpecError(tuple(findings))
    return Sheet(mapping=mapping, root=root)


def tests(mapping: Mapping) -> tuple[Test, ...]:
    """What ``only`` asks of a row."""
    return tuple(found for each in mapping.only if (found := _test(each)) is not None)


def columns(mapping: Mapping) -> Iterator[tuple[str, Path]]:
    """Every column the mapping reads, with where it says so. No other column of the export is looked at."""
    for number, each in enumerate(tests(mapping)):
        yield each.column, ("only", number)
    for name in NAMED.findall(mapping.key):
        yield name, ("key",)
    yield mapping.occurred_at.column, ("occurred at", "column")
    for field, value in mapping.data.items():
        yield value.column, ("data", field, "column")
    for slot, name in mapping.vault.items():
        yield name, ("vault", slot)


def judge(sheet: Sheet, protocol: Protocol, header: Sequence[str]) -> tuple[Finding, ...]:
    """What stops this mapping from being used for an export with this header, in reports to this protocol."""
    return (*_against_header(sheet, header), *_against_protocol(sheet, protocol))


def _against_header(sheet: Sheet, header: Sequence[str]) -> Iterator[Finding]:
    for name, path in columns(sheet.mapping):
        if name not in header:
            says = f"The export has no column {name}."
            yield _finding(sheet.root, "MISSING_COLUMN", says, path, did_you_mean(name, header))
        elif header.count(name) > 1:
            yield _finding(sheet.root, "COLUMN_TWICE", f"The export has two columns {name}.", path, "Rename one there.")


def _against_protocol(sheet: Sheet, protocol: Protocol) -> Iterator[Finding]:
    mapping, root = sheet.mapping, sheet.root
    event = protocol.event.get(mapping.event)
    starts = [each.id for each in protocol.events if each.starts]
    if event is None or not event.starts:
        says = f"{mapping.event} is no event that begins a case of {protocol.id}."
        yield _finding(root, "UNKNOWN_EVENT", says, ("event",), did_you_mean(mapping.event, starts))
        return
    if mapping.source not in event.sources:
        says = f"{mapping.source} does not report {event.id}."
        yield _finding(root, "UNKNOWN_SOURCE", says, ("source",), did_you_mean(mapping.source, event.sources))
    brought = (*event.brings, *event.may_bring)
    for kind, names, known in (("data", mapping.data, protocol.field), ("vault", mapping.vault, protocol.slot)):
        for name in names:
            if kind == "data" and name in protocol.field and protocol.field[name].type in NOT_IN_A_CELL:
                says = f"{name} is a {protocol.field[name].type.value} field: no cell of an export gives its value."
                yield _finding(root, "FIELD_TYPE", says, (kind, name), "Remove it.")
            elif name not in known or name not in brought:
                says = f"{event.id} does not bring {name}."
                hint = did_you_mean(name, [each for each in brought if each in known])
                yield _finding(root, "UNKNOWN_FIELD", says, (kind, name), hint)
    for name in event.brings:
        if name not in mapping.data and name not in mapping.vault:
            says = f"{event.id} brings {name}, and no column gives it."
            yield _finding(root, "FIELD_REQUIRED", says, ("data",), f"Add {name}: and its column.")
    yield from _choices(sheet, protocol)
    hours = None if mapping.backlog is None else mapping.backlog.hours_of
    if hours is not None and hours not in protocol.agency:
        hint = did_you_mean(hours, protocol.agency)
        yield _finding(root, "UNKNOWN_AGENCY", f"{hours} is no agency.", ("backlog", "hours of"), hint)


def _choices(sheet: Sheet, protocol: Protocol) -> Iterator[Finding]:
    for name, value in sheet.mapping.data.items():
        field = protocol.field.get(name)
        if field is None or field.type is not FieldType.ONE_OF:
            continue
        for said, choice in (value.values or {}).items():
            if choice not in field.choices:
                path = ("data", name, "values", said)
                says = f"{name} is never {choice}."
                yield _finding(sheet.root, "FIELD_CHOICE", says, path, did_you_mean(choice, field.choices))


def _zones(mapping: Mapping, root: Table) -> Iterator[Finding]:
    zones: list[tuple[str | None, Path]] = [(mapping.occurred_at.zone, ("occurred at", "zone"))]
    zones += [(value.zone, ("data", name, "zone")) for name, value in mapping.data.items()]
    for zone, path in zones:
        try:
            ZoneInfo(zone or "UTC")
        except (KeyError, ValueError, OSError):
            yield _finding(root, "TIMEZONE", f"{zone} is no time zone.", path, "Write one like America/Chicago.")


def _tests(mapping: Mapping, root: Table) -> Iterator[Finding]:
    for number, each in enumerate(mapping.only):
        if _test(each) is None:
            hint = "Write COLUMN is VALUE, COLUMN is not VALUE, or COLUMN is one of A, B."
            yield _finding(root, "ONLY", f"{each} is not a test.", ("only", number), hint)


def _key(mapping: Mapping, root: Table) -> Iterator[Finding]:
    if not NAMED.findall(mapping.key):
        hint = 'Name columns in braces: "{CASE_NUMBER}".'
        yield _finding(root, "KEY", "The key names no column.", ("key",), hint)


def _age(mapping: Mapping, root: Table) -> Iterator[Finding]:
    if mapping.backlog is not None and mapping.backlog.hours <= 24:
        says = "Only what is older than a day may be held back."
        yield _finding(root, "BACKLOG_AGE", says, ("backlog", "older than"), "Write older than: 3 days.")


def _test(said: str) -> Test | None:
    found = re.fullmatch(r"(.+?) is (not )?(one of )?(.+)", said)
    if found is None:
        return None
    values = found.group(4).split(",") if found.group(3) else [found.group(4)]
    return Test(
        column=found.group(1),
        values=frozenset(each.strip().casefold() for each in values),
        negate=found.group(2) is not None,
    )


def _misshapen(error: ValidationError, root: Table) -> Iterator[Finding]:
    models: tuple[type[Surface], ...] = (Mapping, Moment, Value, Backlog)
    known = [field.alias or name for model in models for name, field in model.model_fields.items()]
    seen: set[tuple[int, int]] = set()
    for each in error.errors(include_url=False, include_input=False, include_context=False):
        path = each["loc"]
        place, key = place_of(root, path), str(path[-1])
        if (place.line, place.column) in seen:
            continue
        seen.add((place.line, place.column))
        code, says, hint = {
            "extra_forbidden": ("UNKNOWN_KEY", f"{key} is not a key here.", did_you_mean(key, known)),
            "missing": ("MISSING_KEY", f"{key} is missing here.", f"Add {key}."),
        }.get(each["type"], ("WRONG_SHAPE", f"{key} is not written as it must be.", "See docs/intake.md."))
        yield Finding(code=code, says=says, place=place, write=hint)


def _finding(root: Table, code: str, says: str, path: Path, write: str) -> Finding:
    return Finding(code=code, says=says, place=place_of(root, path), write=write)
