"""What a keyholder writes down: its people and their grants, its callers, and a row before each value leaves."""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyotp
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from sqlalchemy import Connection, Row, delete, func, insert, select, update

from protocol.errors import HandoffError
from protocol.names import OpaqueId
from store.custodian.book_tables import audit, client, code, glass, granted, metadata, person, seen
from store.custodian.port import Pane
from store.session import Database

MINUTE, HOUR = 60, 3600
SKEW = 60
"""How far a caller's clock may be from this one, in seconds."""
IDLE, LONGEST = 30 * MINUTE, 12 * HOUR
"""A grant ends after so long without use, and in any case."""
CODE_LASTS = HOUR
GLASS_WAITS, GLASS_LASTS = HOUR, 4 * HOUR
"""How long a second person's yes is waited for, and how long at most it opens a case."""
PER_MINUTE, PER_HOUR, CASES_PER_HOUR = 120, 600, 40
"""How much one person may open: values a minute and an hour, different cases an hour."""
TRIES, TRIES_WITHIN = 10, 10 * MINUTE
SHORTEST = 12
STEP = 30

_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash(secrets.token_urlsafe(16))
"""Verified against for a name nobody has: the answer takes as long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """What is about to be done, for the audit: ``records`` counts values."""

    client: str
    person: str
    what: str
    why: str = ""
    cases: tuple[OpaqueId, ...] = ()
    records: int = 0


class Book:
    """A keyholder's database, one SQLite file whose every commit is on the disk before it is answered.

    Args:
        path: the file, made if need be.
        clock: seconds since 1970.
    """

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self.database = Database(f"sqlite:///{path}")
        with self.database.write() as connection:
            metadata.create_all(connection)
        path.chmod(0o600)

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    # People

    def add_person(self, name: str, password: str) -> str:
        """Write a person down; gives the secret of their one-time codes, which is shown once.

        Raises:
            HandoffError: ``PASSWORD_SHORT``, ``NAME_TAKEN``.
        """
        if len(password) < SHORTEST:
            raise HandoffError("PASSWORD_SHORT", f"a password has at least {SHORTEST} characters")
        secret = pyotp.random_base32()
        with self.database.write() as connection:
            if connection.execute(select(person.c.name).where(person.c.name == name)).first():
                raise HandoffError("NAME_TAKEN", f"there is already a person named {name}")
            connection.execute(
                insert(person).values(
                    name=name, password=_HASHER.hash(password), totp=secret, last_step=0, tries=0, tries_from=0
                )
            )
        return secret

    def remove_person(self, name: str) -> None:
        """End a person's grants and let them sign in no more.

        Raises:
            HandoffError: ``UNKNOWN_PERSON``.
        """
        with self.database.write() as connection:
            connection.execute(delete(granted).where(granted.c.person == name))
            if not connection.execute(delete(person).where(person.c.name == name)).rowcount:
                raise HandoffError("UNKNOWN_PERSON", f"nobody named {name} is enrolled at this keyholder")

    def sign_in(self, name: str, password: str, given: str) -> str:
        """A new grant for who proves to be a person: 256 bits, of which the hash is kept.

        Raises:
            HandoffError: ``PROOF_WRONG`` (the same for an unknown name, a wrong password, a wrong or used code),
                ``TOO_MANY_TRIES``.
        """
        now = int(self._clock())
        token = secrets.token_urlsafe(32)
        with self.database.write() as connection:
            row = connection.execute(select(person).where(person.c.name == name)).first()
            if row is not None and row.tries >= TRIES and now - row.tries_from < TRIES_WITHIN:
                raise HandoffError("TOO_MANY_TRIES", "too many tries; wait ten minutes")
            step = _proof(row, password, given, now)
            if row is not None:
                connection.execute(update(person).where(person.c.name == name).values(_after(row, step, now)))
            if step is not None:
                connection.execute(insert(granted).values(hash=_hash(token), person=name, issued_at=now, used_at=now))
        if step is None:
            raise HandoffError("PROOF_WRONG", "the name, the password or the code is not right; use a fresh code")
        return token

    def holder(self, token: str, within: int | None = None) -> str:
        """The person who holds a grant; with ``within``, who got it so few seconds ago.

        Raises:
            HandoffError: ``GRANT_NEEDED`` without a grant in force, ``GRANT_STALE`` when it is too old for this.
        """
        now = int(self._clock())
        with self.database.write() as connection:
            row = connection.execute(select(granted).where(granted.c.hash == _hash(token))).first()
            if row is not None and now - row.used_at <= IDLE and now - row.issued_at <= LONGEST:
                if within is not None and now - row.issued_at > within:
                    raise HandoffError("GRANT_STALE", "sign in at your agency's keyholder once more: this act needs it")
                connection.execute(update(granted).where(granted.c.hash == row.hash).values(used_at=now))
                return str(row.person)
        raise HandoffError("GRANT_NEEDED", "sign in at your agency's keyholder to see protected values")

    def end(self, token: str) -> None:
        """End a grant."""
        with self.database.write() as connection:
            connection.execute(delete(granted).where(granted.c.hash == _hash(token)))

    def ask_glass(self, pane: Pane, who: str) -> None:
        """Keep that a person asks to see a case that is not theirs. Safe to repeat."""
        row = {"id": pane.glass, "case_id": pane.case_id, "person": who, "asked_at": int(self._clock())}
        with self.database.write() as connection:
            if connection.execute(select(glass.c.id).where(glass.c.id == pane.glass)).first() is None:
                connection.execute(insert(glass).values(row))

    def second(self, pane: Pane, who: str) -> None:
        """Keep a second person's yes: from now on the case opens to who asked.

        Raises:
            HandoffError: ``SELF_APPROVAL``; ``GLASS_OVER`` when nobody asked here within the hour.
        """
        now = int(self._clock())
        with self.database.write() as connection:
            row = connection.execute(select(glass).where(glass.c.id == pane.glass)).first()
            if row is None or row.case_id != pane.case_id or now - row.asked_at >= GLASS_WAITS:
                raise HandoffError("GLASS_OVER", "nobody asked your agency's keyholder for this within the hour")
            if row.person == who:
                raise HandoffError("SELF_APPROVAL", "the yes has to be another person's")
            if row.second is None:
                ends = now + min(pane.minutes * MINUTE, GLASS_LASTS)
                connection.execute(update(glass).where(glass.c.id == row.id).values(second=who, ends_at=ends))

    def through_glass(self, id_: OpaqueId, who: str, cases: Collection[OpaqueId]) -> None:
        """Let a person look at the one case that a second person's yes opened to them.

        Raises:
            HandoffError: ``GLASS_OVER``.
        """
        with self.database.read() as connection:
            row = connection.execute(select(glass).where(glass.c.id == id_)).first()
        if row is None or row.person != who or set(cases) != {row.case_id} or (row.ends_at or 0) <= int(self._clock()):
            raise HandoffError("GLASS_OVER", "your agency's keyholder knows of no second person's yes that opens this")

    # Callers

    def new_code(self) -> str:
        """A one-time secret with which an installation may enrol within the hour."""
        made = secrets.token_urlsafe(32)
        with self.database.write() as connection:
            connection.execute(insert(code).values(hash=_hash(made), ends_at=int(self._clock()) + CODE_LASTS))
        return made

    def enrol(self, given: str, fingerprint: str, certificate: str) -> None:
        """Let a certificate in, against a one-time code.

        Raises:
            HandoffError: ``CODE_USED`` for a code that is unknown, used or over.
        """
        now = int(self._clock())
        with self.database.write() as connection:
            found = delete(code).where(code.c.hash == _hash(given), code.c.ends_at >= now)
            if not connection.execute(found).rowcount:
                raise HandoffError("CODE_USED", "this enrolment code is not known, was used, or is over")
            connection.execute(delete(client).where(client.c.fingerprint == fingerprint))
            connection.execute(insert(client).values(fingerprint=fingerprint, certificate=certificate, enrolled_at=now))

    def certificates(self) -> tuple[str, ...]:
        """The certificates that are let in."""
        with self.database.read() as connection:
            return tuple(connection.execute(select(client.c.certificate)).scalars())

    def once(self, nonce: str, at: float) -> None:
        """Take a request that is fresh and was not seen before.

        Raises:
            HandoffError: ``CLOCK_APART``, ``REPLAYED``.
        """
        now = self._clock()
        if abs(now - at) > SKEW:
            raise HandoffError("CLOCK_APART", f"the clocks of Handoff and the keyholder are over {SKEW} s apart")
        with self.database.write() as connection:
            connection.execute(delete(seen).where(seen.c.at < int(now) - 2 * SKEW))
            if connection.execute(select(seen.c.nonce).where(seen.c.nonce == nonce)).first():
                raise HandoffError("REPLAYED", "the keyholder has already answered this request")
            connection.execute(insert(seen).values(nonce=nonce, at=int(now)))

    # The audit

    def write_down(self, act: Act) -> None:
        """Write down, for good, what is about to be done; a person's limits are held to here.

        Raises:
            HandoffError: ``LIMIT_REACHED``; ``AUDIT_DOWN`` when it cannot be written, as on a full disk.
        """
        now = int(self._clock())
        try:
            with self.database.write() as connection:
                if act.person and act.records:
                    _within_limits(connection, act, now)
                last = connection.execute(select(audit).order_by(audit.c.n.desc()).limit(1)).first()
                fields = {
                    "n": 1 if last is None else last.n + 1,
                    "at": now,
                    "client": act.client,
                    "person": act.person,
                    "what": act.what,
                    "why": act.why,
                    "cases": ",".join(sorted(set(act.cases))),
                    "records": act.records,
                }
                connection.execute(
                    insert(audit).values(hash=_link("" if last is None else last.hash, fields), **fields)
                )
        except HandoffError as error:
            if error.code == "LIMIT_REACHED":
                raise
            raise HandoffError("AUDIT_DOWN", "the keyholder cannot write its audit, so it opens nothing") from error

    def verify(self) -> int:
        """Hold every row against the chain; how many there are.

        Raises:
            HandoffError: ``CHAIN_BROKEN``, naming the first row that is not as it was written.
        """
        before = ""
        count = 0
        with self.database.read() as connection:
            for count, row in enumerate(connection.execute(select(audit).order_by(audit.c.n)), 1):
                fields = {name: value for name, value in row._mapping.items() if name != "hash"}
                if row.n != count or row.hash != _link(before, fields):
                    raise HandoffError("CHAIN_BROKEN", f"row {count} of the keyholder's audit was altered or moved")
                before = row.hash
        return count


def _proof(row: Row[Any] | None, password: str, given: str, now: int) -> int | None:
    """The half minute whose code was given with the right password; each is good once."""
    try:
        _HASHER.verify(_NOBODY if row is None else row.password, password)
    except (VerifyMismatchError, InvalidHashError):
        return None
    if row is None:
        return None
    codes = pyotp.TOTP(row.totp)
    for step in (now // STEP - 1, now // STEP, now // STEP + 1):
        if step > row.last_step and secrets.compare_digest(codes.at(step * STEP).encode(), given.strip().encode()):
            return step
    return None


def _after(row: Row[Any], step: int | None, now: int) -> dict[str, int]:
    if step is not None:
        return {"last_step": step, "tries": 0}
    if now - row.tries_from >= TRIES_WITHIN:
        return {"tries": 1, "tries_from": now}
    return {"tries": row.tries + 1}


def _within_limits(connection: Connection, act: Act, now: int) -> None:
    def opened(since: int) -> int:
        mine = (audit.c.person == act.person, audit.c.at > now - since)
        return int(connection.execute(select(func.coalesce(func.sum(audit.c.records), 0)).where(*mine)).scalar_one())

    lists = select(audit.c.cases).where(audit.c.person == act.person, audit.c.at > now - HOUR, audit.c.records > 0)
    cases: set[str] = {each for row in connection.execute(lists) for each in row.cases.split(",")}
    over = (
        opened(MINUTE) + act.records > PER_MINUTE
        or opened(HOUR) + act.records > PER_HOUR
        or len(cases | set(act.cases)) > CASES_PER_HOUR
    )
    if over:
        raise HandoffError(
            "LIMIT_REACHED",
            f"one person may open {PER_MINUTE} values a minute, {PER_HOUR} an hour, of {CASES_PER_HOUR} cases; wait",
        )


def _link(before: str, fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([before, fields], sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
