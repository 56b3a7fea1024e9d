"""Whether an agency's people are reached: for its own people, who see the gap before it matters."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store.notices import errands, reach
from store.notices.errands import DUTY
from store.people import people


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadEnd:
    """A channel of somebody that reaches them no more."""

    person_id: OpaqueId
    name: str
    channel: str
    since: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Duties that wait for an answer, those of them that reached nobody's address, and addresses that are dead."""

    waiting: int
    untold: int
    dead: tuple[DeadEnd, ...]


def of_agency(connection: Connection, agency: Slug, now: Instant) -> Summary:
    """How an agency is reached at an instant."""
    open_ = [each for each in errands.live(connection, agency, now) if each.over_at is None and each.kind in DUTY]
    untold = [each for each in open_ if not any(one.count for one in each.contacts if one.channel != "webhook")]
    known = {each.id: each.name for each in people(connection, agency_id=agency)}
    found = reach.of(connection, list(known))
    dead = [
        DeadEnd(person_id=each.person_id, name=known[each.person_id], channel=channel, since=since)
        for each in found.values()
        for channel, since in each.dead
    ]
    in_order = tuple(sorted(dead, key=lambda each: (each.name, each.person_id, each.channel)))
    return Summary(waiting=len(open_), untold=len(untold), dead=in_order)
