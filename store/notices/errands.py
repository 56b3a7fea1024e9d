"""Errands: what somebody is to hear of, kept until somebody has it, or it is over.

An errand outlives any crash: it is taken on for a minute at a time (``claim``), and what became of it is written when
it is known (``save``). Whoever was killed in between leaves it to the next, who sends the same again, same ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select, update

from protocol.errors import HandoffError
from protocol.kernel import Protocol
from protocol.names import OpaqueId, Slug
from protocol.state import Instant
from store import ids, protocols
from store.keyring.sealing import sealer
from store.notices.tables import errand
from store.session import put
from store.tables import case_file

LEASE = 60 * 1_000_000
"""For how long a worker may be busy with an errand before another takes it on, in microseconds."""

KEPT = 7 * 24 * 60 * 60 * 1_000_000
"""How long an errand is kept after it is over, for whoever asks who was told."""

REPLIED = 2 * 60 * 60 * 1_000_000
"""How long after its end a code is still known, so that whoever answers late hears who has it."""


class Kind(StrEnum):
    """What an errand is about: a duty, which is repeated, or one thing to be told once."""

    NEW = "new"
    MOVED = "moved"
    REMIND = "remind"
    TOLD = "told"
    PAGED = "paged"
    CONFIRMED = "confirmed"
    TAKEN = "taken"
    PASSED = "passed"
    OVER = "over"
    UNKNOWN = "unknown"
    TEST = "test"
    NUDGED = "nudged"
    COVER = "cover"
    """A colleague asks for cover of a shift; it is about no case."""
    STOPPED = "stopped"
    """Open cases no longer follow a newer text, for the reason of a plan; to whoever had them follow it."""
    ASKED = "asked"
    """A nudge by an outsider of a confidential agency: by those inside it neither seen as theirs, nor in its way."""


DUTY = frozenset((Kind.NEW, Kind.MOVED))
NUDGES = frozenset((Kind.NUDGED, Kind.ASKED))
ABOUT_A_NOTICE = frozenset((Kind.REMIND, Kind.TOLD, Kind.PAGED))


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One address of one person (or a webhook), and what became of the last message to it.

    ``state`` is sent, delivered, later (to be tried again) or dead; ``slot`` the turn it was last sent in. ``code`` is
    the first of the person's two reply codes; a webhook has its name for a person.
    """

    person: OpaqueId
    channel: str
    state: str
    slot: int
    at: Instant
    first_at: Instant
    count: int = 1
    code: int | None = None
    fails: int = 0
    again_at: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """See ``tables.errand``. ``due``: when the rules asked for it; ``since``: when it was recorded.

    ``shift``: that cover is asked for, of a ``COVER``.
    """

    id: OpaqueId
    case_id: OpaqueId | None
    agency: Slug
    owner: Slug | None = None
    outside: bool = False
    next_at: Instant | None
    over_at: Instant | None = None
    role: Slug | None = None
    person: OpaqueId | None = None
    kind: Kind
    instance: int | None = None
    notice_id: str | None = None
    due: Instant
    since: Instant
    slot: int = 0
    slot_at: Instant | None = None
    fails: int = 0
    ended: str | None = None
    ended_by: OpaqueId | None = None
    contacts: tuple[Contact, ...] = ()
    passed: tuple[OpaqueId, ...] = ()
    shift: OpaqueId | None = None

    def contact(self, person: OpaqueId, channel: str) -> Contact | None:
        """What became of the last message to an address."""
        return next((each for each in self.contacts if (each.person, each.channel) == (person, channel)), None)

    def with_contact(self, found: Contact) -> Errand:
        """With what became of a message."""
        rest = tuple(each for each in self.contacts if (each.person, each.channel) != (found.person, found.channel))
        return replace(self, contacts=(*rest, found))

    def over(self, why: str, at: Instant, by: OpaqueId | None = None) -> Errand:
        """It is over; nothing is sent any more."""
        return replace(self, next_at=None, over_at=at, ended=why, ended_by=by)


def new(
    agency: Slug, kind: Kind, now: Instant, *, case_id: OpaqueId | None = None, person: OpaqueId | None = None
) -> Errand:
    """An errand to be looked at at once."""
    return Errand(
        id=ids.random_id(), case_id=case_id, agency=agency, person=person, kind=kind, next_at=now, due=now, since=now
    )


def add(connection: Connection, errands: Iterable[tuple[Errand, Protocol | None]]) -> None:
    """Write new errands; those of a case with the protocol it runs on."""
    rows = [_kept(connection, each, protocol) for each, protocol in errands]
    if rows:
        connection.execute(insert(errand), rows)


