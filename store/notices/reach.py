"""How people are reached: language, telephone, channels in their order, and hours in which their own reminders wait."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias, get_args

from sqlalchemy import Connection, select, update

from protocol.engine import clocks
from protocol.errors import HandoffError
from protocol.languages import DEFAULT, TONGUES, Tongue
from protocol.names import OpaqueId
from protocol.state import Instant
from store.edge_tables import person
from store.notices.tables import reach
from store.session import put

Channel: TypeAlias = Literal["text", "call", "email"]
CHANNELS: Final[tuple[Channel, ...]] = get_args(Channel)
PHONE: Final = re.compile(r"\+[1-9][0-9]{6,14}")
"""E.164."""

EMAIL: Final = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
MOST_EMAIL: Final = 254

DAY: Final = 24 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Hours in which own reminders and digests wait, in minutes of a local day; they may run past midnight.

    A duty or an escalation never waits: who may not be woken is not on that rung.
    """

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """How somebody is reached. ``channels``: the first at once, the second two minutes later.

    ``dead`` says since when an address is known to reach nobody; ``tested_at``, when they last tried their own.
    """

    person_id: OpaqueId
    email: str | None
    language: Tongue = DEFAULT
    phone: str | None = None
    channels: tuple[Channel, ...] = ("text", "email")
    quiet: Quiet | None = None
    dead: tuple[tuple[str, Instant], ...] = ()
    tested_at: Instant | None = None

    def address(self, channel: str) -> str | None:
        """Where a channel leads; None where it leads nowhere, or to nobody any more."""
        if any(each == channel for each, _ in self.dead):
            return None
        return self.email if channel == "email" else self.phone

    def ways(self, able: Collection[str]) -> tuple[Channel, ...]:
        """The channels that reach this person, of those this installation has."""
        return tuple(each for each in self.channels if each in able and self.address(each) is not None)


def of(connection: Connection, person_ids: Collection[OpaqueId]) -> dict[OpaqueId, Reach]:
    """How people are reached; who chose nothing is reached by what is known of them."""
    rows = connection.execute(
        select(person.c.id, person.c.email, reach)
        .outerjoin(reach, reach.c.person_id == person.c.id)
        .where(person.c.id.in_(person_ids))
    ).all()
    found = {}
    for row in rows:
        made = Reach(person_id=row.id, email=row.email)
        if row.person_id is not None:
            quiet = None if row.quiet_from is None else Quiet(start=row.quiet_from, end=row.quiet_to)
            channels = tuple(json.loads(row.channels))
            dead = tuple(sorted(json.loads(row.dead).items()))
            made = replace(made, language=row.language, phone=row.phone, channels=channels, quiet=quiet, dead=dead)
            made = replace(made, tested_at=row.tested_at)
        found[row.id] = made
    return found


def choose(  # noqa: PLR0913 - what one chooses, by name
    connection: Connection,
    person_id: OpaqueId,
    *,
    language: str,
    email: str | None,
    phone: str | None,
    channels: Collection[str],
    quiet: Quiet | None,
) -> Reach:
    """Say how to be reached, whole; what was known of an address stays with that address.

    Raises:
        HandoffError: ``NOT_FOUND``; ``REACH_LANGUAGE``, ``REACH_EMAIL``, ``REACH_PHONE``, ``REACH_CHANNEL`` or
            ``REACH_QUIET`` for what cannot be.
    """
    known = of(connection, [person_id]).get(person_id)
    if known is None:
        raise HandoffError("NOT_FOUND", "there is no such person")
    tongue = next((each for each in TONGUES if each == language), None)
    if tongue is None:
        raise HandoffError("REACH_LANGUAGE", f"notices are written in {' and '.join(TONGUES)}")
    if phone is not None and not PHONE.fullmatch(phone):
        raise HandoffError("REACH_PHONE", "write the number with its country, digits only: +15550100123")
    if email is not None and not (len(email) <= MOST_EMAIL and EMAIL.fullmatch(email)):
        raise HandoffError("REACH_EMAIL", "write the address as name@example.org")
    wanted = tuple(dict.fromkeys(each for name in channels for each in CHANNELS if each == name))
    if len(wanted) != len(tuple(channels)) or not wanted:
        raise HandoffError("REACH_CHANNEL", f"choose each of these once, at least one: {', '.join(CHANNELS)}")
    if quiet is not None and not (0 <= quiet.start < DAY and 0 <= quiet.end < DAY and quiet.start != quiet.end):
        raise HandoffError("REACH_QUIET", "quiet hours begin and end at different minutes of a day")
    as_before = {"email": email == known.email, "text": phone == known.phone, "call": phone == known.phone}
    dead = tuple(each for each in known.dead if as_before[each[0]])
    found = replace(known, language=tongue, email=email, phone=phone, channels=wanted, quiet=quiet, dead=dead)
    if not any(found.email if each == "email" else phone for each in wanted):
        raise HandoffError("REACH_CHANNEL", "none of these reaches you: add a telephone, or an e-mail address")
    connection.execute(update(person).where(person.c.id == person_id).values(email=email))
    _write(connection, found)
    return found


def mark_dead(connection: Connection, person_id: OpaqueId, channel: str, now: Instant) -> None:
    """The address reaches nobody: it is used no more, and the rota has a gap until it is mended or tested."""
    known = of(connection, [person_id]).get(person_id)
    if known is not None and known.address(channel) is not None:
        _write(connection, replace(known, dead=(*known.dead, (channel, now))))


def revive(connection: Connection, person_id: OpaqueId, now: Instant) -> None:
    """Somebody tests their addresses: all count as good again."""
    known = of(connection, [person_id]).get(person_id)
    if known is not None:
        _write(connection, replace(known, dead=(), tested_at=now))


def with_phone(connection: Connection, phone: str) -> tuple[OpaqueId, ...]:
    """Whose registered number it is: nobody's, somebody's, or a telephone that several carry in turn."""
    wanted = select(reach.c.person_id).join(person, person.c.id == reach.c.person_id)
    rows = connection.execute(wanted.where(reach.c.phone == phone, person.c.active).order_by(reach.c.person_id))
    return tuple(rows.scalars())


def quiet_until(quiet: Quiet | None, now: Instant, zone: str) -> Instant | None:
    """When the quiet hours that hold now end; None when none do."""
    if quiet is None:
        return None
    local = clocks.moment(now, zone)
    minute, day = local.hour * 60 + local.minute, local.toordinal()
    over_night = quiet.start > quiet.end
    held = (minute >= quiet.start or minute < quiet.end) if over_night else quiet.start <= minute < quiet.end
    if not held:
        return None
    later = over_night and minute >= quiet.start
    return clocks.local_instant(zone, day + later, quiet.end, last=False)


def _write(connection: Connection, found: Reach) -> None:
    row = {
        "person_id": found.person_id,
        "language": found.language,
        "phone": found.phone,
        "channels": json.dumps(found.channels),
        "quiet_from": None if found.quiet is None else found.quiet.start,
        "quiet_to": None if found.quiet is None else found.quiet.end,
        "dead": json.dumps(dict(found.dead)),
        "tested_at": found.tested_at,
    }
    put(connection, reach, [row])
