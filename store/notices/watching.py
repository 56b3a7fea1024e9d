"""Who is rung for a role over days to come, and the times at which nobody on duty can be."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from sqlalchemy import BigInteger, Connection, bindparam, or_, select

from protocol.checks import cover
from protocol.engine import clocks
from protocol.errors import Finding
from protocol.kernel import Protocol
from protocol.names import Slug
from protocol.state import Instant
from store.edge_tables import person, rota
from store.notices.resolving import How, rung
from store.people import Person
from store.rotas import chain

HOUR = 60 * 60 * 1_000_000
AHEAD = 14 * 24 * HOUR
"""Microseconds for which a rota is looked at."""

ABSENT = (How.LEAD, How.NOBODY)
"""Nobody who has the role can be reached."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A stretch of time in which the same people are rung, and why they are."""

    starts_at: Instant
    ends_at: Instant
    how: How
    people: tuple[Person, ...]


def watches(
    connection: Connection, protocol: Protocol, role: Slug, since: Instant, until: Instant, able: Collection[str]
) -> tuple[Watch, ...]:
    """Who is rung for a role from one instant to another: asked of routing at each instant at which that may change."""
    found: list[Watch] = []
    edges = [since, *_changes(connection, protocol, role, since, until), until]
    for start, end in pairwise(edges):
        how, people = rung(connection, protocol, role, start, able)
        if found and (found[-1].how, found[-1].people) == (how, people):
            found[-1] = replace(found[-1], ends_at=end)
        else:
            found.append(Watch(starts_at=start, ends_at=end, how=how, people=people))
    return tuple(found)


def gaps(protocol: Protocol, role: Slug, found: Collection[Watch]) -> tuple[Watch, ...]:
    """The times at which a role should be there, by the text, and nobody on duty is."""
    return tuple(part for each in found if each.how is not How.DUTY for part in _expected(protocol, role, each))


_SHIFTS = (
    select(person.c.agency, rota.c.role, rota.c.starts_at, rota.c.ends_at)
    .join_from(rota, person, rota.c.person_id == person.c.id)
    .where(
        person.c.active,
        rota.c.starts_at < bindparam("until", type_=BigInteger),
        rota.c.ends_at > bindparam("since", type_=BigInteger),
    )
    .order_by(rota.c.starts_at)
)


def unfilled(
    connection: Connection, protocols: Collection[Protocol], since: Instant, until: Instant
) -> dict[tuple[Slug, Slug], tuple[Protocol, tuple[Watch, ...]]]:
    """By agency and role: when a role with a rota should be there and no shift of it, or of its deputies, is.

    One question of the database for all of them, for pages that are looked at often. ``gaps`` says more at more cost:
    also that somebody on duty cannot be reached, and who is rung instead.
    """
    rows = connection.execute(_SHIFTS, {"since": since, "until": until}).all()
    found: dict[tuple[Slug, Slug], tuple[Protocol, tuple[Watch, ...]]] = {}
    for protocol in protocols:
        for role in cover.rung(protocol):
            agency, line = protocol.role[role].agency, chain(protocol, role)
            if not protocol.role[role].by_rota or not all(protocol.role[each].by_rota for each in line):
                continue
            filled = [(row.starts_at, row.ends_at) for row in rows if row.agency == agency and row.role in line]
            empty = (part for each in _between(filled, since, until) for part in _expected(protocol, role, each))
            found.setdefault((agency, role), (protocol, tuple(empty)))
    return found


def _between(filled: list[tuple[Instant, Instant]], since: Instant, until: Instant) -> Iterator[Watch]:
    """What shifts, by their beginnings, leave of a span."""
    at = since
    for start, end in [*filled, (until, until)]:
        if start > at:
            yield Watch(starts_at=at, ends_at=start, how=How.NOBODY, people=())
        at = max(at, end)


def judged(protocol: Protocol, away: dict[Slug, tuple[Watch, ...]]) -> tuple[Finding, ...]:
    """What the proof of cover says of a text, with the roles' gaps as they are: an hour counts only if whole.

    Where nobody is on duty but everybody who has the role is rung, somebody is there.
    """
    weeks = cover.by_text(protocol)
    people = {
        role: weeks[role].without(_hours(protocol, role, [each for each in found if each.how in ABSENT]))
        for role, found in away.items()
    }
    return tuple(cover.uncovered(protocol, people))


def _hours(protocol: Protocol, role: Slug, found: Collection[Watch]) -> Iterator[int]:
    """The hours of a week that a gap touches."""
    zone = zone_of(protocol, role)
    for each in found:
        at = each.starts_at
        while at < each.ends_at:
            local = clocks.moment(at, zone)
            yield local.weekday() * 24 + local.hour
            at += HOUR - at % HOUR


def _expected(protocol: Protocol, role: Slug, gap: Watch) -> Iterator[Watch]:
    """The parts of a gap that fall into the hours at which the role should be there."""
    if protocol.role[role].always:
        yield gap
        return
    for opens, closes in clocks.open_stretches(protocol.calendar[protocol.role[role].agency], gap.starts_at):
        if opens >= gap.ends_at:
            return
        start, end = max(opens, gap.starts_at), min(closes, gap.ends_at)
        if start < end:
            yield replace(gap, starts_at=start, ends_at=end)


def _changes(
    connection: Connection, protocol: Protocol, role: Slug, since: Instant, until: Instant
) -> tuple[Instant, ...]:
    """The instants in between at which a shift of anybody who may be rung begins or ends."""
    leads = protocol.agency[protocol.role[role].agency].leads
    roles = {*chain(protocol, role), *(each for lead in leads for each in chain(protocol, lead))}
    wanted = select(rota.c.starts_at, rota.c.ends_at).where(
        rota.c.role.in_(roles), or_(rota.c.starts_at.between(since, until), rota.c.ends_at.between(since, until))
    )
    found = {at for row in connection.execute(wanted) for at in row}
    return tuple(sorted(at for at in found if since < at < until))


def zone_of(protocol: Protocol, role: Slug) -> str:
    """The zone of a role's agency."""
    return protocol.calendar[protocol.role[role].agency].zone
