"""Wrong tries, counted so that nobody can be locked out by somebody else (OWASP: device cookies).

A device on which a person has signed in before has a count of its own; all other devices share one for each name that
is typed, whether anybody has it or not. Five wrong tries within ten minutes shut that count, and only that one, for
ten minutes. Whoever tries a name from elsewhere therefore shuts out strangers, never the telephone of the person.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from sqlalchemy import Connection, delete, select, update

from protocol.names import OpaqueId
from protocol.state import Instant
from store.accounts.secrets import kept, keyed
from store.accounts.sessions import live
from store.accounts.tables import account, device, passkey, wrong_tries
from store.session import add_new

MOST = 5
MINUTE = 60 * 1_000_000
WINDOW = 10 * MINUTE
"""Microseconds in which so many wrong tries lock, and for which they do."""

KEPT = 24 * 60 * MINUTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """Where a try is counted: for a name, and a device known to it or all the others."""

    bucket: str
    person_id: OpaqueId | None
    device: str | None


def count_of(connection: Connection, key: bytes, login: str, person_id: OpaqueId | None, cookie: str | None) -> Count:
    """The count of a name and a device; a cookie that is not this person's is no device."""
    known = None
    if person_id is not None and cookie is not None and knows_device(connection, person_id, cookie):
        known = kept(cookie)
    return Count(bucket=keyed(key, "tries", login, known or ""), person_id=person_id, device=known)


def begin(connection: Connection, count: Count, now: Instant) -> Instant | None:
    """Count a try before it is judged, so that many at once are no more than as many in a row.

    Returns:
        None when it may be judged; until when this count is shut when it may not.
    """
    row = {"bucket": count.bucket, "person_id": count.person_id, "device": count.device}
    add_new(connection, wrong_tries, [{**row, "tries": "[]", "locked_until": 0, "changed_at": now}])
    found = connection.execute(
        select(wrong_tries.c.tries, wrong_tries.c.locked_until)
        .where(wrong_tries.c.bucket == count.bucket)
        .with_for_update()
    ).one()
    if now < found.locked_until:
        return int(found.locked_until)
    since = found.locked_until
    _write(connection, count, [*(at for at in json.loads(found.tries) if at > now - WINDOW and at >= since), now], now)
    return None


def forgive(connection: Connection, count: Count, now: Instant) -> None:
    """A try was right: a known device begins anew; of the shared count only this try is taken back."""
    if count.device is not None:
        connection.execute(delete(wrong_tries).where(wrong_tries.c.bucket == count.bucket))
        return
    wanted = select(wrong_tries.c.tries).where(wrong_tries.c.bucket == count.bucket).with_for_update()
    tries: list[Instant] = json.loads(connection.execute(wanted).scalar() or "[]")
    if now in tries:
        tries.remove(now)
    _write(connection, count, tries, now)


def _write(connection: Connection, count: Count, tries: list[Instant], now: Instant) -> None:
    until = now + WINDOW if len(tries) >= MOST else 0
    connection.execute(
        update(wrong_tries)
        .where(wrong_tries.c.bucket == count.bucket)
        .values(tries=json.dumps(tries), locked_until=until, changed_at=now)
    )


def is_shut(connection: Connection, count: Count, now: Instant) -> bool:
    """Whether a count is shut."""
    wanted = select(wrong_tries.c.locked_until).where(wrong_tries.c.bucket == count.bucket)
    return now < (connection.execute(wanted).scalar() or 0)


def open_count(connection: Connection, count: Count) -> None:
    """Open one count (a one-time code was right)."""
    connection.execute(delete(wrong_tries).where(wrong_tries.c.bucket == count.bucket))


def open_devices(connection: Connection, person_id: OpaqueId) -> None:
    """Open the counts of a person's known devices (a passkey was right); strangers' stay shut."""
    connection.execute(
        delete(wrong_tries).where(wrong_tries.c.person_id == person_id, wrong_tries.c.device.is_not(None))
    )


def open_all(connection: Connection, person_id: OpaqueId) -> None:
    """Open every count of a person: the supervisor's act."""
    connection.execute(delete(wrong_tries).where(wrong_tries.c.person_id == person_id))


def locked_out(connection: Connection, person_id: OpaqueId, now: Instant) -> bool:
    """Whether a person cannot sign in now and is not signed in: on duty, that is as good as not answering.

    Never with a passkey, nor while a session lives. With known devices it needs one of them to be shut, which only who
    holds it can do; without any, the count that all strangers share.
    """
    if connection.execute(select(account.c.person_id).where(account.c.person_id == person_id)).first() is None:
        return False
    if connection.execute(select(passkey.c.id).where(passkey.c.person_id == person_id).limit(1)).first() is not None:
        return False
    if live(connection, person_id, now):
        return False
    known = connection.execute(select(device.c.hash).where(device.c.person_id == person_id).limit(1)).first()
    which = wrong_tries.c.device.is_(None) if known is None else wrong_tries.c.device.is_not(None)
    shut = select(wrong_tries.c.bucket).where(
        wrong_tries.c.person_id == person_id, which, wrong_tries.c.locked_until > now
    )
    return connection.execute(shut.limit(1)).first() is not None


def knows_device(connection: Connection, person_id: OpaqueId, cookie: str) -> bool:
    """Whether a person has signed in on a device before."""
    wanted = select(device.c.hash).where(device.c.person_id == person_id, device.c.hash == kept(cookie))
    return connection.execute(wanted).first() is not None


def remember_device(connection: Connection, person_id: OpaqueId, cookie: str, now: Instant) -> None:
    """Know a device from now on."""
    add_new(connection, device, [{"person_id": person_id, "hash": kept(cookie), "seen_at": now}])
    connection.execute(
        update(device).where(device.c.person_id == person_id, device.c.hash == kept(cookie)).values(seen_at=now)
    )


def sweep(connection: Connection, now: Instant) -> None:
    """Forget counts that say nothing any more."""
    connection.execute(delete(wrong_tries).where(wrong_tries.c.changed_at < now - KEPT))
