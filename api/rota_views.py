"""What the routes of rotas take and answer: shifts, who is rung from when until when, and where nobody is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pydantic import AwareDatetime, Field

from api.views import Closed, when
from protocol.checks import cover
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.state import Instant
from store import people, rotas
from store.notices import covering, watching
from store.notices.resolving import How
from store.notices.watching import AHEAD, Watch
from store.policy import Subject
from store.rotas import Shift
from store.session import Connection


class ShiftIn(Closed):
    """A shift. ``person``: who has it, the asker if nobody is named; ``weeks``: at the same local times of so many.

    ``beside``: also where somebody is on duty already.
    """

    starts_at: AwareDatetime
    ends_at: AwareDatetime
    person: str | None = Field(default=None, max_length=64)
    weeks: int = 1
    beside: bool = False


class PartIn(Closed):
    """Which part of a shift cover is asked for; all of it, if nothing is said."""

    starts_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class AskedOut(Closed):
    """A colleague who was asked for cover; ``reached`` None: it is on its way, False: no mail or text reaches them."""

    name: str
    reached: bool | None


class ShiftOut(Closed):
    """A shift. ``covers``: whose it was; ``cover_wanted``: its person asks, and stays on until somebody says yes.

    ``asked``: whom that went to within the last week, and whether it reached them.
    """

    id: str
    role: Slug
    person: str
    name: str
    starts_at: datetime | None
    ends_at: datetime | None
    covers: str | None
    cover_wanted: bool
    asked: list[AskedOut]
    mine: bool


class WatchOut(Closed):
    """Who is rung from when until when, and why: on ``duty``; else for the ``role``, as a ``lead``, or ``nobody``."""

    starts_at: datetime | None
    ends_at: datetime | None
    how: How
    names: tuple[str, ...]


class RotaOut(Closed):
    """A role of my agency: who is rung over fourteen days, when nobody on duty is, and the shifts.

    ``by_rota`` is false where everybody who has the role is on duty at all times. ``holders`` have the role.
    """

    role: Slug
    zone: str
    by_rota: bool
    watches: list[WatchOut]
    gaps: list[WatchOut]
    shifts: list[ShiftOut]
    holders: dict[str, str]


class RotasOut(Closed):
    """My agency's rotas. ``able``: how this installation reaches people; empty, nobody is rung at all."""

    since: datetime | None
    until: datetime | None
    able: tuple[str, ...]
    arranges: bool
    items: list[RotaOut]
    feed_since: datetime | None


class GapOut(Closed):
    """A stretch in which nobody on duty can be reached for a role, in the zone of its agency."""

    agency: Slug
    role: Slug
    zone: str
    starts_at: datetime | None
    ends_at: datetime | None
    how: How


class UnfilledOut(Closed):
    """A stretch of which no shift of a role's rota, nor of its deputies', has any part, in the zone of its agency."""

    agency: Slug
    role: Slug
    zone: str
    starts_at: datetime | None
    ends_at: datetime | None


class FindingOut(Closed):
    """What the proof of cover says of a text with the rotas as they are."""

    protocol: Slug
    code: str
    says: str


class GapsOut(Closed):
    """The gaps of fourteen days of every role that a text in force may ring."""

    since: datetime | None
    until: datetime | None
    able: tuple[str, ...]
    items: list[GapOut]
    findings: list[FindingOut]


class FeedOut(Closed):
    """The address of my calendar; it is shown once, and whoever has it sees when I am on duty."""

    url: str


class Done(Closed):
    """What was asked for is done."""

    done: bool = True


def rung_roles(texts: Iterable[Protocol], agency: Slug) -> dict[Slug, Protocol]:
    """An agency's roles that may be rung, each with the text that says most of it: one with a rota, if there is one."""
    found: dict[Slug, Protocol] = {}
    for protocol in texts:
        for role in cover.rung(protocol):
            known = protocol.role[role]
            if known.agency == agency and (role not in found or (known.by_rota and not found[role].role[role].by_rota)):
                found[role] = protocol
    return found


def rota_out(  # noqa: PLR0913, PLR0917 - a rota and who looks at it
    connection: Connection,
    who: Subject,
    protocol: Protocol,
    role: Slug,
    at: Instant,
    able: frozenset[str],
    names: dict[str, str],
) -> RotaOut:
    """A role's rota as its own agency's people see it."""
    found = watching.watches(connection, protocol, role, at, at + AHEAD, able)
    held = people.people(connection, agency_id=who.agency, role=role)
    return RotaOut(
        role=role,
        zone=watching.zone_of(protocol, role),
        by_rota=protocol.role[role].by_rota,
        watches=[_watch(each) for each in found],
        gaps=[_watch(each) for each in watching.gaps(protocol, role, found)],
        shifts=[
            _shift(connection, who, each, names) for each in rotas.shifts(connection, who.agency, role, at, at + AHEAD)
        ],
        holders={each.id: each.name for each in held},
    )


def away_of(
    connection: Connection, protocol: Protocol, role: Slug, at: Instant, able: frozenset[str]
) -> tuple[Watch, ...]:
    """When, over the fourteen days, nobody on duty can be reached for a role."""
    return watching.gaps(protocol, role, watching.watches(connection, protocol, role, at, at + AHEAD, able))


def _watch(each: Watch) -> WatchOut:
    return WatchOut(
        starts_at=when(each.starts_at),
        ends_at=when(each.ends_at),
        how=each.how,
        names=tuple(one.name for one in each.people),
    )


def gap_out(protocol: Protocol, role: Slug, each: Watch) -> GapOut:
    """A stretch without anybody, as coordinators see it too: no name is in it."""
    return GapOut(
        agency=protocol.role[role].agency,
        role=role,
        zone=watching.zone_of(protocol, role),
        starts_at=when(each.starts_at),
        ends_at=when(each.ends_at),
        how=each.how,
    )


def unfilled_out(agency: Slug, role: Slug, protocol: Protocol, each: Watch) -> UnfilledOut:
    """A stretch without a shift."""
    zone = watching.zone_of(protocol, role)
    return UnfilledOut(agency=agency, role=role, zone=zone, starts_at=when(each.starts_at), ends_at=when(each.ends_at))


def shifts_out(connection: Connection, who: Subject, found: Iterable[Shift]) -> list[ShiftOut]:
    """Shifts of the asker's own agency."""
    names = people.names(connection, who.agency)
    return [_shift(connection, who, each, names) for each in found]


def _shift(connection: Connection, who: Subject, each: Shift, names: dict[str, str]) -> ShiftOut:
    return ShiftOut(
        id=each.id,
        role=each.role,
        person=each.person_id,
        name=each.name,
        starts_at=when(each.starts_at),
        ends_at=when(each.ends_at),
        covers=None if each.covers is None else names.get(each.covers, ""),
        cover_wanted=each.asked_at is not None,
        asked=[
            AskedOut(name=names.get(one.person_id, ""), reached=one.reached) for one in covering.asked(connection, each)
        ],
        mine=each.person_id == who.person_id,
    )
