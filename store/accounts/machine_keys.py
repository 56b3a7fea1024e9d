"""Machine keys: ``hk_<id>_<256 bits>``, of one records system, for one protocol and its events, for a year at most.

A key submits or reads, not both. Two may live at once, so that a new one is in place before the old one ends.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, delete, insert, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import people
from store.accounts import secrets
from store.accounts.decisions import decided
from store.accounts.tables import machine_key
from store.policy import Scope, Subject, SubjectKind

PREFIX = "hk_"
FORM = re.compile(r"hk_([0-9a-f]{12})_([A-Za-z0-9_-]{43})")
DAY = 24 * 60 * 60 * 1_000_000
LONGEST = 365 * DAY
LIVE = 2
OVERLAP = 7 * DAY
"""Microseconds an old key still holds after it was rotated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineKey:
    """What is known of a key; the key itself is shown once, when it is made."""

    id: str
    agency: Slug
    system: str
    scope: Scope
    made_at: Instant
    ends_at: Instant


def make(
    connection: Connection, person_id: OpaqueId, scope: Scope, now: Instant, *, days: int, by: OpaqueId | None = None
) -> str:
    """A new key of a records system, shown once.

    Raises:
        HandoffError: ``KEY_OF_A_PERSON``; ``KEY_TOO_LONG_LIVED``; ``TWO_LIVE``; ``KEY_SCOPE``; ``NOT_FOUND``.
    """
    system = people.one(connection, person_id)
    if system.kind is not SubjectKind.SYSTEM:
        raise HandoffError("KEY_OF_A_PERSON", "people sign in; a machine key is for a records system")
    if not 1 <= days * DAY <= LONGEST:
        raise HandoffError("KEY_TOO_LONG_LIVED", "a machine key holds from 1 day to 365 days; then it is rotated")
    if scope.may == "submit" and not scope.events:
        raise HandoffError("KEY_SCOPE", "say which events the key may submit")
    # Under a lock of the system's keys: two at once could make a third.
    connection.execute(select(machine_key.c.id).where(machine_key.c.person_id == person_id).with_for_update())
    if len(_live(connection, person_id, now)) >= LIVE:
        raise HandoffError("TWO_LIVE", "this records system has two keys that hold: end one, or wait until it ends")
    id_, secret = secrets.new_id(), secrets.new()
    connection.execute(
        insert(machine_key).values(
            id=id_,
            hash=secrets.kept(secret),
            person_id=person_id,
            scope=json.dumps({"protocol": scope.protocol, "events": list(scope.events), "may": scope.may}),
            made_at=now,
            ends_at=now + days * DAY,
        )
    )
    decided(connection, "machine-key-made", now, person=by or person_id, agency=system.agency, reason=scope.may)
    return f"{PREFIX}{id_}_{secret}"


def rotate(connection: Connection, id_: str, now: Instant, *, days: int) -> str:
    """A new key with the scope of an old one, which ends in seven days unless it ends before.

    Raises:
        HandoffError: as ``make``, and ``NOT_FOUND``.
    """
    row = connection.execute(select(machine_key).where(machine_key.c.id == id_, machine_key.c.ends_at > now)).first()
    if row is None:
        raise HandoffError("NOT_FOUND", "there is no such key, or it has ended")
    made = make(connection, row.person_id, _scope(row.scope), now, days=days)
    ends = min(row.ends_at, now + OVERLAP)
    connection.execute(update(machine_key).where(machine_key.c.id == id_).values(ends_at=ends))
    return made


def end(connection: Connection, id_: str, now: Instant) -> None:
    """End a key at once.

    Raises:
        HandoffError: ``NOT_FOUND``.
    """
    done = connection.execute(
        update(machine_key).where(machine_key.c.id == id_, machine_key.c.ends_at > now).values(ends_at=now)
    )
    if done.rowcount != 1:
        raise HandoffError("NOT_FOUND", "there is no such key, or it has ended")
    decided(connection, "machine-key-ended", now, person=None)


def find(connection: Connection, token: str, now: Instant) -> Subject | None:
    """The records system a key belongs to, with the key's scope; None for a key that does not hold."""
    form = FORM.fullmatch(token)
    if form is None:
        return None
    id_, secret = form.groups()
    row = connection.execute(select(machine_key).where(machine_key.c.id == id_, machine_key.c.ends_at > now)).first()
    if row is None or not hmac.compare_digest(row.hash, secrets.kept(secret)):
        return None
    found = people.subject_of(connection, row.person_id)
    return None if found is None else replace(found, scope=_scope(row.scope))


def listed(connection: Connection, now: Instant) -> tuple[MachineKey, ...]:
    """The keys that hold, the one that ends first in front."""
    rows = connection.execute(
        select(machine_key).where(machine_key.c.ends_at > now).order_by(machine_key.c.ends_at, machine_key.c.id)
    ).all()
    systems = {row.person_id: people.one(connection, row.person_id) for row in rows}
    return tuple(
        MachineKey(
            id=row.id,
            agency=systems[row.person_id].agency,
            system=systems[row.person_id].name,
            scope=_scope(row.scope),
            made_at=row.made_at,
            ends_at=row.ends_at,
        )
        for row in rows
    )


def sweep(connection: Connection, now: Instant) -> None:
    """Forget keys that ended a year ago; until then a list can say what they were for."""
    connection.execute(delete(machine_key).where(machine_key.c.ends_at < now - LONGEST))


def _live(connection: Connection, person_id: OpaqueId, now: Instant) -> Sequence[str]:
    wanted = select(machine_key.c.id).where(machine_key.c.person_id == person_id, machine_key.c.ends_at > now)
    return connection.execute(wanted).scalars().all()


def _scope(kept: str) -> Scope:
    said = json.loads(kept)
    return Scope(protocol=said["protocol"], events=tuple(said["events"]), may=said["may"])