def claim(connection: Connection, now: Instant, limit: int) -> tuple[Errand, ...]:
    """Errands to be looked at now, the longest waiting first; nobody else gets them for ``LEASE``."""
    wanted = (
        select(errand)
        .where(errand.c.next_at <= now)
        .order_by(errand.c.next_at, errand.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(wanted).all()
    if rows:
        taken = [row.id for row in rows]
        connection.execute(update(errand).where(errand.c.id.in_(taken)).values(next_at=now + LEASE))
    return _opened(connection, rows, drop=True)


def next_due(connection: Connection) -> Instant | None:
    """When the next errand is to be looked at; None while there is none."""
    return connection.execute(
        select(errand.c.next_at).where(errand.c.next_at.is_not(None)).order_by(errand.c.next_at).limit(1)
    ).scalar()


def save(connection: Connection, found: Errand) -> None:
    """Write what became of an errand; one that ended meanwhile (by an answer) stays ended."""
    row = connection.execute(select(errand).where(errand.c.id == found.id).with_for_update()).first()
    if row is None:
        return
    (known,) = _opened(connection, (row,)) or (found,)
    if known.over_at is not None:
        kept = replace(known, contacts=found.contacts)
    else:
        kept = replace(found, passed=tuple(dict.fromkeys((*known.passed, *found.passed))))
        if len(known.passed) > len(found.passed):
            # Somebody passed it on while it was being sent: the next person is told at once.
            kept = replace(kept, next_at=found.since)
    put(connection, errand, [_kept(connection, kept, protocol_of(connection, kept.case_id))])


def put_back(connection: Connection, changed: Errand) -> None:
    """Write an errand as it is given, in the transaction that read it."""
    put(connection, errand, [_kept(connection, changed, protocol_of(connection, changed.case_id))])


def one(connection: Connection, id_: OpaqueId) -> Errand | None:
    """An errand by its id."""
    found = _opened(connection, connection.execute(select(errand).where(errand.c.id == id_)).all())
    return found[0] if found else None


def live(connection: Connection, agency: Slug, now: Instant) -> tuple[Errand, ...]:
    """An agency's errands that are not over, or were so lately that somebody may still answer them."""
    wanted = select(errand).where(
        errand.c.agency == agency, or_(errand.c.over_at.is_(None), errand.c.over_at > now - REPLIED)
    )
    return _opened(connection, connection.execute(wanted.order_by(errand.c.id)).all())


def of_case(connection: Connection, case_id: OpaqueId, agency: Slug) -> tuple[Errand, ...]:
    """What of a case an agency's own people were told, the oldest first."""
    wanted = select(errand).where(errand.c.case_id == case_id, errand.c.agency == agency)
    return tuple(sorted(_opened(connection, connection.execute(wanted).all()), key=lambda each: (each.since, each.id)))


def confirmed(connection: Connection, case_id: OpaqueId, instance: int, by: OpaqueId, now: Instant) -> None:
    """Somebody said that they have a task: what asks for that is over.

    Facts say so too, but of a task that was handed to somebody by name, who has it by that already.
    """
    wanted = select(errand).where(errand.c.case_id == case_id, errand.c.over_at.is_(None)).with_for_update()
    for each in _opened(connection, connection.execute(wanted).all()):
        if each.kind in DUTY and each.instance == instance:
            put_back(connection, each.over("taken", now, by))


def of_shift(connection: Connection, agency: Slug, shift: OpaqueId) -> tuple[Errand, ...]:
    """Whom of an agency asking for cover of a shift went to, the oldest first."""
    wanted = select(errand).where(errand.c.agency == agency, errand.c.kind == Kind.COVER.value)
    found = _opened(connection, connection.execute(wanted.order_by(errand.c.since, errand.c.id)).all())
    return tuple(each for each in found if each.shift == shift)


def forget(connection: Connection, now: Instant) -> int:
    """Drop what was over a week ago; how many."""
    return connection.execute(delete(errand).where(errand.c.over_at < now - KEPT)).rowcount


def drop(connection: Connection, case_id: OpaqueId, agency: Slug) -> None:
    """Forget whom of an agency was told what of a case: its part of the case is erased."""
    connection.execute(delete(errand).where(errand.c.case_id == case_id, errand.c.agency == agency))


def _opened(connection: Connection, rows: Iterable[Any], *, drop: bool = False) -> tuple[Errand, ...]:
    """Rows as errands. One whose keys are shut, or gone with its part of the case, is left out: others go on."""
    seals, found = sealer(connection), []
    for row in rows:
        try:
            found.append(_errand(seals.opened("errand", dict(row._mapping))))
        except HandoffError as error:
            if drop and error.code == "KEY_DESTROYED":
                connection.execute(delete(errand).where(errand.c.id == row.id))
    return tuple(found)


def _errand(row: Mapping[str, Any]) -> Errand:
    notes = json.loads(row["notes"])
    plain = {each.name: row[each.name] for each in fields(Errand) if each.name in row}
    return Errand(
        **{**plain, "kind": Kind(row["kind"])},
        contacts=tuple(Contact(**each) for each in notes["contacts"]),
        passed=tuple(notes["passed"]),
        shift=notes.get("shift"),
    )


def _kept(connection: Connection, found: Errand, protocol: Protocol | None) -> dict[str, Any]:
    named = {each.name: getattr(found, each.name) for each in fields(Errand)}
    contacts = [{each.name: getattr(one, each.name) for each in fields(Contact)} for one in named.pop("contacts")]
    said = {"contacts": contacts, "passed": list(named.pop("passed"))}
    about = named.pop("shift")
    notes = json.dumps(said if about is None else {**said, "shift": about}, sort_keys=True)
    row = {**named, "kind": found.kind.value, "notes": notes}
    return {**row, "sealed": None} if protocol is None else sealer(connection).sealed("errand", row, protocol)


def protocol_of(connection: Connection, case_id: OpaqueId | None) -> Protocol | None:
    """What the case of an errand runs on; None for what is about no case, or one that is not known."""
    if case_id is None:
        return None
    hash_ = connection.execute(select(case_file.c.protocol_hash).where(case_file.c.case_id == case_id)).scalar()
    return None if hash_ is None else protocols.by_hash(connection, hash_).protocol
