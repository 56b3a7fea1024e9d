"""Lengths, points in time and conditions, as a protocol states them; ``protocol.engine.points`` works them out."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from protocol.names import Ref, Slug

Minute: TypeAlias = int
"""Minutes after local midnight, 0 to 1440."""


DayOrdinal: TypeAlias = int
"""A local date as its proleptic Gregorian ordinal."""


OWNER = "owner"
"""In place of an agency: the agency of whoever owns the instance."""


class Unit(StrEnum):
    """What a length is counted in. Weeks are 7n days; months clip to the month's last day."""

    SECOND = "second"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True, kw_only=True)
class Length:
    """A length of time: elapsed when ``calendar`` is None, else open hours or counted days of that agency.

    ``calendar`` is ``OWNER`` where the owner is chosen when the step opens: the calendar of its agency then.
    """

    count: int
    unit: Unit
    calendar: Slug | None = None


class Edge(StrEnum):
    """Which moment of a counted day is meant."""

    END = "end"
    START = "start"
    AT = "at"


class AnchorKind(StrEnum):
    """What a point is measured from. Refs, fields and items of a list use their effective instant."""

    DELIVERY = "delivery"
    DUE = "due"
    FIELD = "field"
    ITEM = "item"
    REF = "ref"
    LAST_RUNG = "last-rung"


@dataclass(frozen=True, slots=True, kw_only=True)
class Offset:
    """Anchor plus or minus a length; for day lengths, ``edge`` (and ``at`` minute) of the day reached."""

    kind: Literal["offset"] = "offset"
    anchor: AnchorKind
    name: Ref | Slug | None = None
    length: Length
    before: bool = False
    edge: Edge = Edge.END
    at: Minute | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The earliest or the latest of those points that are known."""

    kind: Literal["extreme"] = "extreme"
    pick: Literal["earliest", "latest"]
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Either:
    """One point if the condition is true, else the other."""

    kind: Literal["either"] = "either"
    test: Expr
    then: Point
    otherwise: Point


Point: TypeAlias = Offset | Extreme | Either


class TestKind(StrEnum):
    """What a condition may ask. Three-valued: an unset field makes its test unknown."""

    TRUE = "true"
    KNOWN = "known"
    IS = "is"
    AT_LEAST = "at-least"
    AT_MOST = "at-most"
    OVER = "over"
    UNDER = "under"
    PASSED = "passed"
    HAPPENED = "happened"
    OPEN = "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One question about a field (``name`` a field), an occurrence (a ref) or a step (``open``)."""

    __test__ = False

    kind: Literal["test"] = "test"
    test: TestKind
    name: Slug | Ref
    value: bool | int | Slug | None = None
    negate: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """Tests joined by one word: all of them, or any of them."""

    kind: Literal["joined"] = "joined"
    word: Literal["and", "or"]
    parts: tuple[Expr, ...]


Expr: TypeAlias = Test | Joined
